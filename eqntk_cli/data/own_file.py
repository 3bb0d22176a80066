"""What a file of a user's own holds, said before any run: `eqntk data check FILE`."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.formats.stored import StoredArray
from eqntk_cli.data.sources.arrays import OwnImages, own_files
from eqntk_cli.data.sources.structures import OwnStructures, numbers, read_structures
from eqntk_cli.errors import ConfigError

_ARRAYS = (".npz", ".npy")
_USUAL = {"n_train": 64, "n_test": 64}  # of conf/dataset/arrays.yaml
_USUAL_STRUCTURES = 64 + 16  # of conf/dataset/structures.yaml


def explain(paths: list[Path], target: str | None = None, task: str = "auto") -> Iterator[str]:
    """What the file holds, or the .npy files that belong together, and how to train on it, line by line.

    Raises:
        ConfigError: several files that are no arrays, or a task of structures.
        DataError: what is wrong with it.
    """
    files = own_files(DatasetConfig(name="files", family="files", files=[str(path) for path in paths], task=task))
    if files[0].suffix in _ARRAYS:
        yield from _images(files, task)
        return
    if len(files) > 1 or task != "auto":
        raise ConfigError("several files, and --task, are for arrays (.npz, .npy); give one file of structures alone.")
    yield from _structures(files[0], target)


def _images(files: list[Path], task: str) -> Iterator[str]:
    if len(files) == 1 and files[0].suffix == ".npy":
        array = StoredArray(files[0])
        yield f"{files[0]}: one array of shape {array.shape}, {array.dtype}"
        yield "check it with its partner: eqntk data check x.npy y.npy"
        return
    source = OwnImages(files, task, 0)
    images, _ = source.read("train", np.arange(1))
    named = str(files[0]) if len(files) == 1 else f"[{','.join(map(str, files))}]"
    sizes = source.sizes
    yield f"{named}: {sizes['train']} training and {sizes['test']} test images of shape {images.shape[1:]}"
    yield f"task {source.task}: {', '.join(source.label_names)}"
    given = "" if task == "auto" else f" dataset.task={task}"
    fewer = [f" dataset.n_{split}={size}" for split, size in sizes.items() if size < _USUAL[f"n_{split}"]]
    setting = shlex.quote(f"dataset.files={named}")
    yield f"use it: eqntk train dataset=arrays {setting}{given}{''.join(fewer)} group=c4 model=ntk"


def _structures(path: Path, target: str | None) -> Iterator[str]:
    structures = read_structures(path)
    keys = numbers(structures)
    atoms = sorted({symbol for structure in structures for symbol in structure.symbols})
    yield f"{path}: {len(structures)} structures of {', '.join(atoms)}, up to {max(map(len, structures))} atoms"
    yield f"numbers that every structure has: {', '.join(keys) or 'none'}"
    if target is None and len(keys) > 1:
        yield f"choose one of them: eqntk data check {shlex.quote(str(path))} --target {keys[0]}"
    if target is not None or len(keys) == 1:
        target = target or keys[0]
        dataset = DatasetConfig(name="structures", family="structures", kind="molecules", target=target)
        OwnStructures(path, dataset)
        yield "use it: eqntk train dataset=structures architecture=spherical_mlp group=octahedral model=ntk " + (
            f"{shlex.quote(f'dataset.files={path}')} dataset.target={target}{_fewer(len(structures))}"
        )


def _fewer(structures: int) -> str:
    """Numbers of samples where the file holds fewer structures than the defaults take."""
    if structures >= _USUAL_STRUCTURES:
        return ""
    test = max(1, structures // 5)
    return f" dataset.n_train={structures - test} dataset.n_test={test}"
