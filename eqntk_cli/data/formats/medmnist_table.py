"""The table of the medmnist package: names, tasks, classes, sizes, addresses and checksums of its data sets.

The table is the assignment `INFO = {...}` in the package's info.py. It is read as a literal, not imported:
importing the package needs torch, prints, and makes a folder in the user's home.
Yang et al., MedMNIST v2, Scientific Data 10, 41 (2023).
"""

import ast
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eqntk_cli.data.entry import Entry, RemoteFile
from eqntk_cli.errors import DataError, how_to_install
from eqntk_cli.targets.task import Task

STORED_SIZE = 28
LARGER_SIZES = (64, 128, 224)
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Description:
    """One 2-d MedMNIST set; `files` by image side in pixels."""

    name: str
    task: str
    label_names: tuple[str, ...]
    channels: int
    samples: dict[str, int]
    licence: str
    files: dict[int, RemoteFile]

    @property
    def label_columns(self) -> int:
        """The number of columns of the label array: one, or one per label of a multi-label set."""
        return Task.of(self.task).label_columns(len(self.label_names))


@cache
def table() -> dict[str, Description]:
    """Every 2-d MedMNIST set by name."""
    return {name: _description(name, row) for name, row in _info().items() if not name.endswith("3d")}


def entries() -> list[Entry]:
    """The 2-d sets as entries of the catalogue."""
    return [
        Entry(
            name=known.name,
            family="medmnist",
            task=known.task,
            samples=tuple(known.samples.items()),
            licence=known.licence,
            about=f"{'grey' if known.channels == 1 else 'RGB'} images, {len(known.label_names)} classes",
            files=(known.files[STORED_SIZE],),
            optional=tuple(file for size, file in known.files.items() if size != STORED_SIZE),
        )
        for known in table().values()
    ]


def _description(name: str, row: dict[str, Any]) -> Description:
    suffixes = {STORED_SIZE: "", **{size: f"_{size}" for size in LARGER_SIZES}}
    return Description(
        name=name,
        task=row["task"],
        label_names=tuple(row["label"][str(index)] for index in range(len(row["label"]))),
        channels=row["n_channels"],
        samples={split: row["n_samples"][split] for split in SPLITS},
        licence=row["license"],
        files={
            size: RemoteFile(f"{name}{suffix}.npz", row[f"url{suffix}"], row[f"MD5{suffix}"])
            for size, suffix in suffixes.items()
            if f"url{suffix}" in row
        },
    )


def _info() -> dict[str, dict[str, Any]]:
    spec = find_spec("medmnist")
    if spec is None or spec.origin is None:
        raise DataError(
            "the package medmnist, whose table lists the MedMNIST sets, is not installed; "
            f"expected version 3. Install it, without what it would bring along: {how_to_install('medmnist')} --no-deps"
        )
    path = Path(spec.origin).with_name("info.py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "INFO" for t in node.targets):
            info: dict[str, dict[str, Any]] = ast.literal_eval(node.value)
            return info
    raise DataError(f"{path} holds no table INFO; expected that of medmnist 3. Install another version of medmnist.")
