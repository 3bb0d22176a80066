"""What a file of a user's own holds, said before any run: `eqntk data check FILE`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.sources.arrays import OwnImages, own_files
from eqntk_cli.data.sources.structures import OwnStructures, numbers, read_structures

_ARRAYS = (".npz", ".npy")


def explain(path: Path, target: str | None = None) -> Iterator[str]:
    """What the file holds and how to train on it, line by line.

    Raises:
        DataError: what is wrong with it.
    """
    (file,) = own_files(DatasetConfig(name="files", family="files", files=str(path)))
    yield from _images(file) if file.suffix in _ARRAYS else _structures(file, target)


def _images(path: Path) -> Iterator[str]:
    if path.suffix == ".npy":
        from eqntk_cli.data.formats.stored import StoredArray

        array = StoredArray(path)
        yield f"{path}: one array of shape {array.shape}, {array.dtype}"
        yield "use it with its partner: dataset=arrays dataset.files=[x.npy,y.npy]"
        return
    source = OwnImages([path], "auto", 0)
    images, _ = source.read("train", np.arange(1))
    yield f"{path}: {source.sizes['train']} training and {source.sizes['test']} test images of shape {images.shape[1:]}"
    yield f"task {source.task}: {', '.join(source.label_names)}"
    yield f"use it: eqntk train dataset=arrays dataset.files={path}"


def _structures(path: Path, target: str | None) -> Iterator[str]:
    structures = read_structures(path)
    keys = numbers(structures)
    atoms = sorted({symbol for each in structures for symbol in each.symbols})
    yield f"{path}: {len(structures)} structures of {', '.join(atoms)}, up to {max(map(len, structures))} atoms"
    yield f"numbers that every structure has: {', '.join(keys) or 'none'}"
    if target is not None or len(keys) == 1:
        target = target or keys[0]
        dataset = DatasetConfig(name="structures", family="structures", kind="molecules", target=target)
        OwnStructures(path, dataset)
        yield "use it: eqntk train dataset=structures architecture=spherical_mlp group=octahedral " + (
            f"dataset.files={path} dataset.target={target}"
        )
