"""Small files in the layout of MedMNIST, with a table entry that fits them."""

import hashlib
from pathlib import Path

import numpy as np

from eqntk_cli.data.entry import RemoteFile
from eqntk_cli.data.formats.medmnist_table import Description

COUNTS = {"train": 30, "val": 4, "test": 12}


def arrays(task: str = "multi-class", classes: int = 3, channels: int = 1, side: int = 28) -> dict[str, np.ndarray]:
    """Random images and labels of every split."""
    rng = np.random.default_rng(5)
    image = (side, side) if channels == 1 else (side, side, channels)
    made = {}
    for split, count in COUNTS.items():
        made[f"{split}_images"] = rng.integers(256, size=(count, *image), dtype=np.uint8)
        shape, top = ((count, classes), 2) if task.startswith("multi-label") else ((count, 1), classes)
        made[f"{split}_labels"] = rng.integers(top, size=shape, dtype=np.uint8)
    return made


def write(folder: Path, made: dict[str, np.ndarray], name: str = "madeup", suffix: str = "") -> RemoteFile:
    """Write <name><suffix>.npz; its entry holds the right checksum."""
    path = folder / f"{name}{suffix}.npz"
    np.savez_compressed(path, **made)
    return RemoteFile(path.name, f"http://nowhere.invalid/{path.name}", hashlib.md5(path.read_bytes()).hexdigest())


def describe(
    files: dict[int, RemoteFile], task: str = "multi-class", classes: int = 3, channels: int = 1
) -> Description:
    """The table's row for such files."""
    names = tuple(f"class {index}" for index in range(classes))
    return Description("madeup", task, names, channels, COUNTS, "CC0", files)
