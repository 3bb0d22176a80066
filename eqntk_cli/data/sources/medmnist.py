"""Images and labels of the 2-d MedMNIST sets, read from their official files.

A file holds {train,val,test}_images, uint8 of shape (n, side, side) or (n, side, side, 3), and the labels (n, 1),
or (n, label) for a multi-label set. Its MD5 sum and its arrays are checked against the table of the medmnist
package before a number of it is used. Training samples come from the official training part, test samples from
the official test part. Yang et al., MedMNIST v2, Scientific Data 10, 41 (2023).
"""

from pathlib import Path

import numpy as np

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.entry import Family, at_hand, find_file, search_folders
from eqntk_cli.data.formats import npz
from eqntk_cli.data.formats.medmnist_table import SPLITS, STORED_SIZE, Description, entries, table
from eqntk_cli.errors import DataError
from eqntk_cli.files.digest import matches

_LARGEST_VALUE = 255.0


class MedMnist:
    """One file as an image source."""

    def __init__(self, path: Path, known: Description, notes: list[str]) -> None:
        self.name, self.task, self.label_names = known.name, known.task, known.label_names
        self.sizes, self.notes = known.samples, notes
        self._path = path

    def read(self, split: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images (image, side, side, channel) from 0 to 1, and labels (image, label)."""
        images = npz.rows(self._path, f"{split}_images", rows)
        images = images[..., None] if images.ndim == 3 else images
        return images / _LARGEST_VALUE, npz.rows(self._path, f"{split}_labels", rows).astype(np.int64)


def open_source(dataset: DatasetConfig) -> MedMnist:
    """The data set's file: found in the folders looked in, or fetched into the cache where no root is given.

    Raises:
        DataError: not there, or not the official file.
    """
    known = table()[dataset.name]
    side, notes = STORED_SIZE, []
    folders = search_folders("medmnist", dataset.root)
    if dataset.image_size in known.files and dataset.image_size != STORED_SIZE:
        larger = known.files[dataset.image_size]
        if find_file(larger.name, folders) is not None:
            side = dataset.image_size
        else:
            notes.append(f"{larger.name} is not at hand, so the images are those of {STORED_SIZE}x{STORED_SIZE} pixels")
    file = known.files[side]
    path = at_hand(file, "medmnist", dataset)
    check_file(path, known, side, file.md5)
    return MedMnist(path, known, notes)


def check(name: str, path: Path) -> None:
    """Compare a file with the table; its name says which size it holds.

    Raises:
        DataError: see `check_file`.
    """
    known = table()[name]
    side = next(size for size, file in known.files.items() if file.name == path.name)
    check_file(path, known, side, known.files[side].md5)


def check_file(path: Path, known: Description, side: int, md5: str) -> None:
    """Compare a file with the table.

    Raises:
        DataError: another MD5 sum, a file cut off, missing arrays, or arrays of another shape or dtype.
    """
    if not matches(path, f"md5:{md5}"):
        raise DataError(
            f"{path} is not the official file: expected MD5 {md5}, got another{_what_is_wrong(path, known, side)}. "
            f"Move it away and run `eqntk data fetch {path.stem} --root {path.parent}`."
        )
    check_arrays(path, known, side)


def check_arrays(path: Path, known: Description, side: int) -> None:
    """Compare names, shapes and dtypes of the arrays in a file with the table.

    Raises:
        DataError: the file cannot be read, or an array is not what the table says.
    """
    arrays = npz.shapes(path)
    image = (side, side) if known.channels == 1 else (side, side, known.channels)
    for split in SPLITS:
        count = known.samples[split]
        expected = {f"{split}_images": (count, *image), f"{split}_labels": (count, known.label_columns)}
        for key, shape in expected.items():
            if key not in arrays:
                raise DataError(f"{path} has no array {key}; expected one of shape {shape}. Fetch the file again.")
            got, dtype = arrays[key]
            if got != shape:
                raise DataError(f"{path}: {key} has shape {got}, expected {shape}. Fetch the file again.")
            if dtype != np.uint8:
                hint = _first_nan(path, key, count) if np.issubdtype(dtype, np.floating) else ""
                raise DataError(f"{path}: {key} is {dtype}{hint}, expected uint8. Fetch the file again.")


def _what_is_wrong(path: Path, known: Description, side: int) -> str:
    """The first difference that a look inside the file shows, in brackets; empty if there is none."""
    try:
        check_arrays(path, known, side)
    except DataError as error:
        reason = str(error).replace(f"{path}: ", "").replace(str(path), "it").split(". ")[0]
        return f" ({reason})"
    return ""


def _first_nan(path: Path, key: str, count: int) -> str:
    values = npz.rows(path, key, np.arange(count)).reshape(count, -1)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    return f" with NaN or infinity in sample {bad[0]}" if len(bad) else ""


FAMILY = Family("images", entries, open_source, check)
