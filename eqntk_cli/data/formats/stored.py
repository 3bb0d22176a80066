"""Arrays in .npy files and .npz archives that somebody else made, looked at with care and never unpickled.

What a header promises is compared with what the file holds before anything is read, so that a damaged file cannot ask
for memory. A .npy file is mapped into memory, a .npz archive read as a stream: both may be larger than the memory.
"""

import zipfile
from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
from jaxtyping import Int
from numpy.lib import format as npy

from eqntk_cli.data.formats import npz
from eqntk_cli.errors import DataError

_CHUNK_BYTES = 1 << 24
_PLAIN = "biuf"  # kinds of numpy dtypes: truth values, whole numbers, fractions
_TEXT = "US"


class StoredArray:
    """One array of a file: `shape` and `dtype` are known at once, numbers are read when asked for."""

    def __init__(self, path: Path, key: str | None = None) -> None:
        """Look at the header of a .npy file, or of the array `key` in a .npz archive.

        Raises:
            DataError: no such file, Python objects or text in the place of numbers, or less bytes than promised.
        """
        self.path, self.key = path, key
        self.where = f"{path}" if key is None else f"{path}: {key}"
        self._offset, held = self._npy_header() if key is None else self._npz_header()
        if self.dtype.hasobject:
            raise DataError(
                f"{self.where} holds pickled Python objects, expected plain numbers; they are never loaded."
            )
        if self.dtype.kind in _TEXT:
            raise DataError(f"{self.where} holds text, expected numbers; number the classes from 0.")
        if self.dtype.kind not in _PLAIN:
            raise DataError(f"{self.where} has type {self.dtype}, expected whole numbers or fractions.")
        promised = prod(self.shape) * self.dtype.itemsize
        if held < promised:
            raise DataError(
                f"{self.where} promises {self.shape} numbers ({promised:.3g} bytes) and holds {held} bytes; it is "
                "cut off or damaged. Save it again."
            )

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, index: Int[np.ndarray, " row"]) -> np.ndarray:
        """The rows at `index`, in that order."""
        if self.key is None:
            return np.asarray(self._mapped()[index])
        return npz.rows(self.path, self.key, index)

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """All rows in blocks of some megabytes, each with the number of its first row."""
        size = max(1, _CHUNK_BYTES // max(1, prod(self.shape[1:]) * self.dtype.itemsize))
        starts = range(0, len(self), size)
        if self.key is None:
            yield from ((start, np.asarray(self._mapped()[start : start + size])) for start in starts)
            return
        with npz.opened(self.path) as archive, archive.open(f"{self.key}.npy") as stream:
            npz.header(stream)
            for start in starts:
                count = min(size, len(self) - start)
                content = stream.read(count * prod(self.shape[1:]) * self.dtype.itemsize)
                yield start, np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])

    def whole(self) -> np.ndarray:
        """The array itself; for labels and targets, which are small."""
        return self.rows(np.arange(len(self)))

    def _mapped(self) -> np.ndarray:
        order: str = "F" if self._fortran else "C"
        return np.memmap(self.path, self.dtype, "r", self._offset, self.shape, order)  # type: ignore[call-overload]

    def _npy_header(self) -> tuple[int, int]:
        try:
            with self.path.open("rb") as stream:
                self.shape, self._fortran, self.dtype = npz.header(stream)
                return stream.tell(), self.path.stat().st_size - stream.tell()
        except (OSError, ValueError, EOFError) as error:
            raise DataError(
                f"{self.path} is no readable .npy file ({str(error).splitlines()[0][:80]}); save it with numpy.save."
            ) from error

    def _npz_header(self) -> tuple[int, int]:
        with npz.opened(self.path) as archive, archive.open(f"{self.key}.npy") as stream:
            self.shape, self._fortran, self.dtype = npz.header(stream)
            if self._fortran and len(self.shape) > 1:
                raise DataError(f"{self.where} is stored column by column; save numpy.ascontiguousarray of it.")
            return stream.tell(), archive.getinfo(f"{self.key}.npy").file_size - stream.tell()


def names(path: Path) -> list[str]:
    """The names of the arrays in a .npz archive.

    Raises:
        DataError: it is none.
    """
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is no .npz archive; save it with numpy.savez(path, x_train=..., y_train=..., ...).")
    with npz.opened(path) as archive:
        return [member.removesuffix(".npy") for member in archive.namelist()]


def texts(path: Path, key: str) -> tuple[str, ...]:
    """An array of words in a .npz archive, such as the names of classes.

    Raises:
        DataError: no words.
    """
    with npz.opened(path) as archive, archive.open(f"{key}.npy") as stream:
        _, _, dtype = npz.header(stream)
    if dtype.kind not in _TEXT:
        raise DataError(f"{path}: {key} is {dtype}, expected words (numpy.array of str).")
    with npz.opened(path) as archive, archive.open(f"{key}.npy") as stream:
        return tuple(str(word) for word in npy.read_array(stream, allow_pickle=False).ravel())
