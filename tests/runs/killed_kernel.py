"""A kernel prediction of forty small images, and a program that runs it in a folder until it is stopped."""

import sys
from pathlib import Path

import jax
import numpy as np
from fake_runs import config, stop_here

from eqntk_cli.config.schema import ArchitectureConfig, Config, ModelConfig
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.kernels.gram.store import TileStore
from eqntk_cli.runs.execute import execute
from eqntk_cli.targets.scale import TargetScale

SIZES = {"train": 40, "test": 5, "ood": 2}
TILES = {"train": 10, "cross": 1, "rest": 1}  # forty samples are cut into 4 x 4, of which 10 are on or above


def kernel_config(shards: int = 1, **changes) -> Config:
    return config(
        model=ModelConfig(name="ntk", shards=shards), architecture=ArchitectureConfig(name="mlp", b_std=0.1), **changes
    )


def load_images(*_) -> DataBundle:
    rng = np.random.default_rng(0)
    x = {split: rng.normal(size=(size, 4, 4, 1)).astype(np.float32) for split, size in SIZES.items()}
    y = {split: rng.normal(size=(size, 1)) for split, size in SIZES.items()}
    return DataBundle(
        name="digits", task="regression", domain=PixelGrid(4, 4, 1),
        train_x=x["train"], train_y=y["train"], test_x=x["test"], test_y=y["test"], ood_x=x["ood"],
        ood_y=np.full((2, 1), np.nan), train_labels=None, test_labels=None, ood_labels=None,
        output_names=("y",), target=TargetScale("y"),
    )  # fmt: skip


class StoppedAt:
    """Takes the place of TileStore.write: stops in front of one tile, and notes the tiles that were written."""

    def __init__(self, name: str | None = None, number: int = 0, stop=stop_here) -> None:
        self.written = []
        self._name, self._number, self._stop = name, number, stop
        self._write = TileStore.write

    def __call__(self, store, tile, block):
        matrix = store.folder.name
        if matrix == self._name and sum(name == matrix for name, _ in self.written) == self._number:
            self._stop("ready")
        self._write(store, tile, block)
        self.written.append((matrix, tile))


def stopped_at(name=None, number=0, stop=stop_here):
    """The function, so that it is bound as a method."""
    keeper = StoppedAt(name, number, stop)
    return keeper, lambda *given: keeper(*given)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    TileStore.write = stopped_at(sys.argv[2], int(sys.argv[3]))[1]
    execute(kernel_config(shards=int(sys.argv[4])), Path(sys.argv[1]), load_images)
