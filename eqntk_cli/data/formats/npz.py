"""Some rows of the arrays in an npz archive, read as a stream.

The larger MedMNIST files unpack to more than 10 GB while a run needs a few hundred rows; here memory is that of
the rows asked for and one chunk.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Int
from numpy.lib import format as npy

from eqntk_cli.errors import DataError

_CHUNK_BYTES = 1 << 24


def shapes(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and dtype of every array of the archive.

    Raises:
        DataError: the file is no readable npz archive (for example cut off).
    """
    arrays = {}
    with opened(path) as archive:
        for member in archive.namelist():
            with archive.open(member) as stream:
                shape, _, dtype = header(stream)
            arrays[member.removesuffix(".npy")] = (shape, dtype)
    return arrays


def rows(path: Path, key: str, index: Int[np.ndarray, "row"]) -> np.ndarray:
    """The rows `index` (in that order, each at most once) of the array `key`, shape (row, ...).

    Raises:
        DataError: the archive is damaged, or has no such array.
    """
    with opened(path) as archive, archive.open(f"{key}.npy") as stream:
        shape, fortran_order, dtype = header(stream)
        if fortran_order or dtype.hasobject:
            raise DataError(f"{path}: {key} is not stored row by row as plain numbers; save it with numpy.savez.")
        order = np.argsort(index)
        ascending = np.asarray(index)[order]
        chosen = np.empty((len(ascending), *shape[1:]), dtype)
        row_bytes = max(1, prod(shape[1:]) * dtype.itemsize)
        per_chunk = max(1, _CHUNK_BYTES // row_bytes)
        last = int(ascending[-1]) + 1 if len(ascending) else 0
        for start in range(0, last, per_chunk):
            stop = min(start + per_chunk, last)
            data = stream.read((stop - start) * row_bytes)
            if len(data) < (stop - start) * row_bytes:
                raise EOFError(f"{key} ends before row {stop}")
            low, high = np.searchsorted(ascending, [start, stop])
            block = np.frombuffer(data, dtype).reshape(-1, *shape[1:])
            chosen[order[low:high]] = block[ascending[low:high] - start]
    return chosen


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; what a damaged one raises becomes one line.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DataError:  # a ValueError, too
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError, OSError) as error:
        reason = str(error).strip("'\"")
        raise DataError(
            f"{path} is no readable npz archive ({reason}): probably cut off or damaged. "
            "Delete it and fetch it again, or copy it again."
        ) from error


def header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether it is stored column by column, and dtype; the stream then stands at the first number."""
    version = npy.read_magic(stream)
    if version == (1, 0):
        return npy.read_array_header_1_0(stream)
    if version == (2, 0):
        return npy.read_array_header_2_0(stream)
    raise ValueError(f"array format {version} is unknown")
