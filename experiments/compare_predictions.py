"""Predictions of all kinds of ensembles by this code and by other code, from the same settings, in double precision.

Every side trains two members of every case for 60 steps in a process of its own. The difference of the predictions
at every recorded step is given relative to the largest prediction of the case; rounding alone leaves some 1e-14.
Random numbers and the meaning of settings must be the same on both sides, which is what the comparison is for.

    python experiments/compare_predictions.py --base CHECKOUT --out FOLDER

The table goes to results/compare_predictions.csv. Predictions in the folder are not made again, and those of another
commit are refused. Exit status 1 if a case differs by more than 1e-12.
"""

import argparse
import csv
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import jax
import numpy as np
from checkouts import commit

from eqntk_cli.config.compose import compose
from eqntk_cli.config.schema import ModelConfig
from eqntk_cli.data.registry import load_data
from eqntk_cli.models.ensemble import FiniteEnsemble
from eqntk_cli.models.registry import build_model

ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 1e-12
MEMBERS = 2
AUGMENTED, GROUP = "augmented_ensemble", "gcnn_ensemble"
MODELS = {
    "augmented": [f"model={AUGMENTED}"],
    "group": [f"model={GROUP}"],
    "group identity": [f"model={GROUP}", "architecture.group_support=identity"],
}
COMMON = [
    "precision=float64",
    "model.width=5",
    f"model.members={MEMBERS}",
    "training.step_size=0.05",
    "training.steps=60",
    "training.record_steps=[0,1,2,5,10,20,40,60]",
    "architecture.W_std=[1.3,1.1,0.9]",
    "architecture.b_std=[0.2,0.1,0.05]",
]
IMAGES = ["dataset=digits", "dataset.n_train=6", "dataset.n_test=4", "dataset.n_ood=2"]
MOLECULES = [
    "dataset=molecules",
    "dataset.n_train=4",
    "dataset.n_test=3",
    "dataset.n_ood=0",
    "architecture.bandlimit=3",
]
TRAININGS = {
    "cross-entropy": ["training.loss=cross_entropy"],
    "sgd": ["training.optimizer=sgd", "training.batch_size=2"],
    "momentum": ["training.optimizer=momentum", "training.step_size=0.01"],
    "adam": ["training.optimizer=adam", "training.step_size=0.003"],
    "centred": ["training.centred=true"],
    "lazy": ["training.centred=true", "training.output_scale=10"],
    "cross-entropy, adam, batches": [
        "training.loss=cross_entropy", "training.optimizer=adam", "training.step_size=0.003", "training.batch_size=3",
    ],
}  # fmt: skip
LAYERS = {
    "erf": ["architecture.activation=erf"],
    "three hidden": [
        "architecture.hidden_layers=3", "architecture.W_std=[1.3,1.1,1,0.9]", "architecture.b_std=[0.2,0.1,0.1,0.05]",
    ],
    "skip": ["architecture.skip=true"],
}  # fmt: skip
CNN = {
    "flatten": ["architecture.readout=flatten"],
    "average pooling": ["architecture.average_pool=2"],
    "window 3x1": ["architecture.filter=[3,1]"],
    "window 5": ["architecture.filter=5"],
}
CONTROLS = {
    "no augmentation": [f"model={AUGMENTED}", "model.augmentation=none", "role=control", "control=no_augmentation"],
    "other group": [f"model={AUGMENTED}", "group=c2", "role=control", "control=other_group"],
    "other step size": [
        f"model={AUGMENTED}", "training.step_size=0.025", "role=control", "control=other_step_size",
    ],
}  # fmt: skip


def main() -> None:
    """Train on both sides, then compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, help="a checkout of other code; needed")
    parser.add_argument("--out", type=Path, required=True, help="folder of the predictions")
    parser.add_argument("--side", help=argparse.SUPPRESS)  # the inner process: only train
    arguments = parser.parse_args()
    if arguments.side:
        train_all(arguments.out / arguments.side)
        return
    if arguments.base is None:
        parser.error("--base is missing: a checkout of the code to compare with, for example of an earlier commit")
    for side, top in (("base", arguments.base), ("new", ROOT)):
        settle(arguments.out / side, commit(top))
        command = [sys.executable, str(Path(__file__).resolve()), "--out", str(arguments.out.resolve()), "--side", side]
        subprocess.run(command, env=os.environ | {"PYTHONPATH": str(top.resolve())}, cwd=top, check=True)
    sys.exit(int(not compared(arguments.out)))


def settle(folder: Path, code: str) -> None:
    """Note of which commit the predictions of a folder are; those of another one are not taken for them."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "commit"
    if note.exists() and note.read_text() != code:
        sys.exit(f"{folder} holds predictions of {note.read_text()}, expected {code}; give another --out")
    note.write_text(code)


def cases() -> Iterator[tuple[str, list[str]]]:
    """Names and settings."""
    for padding, stride, (name, model) in itertools.product(("valid", "same", "circular"), (1, 2), MODELS.items()):
        for loss in ("mse", "cross_entropy"):
            window = [f"architecture.padding={padding}", f"architecture.stride={stride}", f"training.loss={loss}"]
            yield f"cnn {padding} {stride} {loss} {name}", [*images("cnn", "c4"), *window, *model]
    for architecture, (name, model) in itertools.product(("mlp", "cnn"), MODELS.items()):
        own = images(architecture, "c4")
        for change, settings in (TRAININGS | LAYERS | (CNN if architecture == "cnn" else {})).items():
            same = ["architecture.padding=same"] if change == "skip" and architecture == "cnn" else []
            yield f"{architecture} {change} {name}", [*own, *model, *settings, *same]
        for group in ("c2", "d2", "d4"):
            yield f"{architecture} {group} {name}", [*images(architecture, group), *model]
    for architecture, (name, settings) in itertools.product(("mlp", "cnn"), CONTROLS.items()):
        yield f"{architecture} control {name}", [*images(architecture, "c4"), *settings]
    for architecture, name in itertools.product(("mlp", "cnn"), ("augmented", "group identity")):
        shared = [*images(architecture, "c4"), "architecture.group_support=identity", "coupling=shared"]
        yield f"{architecture} coupled {name}", [*shared, *MODELS[name]]
        yield f"{architecture} coupled centred {name}", [*shared, *MODELS[name], "training.centred=true"]
    for group, (name, model) in itertools.product(("octahedral", "cn", "icosahedral"), MODELS.items()):
        own = [*molecules(group), *(["group.order=3"] if group == "cn" else []), *model]
        yield f"molecules {group} {name}", own
    for change, (name, model) in itertools.product(("sgd", "adam", "centred"), MODELS.items()):
        yield f"molecules octahedral {change} {name}", [*molecules("octahedral"), *model, *TRAININGS[change]]
    for name, model in MODELS.items():
        yield f"molecules per atom {name}", [*molecules("octahedral"), *model, "architecture.per_atom=true"]
        shared = [*molecules("octahedral"), "architecture.group_support=identity", "coupling=shared"]
        if name != "group":
            yield f"molecules coupled {name}", [*shared, *model]
    haar = ["model.augmentation=haar", "model.haar_samples=3", "architecture.group_support=identity"]
    yield "molecules random rotations", [*molecules("so3"), *MODELS["augmented"], *haar]
    yield "molecules so3 identity", [*molecules("so3"), *MODELS["group identity"]]
    for name in ("group", "group identity"):
        limited = [*molecules("so3"), *MODELS[name], "architecture.band_limited=true"]
        yield f"molecules so3 band-limited {name}", limited


def images(architecture: str, group: str) -> list[str]:
    """Settings of a network on digits."""
    return [*COMMON, *IMAGES, f"architecture={architecture}", f"group={group}"]


def molecules(group: str) -> list[str]:
    """Settings of a network on molecules."""
    return [*COMMON, *MOLECULES, "architecture=spherical_mlp", f"group={group}"]


def train_all(folder: Path) -> None:
    """The predictions of all cases with the code of this process."""
    jax.config.update("jax_enable_x64", True)
    folder.mkdir(parents=True, exist_ok=True)
    plain = ["model.antithetic=false"] if any(field.name == "antithetic" for field in fields(ModelConfig)) else []
    for name, settings in cases():
        file = folder / f"{name}.npy"
        if not file.exists():
            start = time.perf_counter()
            np.save(file, predictions([*settings, *plain]))
            print(folder.name, name, f"{time.perf_counter() - start:.1f} s", flush=True)  # noqa: T201
            jax.clear_caches()


def predictions(settings: list[str]) -> np.ndarray:
    """(member, step, element, sample, output)."""
    config = compose(settings)
    built = build_model(config, load_data(config.dataset, config.architecture))
    assert isinstance(built, FiniteEnsemble)
    return built.run_block(0, MEMBERS, lambda _: None)


def compared(folder: Path) -> bool:
    """Print the largest difference of every case and keep the table; whether all are rounding."""
    good, worst = True, 0.0
    code = [(folder / side / "commit").read_text() for side in ("base", "new")]
    rows = [["case", "difference", "moved_by_training", "base", "new"]]
    for name, _ in cases():
        base, new = (np.load(folder / side / f"{name}.npy") for side in ("base", "new"))
        alike = base.shape == new.shape
        difference = np.abs(base - new).max() / np.abs(base).max() if alike else np.inf
        moved = np.abs(base[:, -1] - base[:, 0]).max() / np.abs(base).max()
        good, worst = good and bool(difference < TOLERANCE), max(worst, difference)
        print(f"{name:50s} {difference:.1e}  moved by training {moved:.2f}")  # noqa: T201
        rows.append([name, f"{difference:.1e}", f"{moved:.2f}", *code])
    with (ROOT / "experiments" / "results" / "compare_predictions.csv").open("w", newline="") as table:
        csv.writer(table).writerows(rows)
    print(f"{sum(1 for _ in cases())} cases, largest difference {worst:.1e}")  # noqa: T201
    return good


if __name__ == "__main__":
    main()
