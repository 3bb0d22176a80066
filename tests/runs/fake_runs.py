"""A small data set and models made of numpy alone, and a program that runs them in a folder until it is stopped."""

import csv
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eqntk_cli.config.schema import (
    ArchitectureConfig,
    Config,
    DatasetConfig,
    GroupConfig,
    ModelConfig,
    TrackingConfig,
    TrainingConfig,
)
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.models.base import KernelPrediction
from eqntk_cli.runs.execute import execute
from eqntk_cli.targets.scale import TargetScale

STEPS = (0, 1, 4)
MEMBERS, BLOCK = 7, 2  # the last block is smaller than the others


def config(**changes) -> Config:
    settings = dict(
        dataset=DatasetConfig(name="digits", family="digits", n_train=4, n_test=3, n_ood=2),
        group=GroupConfig(name="c4"),
        architecture=ArchitectureConfig(name="mlp"),
        model=ModelConfig(name="gcnn_ensemble", width=8, members=MEMBERS, antithetic=False),
        training=TrainingConfig(steps=4),
        tracking=TrackingConfig(mode="disabled"),
        precision="float64",
        seed=5,
    )
    return Config(**(settings | changes))


def bundle(seed: int = 0) -> DataBundle:
    rng = np.random.default_rng(seed)
    sizes = {"train": 4, "test": 3, "ood": 2}
    x = {split: rng.normal(size=(size, 4, 4, 1)).astype(np.float32) for split, size in sizes.items()}
    labels = {split: rng.integers(0, 2, size=(size, 1)) for split, size in sizes.items()}
    y = {split: np.eye(2)[labels[split][:, 0]] - 0.5 for split in sizes}
    y["ood"] = np.full((2, 2), np.nan)
    return DataBundle(
        name="digits", task="multi-class", domain=None,
        train_x=x["train"], train_y=y["train"], test_x=x["test"], test_y=y["test"], ood_x=x["ood"], ood_y=y["ood"],
        train_labels=labels["train"], test_labels=labels["test"], ood_labels=None,
        output_names=("no", "yes"), target=TargetScale("class", mean=0.5), notes=("made up",),
    )  # fmt: skip


def load(*_) -> DataBundle:
    return bundle()


@dataclass
class FakeEnsemble:
    """Members that move from noise towards a fixed function; `hook(block number)` is called inside a block."""

    config: Config
    data: DataBundle
    hook: object = None
    stability_limit: float = 3.0
    growth: float = 1.0
    element_names: tuple = ("e",)
    block_size: int = BLOCK
    notes: tuple = ("numpy only",)
    layout: dict | None = None

    @property
    def members(self):
        return self.config.model.members

    @property
    def record_steps(self):
        return STEPS

    @property
    def step_size(self):
        asked = self.config.training.step_size
        return 0.1 + 0.2 if asked == "auto" else asked

    def run_block(self, start, stop, on_progress):
        on_progress(0.5)
        if self.hook is not None:
            self.hook(start // BLOCK)
        return np.stack([self.member(number) for number in range(start, stop)])

    def member(self, number):
        rng = np.random.default_rng([self.config.seed, number])
        end, start = np.random.default_rng(1).normal(size=(2, len(self.element_names), 9, 2))
        start = start + rng.normal(size=start.shape)
        share = np.array(STEPS)[:, None, None, None] * self.step_size / 4
        return self.growth ** np.array(STEPS)[:, None, None, None] * (share * end + (1 - share) * start)

    def invariance_error(self):
        return 1e-9


@dataclass
class FakeKernel:
    """A kernel prediction with recognisable numbers."""

    config: Config
    data: DataBundle
    value: float = 1.0
    record_steps: tuple = STEPS
    step_size: float = 0.3
    stability_limit: float = 3.0
    notes: tuple = ()

    def prepare(self):
        pass

    def predict(self, on_progress):
        on_progress(0.5)
        mean = np.full((2, 3, 9, 2), self.value)
        return KernelPrediction(("group", "plain"), mean, np.ones((2, 3, 9, 9)), {"condition_number": 7.0}, 0.25)


def rows(folder: Path) -> list[dict[str, str]]:
    """The table of metrics of a run."""
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))


def stop_here(place: str) -> None:
    """Say where the program is, and wait there for whatever is going to happen to it."""
    sys.stdout.write(place + "\n")
    sys.stdout.flush()
    time.sleep(60)


def _pause_inside(moment: str) -> None:
    """Make the write of the second block stop at `moment`: before the chunk is safe, or before the record is."""
    from eqntk_cli.files import atomic
    from eqntk_cli.runs import store

    calls = {"chunk": 0, "record": 0}

    def flush(path):
        if moment == "chunk" and "prediction" in str(path) and path.is_file():
            calls["chunk"] += 1
            if calls["chunk"] == 2:
                stop_here("ready")

    def write(path, text):
        if '"members_done": 4' in text and moment == "record":
            (path.parent / ".record.json.1.tmp").write_text(text[:200])
            stop_here("ready")
        original(path, text)

    from eqntk_cli.runs import record

    original = atomic.write_text
    store.flush = flush
    record.write_text = write


def _waiting(settings: Config, data: DataBundle) -> FakeEnsemble:
    """Stops inside its second block."""
    return FakeEnsemble(settings, data, hook=lambda number: stop_here("ready") if number == 1 else None)


if __name__ == "__main__":
    where = sys.argv[2]
    if where in ("chunk", "record"):
        _pause_inside(where)
    execute(config(), Path(sys.argv[1]), load, FakeEnsemble if where in ("chunk", "record", "end") else _waiting)
