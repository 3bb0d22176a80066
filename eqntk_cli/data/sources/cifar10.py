"""dataset=cifar10: 32x32 RGB photographs in ten classes, from the official archive of binary files.

cifar-10-binary.tar.gz holds data_batch_1.bin to data_batch_5.bin and test_batch.bin, each 10,000 records of one byte
(the class) and 3072 bytes (red, green and blue plane, row by row). Nothing is unpickled, and nothing unpacked to the
disk. Krizhevsky, Learning multiple layers of features from tiny images (2009).
"""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.entry import Entry, Family, RemoteFile, at_hand
from eqntk_cli.errors import DataError
from eqntk_cli.files.digest import matches

ARCHIVE = RemoteFile(
    "cifar-10-binary.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c32a1d4ab5d03f1284b67883e8d87530",
)
RECORDS = 10_000  # in each file
FILES = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CHANNELS, _SIDE = 3, 32
_RECORD = 1 + _CHANNELS * _SIDE**2
_LARGEST_VALUE = 255.0


class Cifar10:
    """The archive as an image source; of every file the rows that are asked for are kept."""

    name = "cifar10"
    task = "multi-class"
    label_names = NAMES

    def __init__(self, path: Path) -> None:
        self.notes: list[str] = []
        self.sizes = {split: RECORDS * len(files) for split, files in FILES.items()}
        self._path = path

    def read(self, split: str, rows: Int[np.ndarray, " image"]) -> tuple[np.ndarray, np.ndarray]:
        """Images (image, 32, 32, 3) from 0 to 1, and labels (image, 1)."""
        records = np.empty((len(rows), _RECORD), np.uint8)
        for name, batch in batches(self._path, FILES[split]):
            here = rows // RECORDS == FILES[split].index(name)
            records[here] = batch[rows[here] % RECORDS]
        planes = records[:, 1:].reshape(-1, _CHANNELS, _SIDE, _SIDE)
        return planes.transpose(0, 2, 3, 1) / _LARGEST_VALUE, records[:, :1].astype(np.int64)


def open_source(dataset: DatasetConfig) -> Cifar10:
    """The archive: in the folders looked in, or fetched into the cache where no root is given.

    Raises:
        DataError: not there, or not the official archive.
    """
    path = at_hand(ARCHIVE, "cifar10", dataset)
    check("cifar10", path)
    return Cifar10(path)


def check(name: str, path: Path) -> None:
    """Compare the archive with its MD5 sum; where it is another, say what is wrong inside.

    Raises:
        DataError: it is not the official archive.
    """
    if matches(path, f"md5:{ARCHIVE.md5}"):
        return
    reason = "its files are whole, their contents are others"
    try:
        for split in FILES.values():
            for _ in batches(path, split):
                pass
    except DataError as error:
        reason = str(error).removeprefix(f"{path}: ").partition(";")[0]
    raise DataError(
        f"{path} is not the official archive (its MD5 is not {ARCHIVE.md5}): {reason}. Move it away and run "
        f"`eqntk data fetch {name} --root {path.parent}`."
    )


def batches(path: Path, wanted: tuple[str, ...]) -> Iterator[tuple[str, UInt8[np.ndarray, "record byte"]]]:
    """The records of these files of the archive, one file after another.

    Raises:
        DataError: the archive cannot be read, a file is missing or of another length, or a class is beyond the ten.
    """
    missing = set(wanted)
    try:
        with tarfile.open(path, "r|gz") as archive:  # a stream: nothing is read twice, nothing goes to the disk
            for member in archive:
                name = member.name.rpartition("/")[2]
                stream = archive.extractfile(member) if member.isfile() and name in missing else None
                if stream is None:
                    continue
                missing.remove(name)
                yield name, _records(stream.read(RECORDS * _RECORD + 1), f"{path}: {name}")
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}); fetch it again.") from error
    if missing:
        raise DataError(f"{path}: holds no {', '.join(sorted(missing))}; fetch it again.")


def _records(data: bytes, where: str) -> UInt8[np.ndarray, "record byte"]:
    if len(data) != RECORDS * _RECORD:
        held = f"more than {RECORDS * _RECORD}" if len(data) > RECORDS * _RECORD else len(data)
        raise DataError(f"{where} holds {held} bytes, expected {RECORDS * _RECORD}; fetch it again.")
    records = np.frombuffer(data, np.uint8).reshape(RECORDS, _RECORD)
    if records[:, 0].max() >= len(NAMES):
        row = int(records[:, 0].argmax())
        raise DataError(f"{where}: class {records[row, 0]} of record {row}, expected 0 to 9; fetch it again.")
    return records


def entries() -> list[Entry]:
    """The one entry of the catalogue."""
    samples = tuple((split, RECORDS * len(files)) for split, files in FILES.items())
    about = "RGB images, 10 classes: photographs"
    return [Entry("cifar10", "cifar10", "multi-class", samples, "unstated", about, (ARCHIVE,))]


FAMILY = Family("images", entries, open_source, check)
