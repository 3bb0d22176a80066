"""Images and labels in idx files, as MNIST and its kin come: numbers behind a short header, packed by gzip.

    bytes 0 1   zero              byte 3      the number of axes
    byte 2      8: bytes          then        the length of each axis, four bytes, the highest first

LeCun, Cortes, Burges, The MNIST database of handwritten digits (1998). A set has four files, which keep their official
names; each is compared with its MD5 sum before a number of it is used.
"""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.entry import Entry, Family, RemoteFile, at_hand
from eqntk_cli.errors import DataError
from eqntk_cli.files.digest import matches

SPLITS = {"train": "train", "test": "t10k"}  # and how the names of files begin
_BYTES = 8  # the code of unsigned bytes
_MOST_AXES = 4
_MOST_BYTES = 1 << 30  # that are read for a header that promises more
_LARGEST_VALUE = 255.0
_CLASSES = 10


@dataclass(frozen=True)
class IdxImages:
    """The four files of a set as an image source."""

    name: str
    label_names: tuple[str, ...]
    files: dict[str, tuple[Path, Path]]  # images and labels of each split

    task = "multi-class"

    @cached_property
    def notes(self) -> list[str]:
        """Nothing to say."""
        return []

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Images per split."""
        return {split: len(labels) for split, (_, labels) in self._arrays.items()}

    def read(self, split: str, rows: Int[np.ndarray, " image"]) -> tuple[np.ndarray, np.ndarray]:
        """Images (image, height, width, 1) from 0 to 1, and labels (image, 1)."""
        images, labels = self._arrays[split]
        return images[rows][..., None] / _LARGEST_VALUE, labels[rows][:, None].astype(np.int64)

    @cached_property
    def _arrays(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return {split: read_pair(*paths, len(self.label_names)) for split, paths in self.files.items()}


@dataclass(frozen=True)
class IdxSet:
    """What is known of one set: its entry of the catalogue and the names of its classes.

    Files are `FOLDER/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz`; `md5` has their sums in this order.
    """

    name: str
    folder: str
    md5: tuple[str, str, str, str]
    about: str
    licence: str
    label_names: tuple[str, ...]
    samples: tuple[int, int] = (60_000, 10_000)

    @property
    def entry(self) -> Entry:
        """For the list of data sets."""
        kinds = ("images-idx3", "labels-idx1")
        names = [f"{begin}-{kind}-ubyte.gz" for begin in SPLITS.values() for kind in kinds]
        files = tuple(RemoteFile(name, self.folder + name, md5) for name, md5 in zip(names, self.md5, strict=True))
        samples = tuple(zip(SPLITS, self.samples, strict=True))
        return Entry(self.name, self.name, "multi-class", samples, self.licence, self.about, files)

    def open(self, dataset: DatasetConfig) -> IdxImages:
        """The set's files: in the folders looked in, or fetched into the cache where no root is given.

        Raises:
            DataError: one is not there, or not the official file.
        """
        paths = [at_hand(file, self.name, dataset) for file in self.entry.files]
        for path in paths:
            self.check(self.name, path)
        return IdxImages(self.name, self.label_names, {"train": (paths[0], paths[1]), "test": (paths[2], paths[3])})

    def check(self, name: str, path: Path) -> None:
        """Compare a file with its MD5 sum; where it is another, say what is wrong inside.

        Raises:
            DataError: it is not the official file.
        """
        file = next(file for file in self.entry.files if file.name == path.name)
        if matches(path, f"md5:{file.md5}"):
            return
        try:
            shape = read_idx(path).shape
            reason = f"holds {' x '.join(map(str, shape))} numbers"
        except DataError as error:
            reason = str(error).removeprefix(f"{path} ").partition(";")[0]
        raise DataError(
            f"{path} is not the official file (its MD5 is not {file.md5}): it {reason}. Move it away and run "
            f"`eqntk data fetch {name} --root {path.parent}`."
        )


def family(known: IdxSet) -> Family:
    """The family of a set that stands alone in its folder, since all such sets name their files alike."""
    return Family("images", lambda: [known.entry], known.open, known.check)


def read_pair(images: Path, labels: Path, classes: int = _CLASSES) -> tuple[np.ndarray, np.ndarray]:
    """The images (image, height, width) and labels (image,) of two files that belong together.

    Raises:
        DataError: a file that cannot be read, other axes, another number of labels, or a label beyond the classes.
    """
    pixels, numbers = read_idx(images), read_idx(labels)
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise DataError(f"{images} has shape {pixels.shape}, expected (images, height, width); fetch it again.")
    if numbers.shape != pixels.shape[:1]:
        raise DataError(
            f"{labels} has labels of shape {numbers.shape}, expected {pixels.shape[:1]}, one for each image of "
            f"{images.name}; fetch both again."
        )
    if numbers.max() >= classes:
        raise DataError(
            f"{labels}: label {numbers.max()} of sample {int(numbers.argmax())}, expected 0 to {classes - 1}; "
            "fetch it again."
        )
    return pixels, numbers


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """The array of a packed idx file of bytes.

    Raises:
        DataError: it is not packed, its header is none, or it holds another number of bytes than it promises.
    """
    try:
        with gzip.open(path, "rb") as file:
            zeros, kind, axes = struct.unpack(">HBB", _exactly(file.read(4), 4, path))
            if zeros or kind != _BYTES or not 1 <= axes <= _MOST_AXES:
                raise DataError(f"{path} begins with other bytes than an idx file of bytes; fetch it again.")
            shape = struct.unpack(f">{axes}I", _exactly(file.read(4 * axes), 4 * axes, path))
            promised = math.prod(shape)
            data = file.read(min(promised, _MOST_BYTES) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be unpacked ({error}); fetch it again.") from error
    if len(data) != promised:
        held = f"more than {promised}" if len(data) > promised else len(data)
        raise DataError(f"{path} promises {promised} bytes and holds {held}; fetch it again.")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _exactly(data: bytes, wanted: int, path: Path) -> bytes:
    if len(data) != wanted:
        raise DataError(f"{path} ends within its header; fetch it again.")
    return data
