"""Arrays of samples and Gram matrices in files of numpy: read with care, written without holding them whole.

Samples come as one array in a npy file. Gram matrices are the two arrays `nngp` and `ntk` of an npz file; they are put
together from their tiles band by band, so that memory does not grow with the matrix.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float

from eqntk_cli.errors import DataError, StorageError
from eqntk_cli.files.atomic import whole_file
from eqntk_cli.kernels.gram.store import TileStore
from eqntk_cli.kernels.gram.tiles import Tile, mirrored, reflected
from eqntk_cli.kernels.pair.base import KernelBlock

_ZIP = b"PK"  # how an archive begins
_ROWS = 1024  # read at a time while looking for NaN; the array may be larger than the memory
_BAND = 1 << 24  # bytes of a matrix that are put together at a time


def open_array(path: Path) -> np.ndarray:
    """The array of a npy file, read from the disk only where it is used.

    Raises:
        DataError: there is no such file, it holds no array of real numbers, or one of them is not finite.
    """
    with _readable(path), path.open("rb") as file:
        if file.read(len(_ZIP)) == _ZIP:
            raise DataError(f"{path} is a npz archive; expected the single array of a npy file (numpy.save).")
        array = np.lib.format.open_memmap(path, mode="r")
    require_numbers(array, str(path))
    return array


def read_gram(path: Path) -> KernelBlock:
    """The matrices of an npz file that `eqntk kernel` has written, in the precision they have there.

    Raises:
        DataError: there is no such file, or it does not hold two matrices `nngp` and `ntk` of finite numbers.
    """
    with _readable(path), path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            raise DataError(f"{path} is no npz archive; expected nngp and ntk in one, as `eqntk kernel` writes it.")
        file.seek(0)
        archive = np.load(file, allow_pickle=False)
        missing = [name for name in KernelBlock._fields if name not in archive]
        if missing:
            raise DataError(
                f"{path} has no array {' nor '.join(missing)} (it holds {', '.join(archive) or 'nothing'}); expected "
                "nngp and ntk, as `eqntk kernel` writes them."
            )
        block = KernelBlock(*(archive[name] for name in KernelBlock._fields))
    for name, matrix in zip(KernelBlock._fields, block, strict=True):
        require_numbers(matrix, f"{name} in {path}")
        if matrix.ndim != 2 or matrix.shape != block.nngp.shape:
            raise DataError(f"{name} in {path} has shape {matrix.shape}; expected two axes, the same for nngp and ntk.")
    return block


def require_numbers(array: np.ndarray, name: str) -> None:
    """Refuse what is no array of finite real numbers.

    Raises:
        DataError: names the array and the first offending sample.
    """
    if not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer) or array.dtype == bool):
        raise DataError(f"{name} holds {array.dtype}; expected real numbers (float32 or float64).")
    if array.ndim == 0:
        raise DataError(f"{name} holds a single number; expected an array of samples.")
    for start in range(0, len(array), _ROWS):
        piece = array[start : start + _ROWS]
        finite = np.isfinite(piece).reshape(len(piece), -1).all(axis=1)
        if not finite.all():
            first = start + int(np.argmin(finite))
            raise DataError(f"{name} holds NaN or infinity (first in row {first}); expected finite numbers only.")


class ForeignResultError(StorageError):
    """A file that does not hold what is to be written there."""


def refuse_other_result(path: Path, identity: Mapping[str, str]) -> None:
    """Refuse a file at `path` that is not the result of the same computation; none is fine.

    Raises:
        ForeignResultError: names what differs.
    """
    if not path.exists():
        return
    kept = _identity_of(path)
    changed = sorted(key for key in {*identity, *kept} if identity.get(key) != kept.get(key))
    if not kept:
        raise ForeignResultError(f"{path} is there already and does not say what it is; choose another file.")
    if changed:
        what = "; ".join(f"{key} was {kept.get(key, 'absent')}, is {identity.get(key, 'absent')}" for key in changed)
        raise ForeignResultError(f"{path} holds the result of another computation ({what}); choose another file.")


def _identity_of(path: Path) -> dict[str, str]:
    """What a file of Gram matrices was computed from, as its comment says; empty if it says nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            identity = json.loads(archive.comment)
    except (OSError, zipfile.BadZipFile, ValueError):
        return {}
    return identity if isinstance(identity, dict) else {}


def write_gram(store: TileStore, path: Path, identity: Mapping[str, str]) -> None:
    """The matrices of a store all of whose tiles are there as an npz file, in one step.

    `identity`, what they were computed from, is kept as the comment of the archive (`unzip -z`).

    Raises:
        DiskError: the disk is full.
    """
    shape = (store.grid.rows, store.grid.width)
    header = {"descr": store.dtype.str, "fortran_order": False, "shape": shape}
    with whole_file(path) as file, zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        archive.comment = json.dumps(dict(identity)).encode()
        for kernel, name in enumerate(KernelBlock._fields):
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array_header_2_0(member, header)
                for row, rows in _bands(store):
                    member.write(_band(store, kernel, row, rows).tobytes())


def _bands(store: TileStore) -> Iterator[tuple[int, slice]]:
    """Rows of the matrix that fit in the memory, and the row of tiles that they belong to."""
    grid = store.grid
    height = max(1, _BAND // (grid.width * store.dtype.itemsize))
    for first in range(0, grid.rows, grid.tile_rows):
        last = min(first + grid.tile_rows, grid.rows)
        for start in range(first, last, height):
            yield first // grid.tile_rows, slice(start, min(start + height, last))


def _band(store: TileStore, kernel: int, row: int, rows: slice) -> Float[np.ndarray, "row column"]:
    grid = store.grid
    band = np.empty((rows.stop - rows.start, grid.width), store.dtype)
    first, last = rows.start - row * grid.tile_rows, rows.stop - row * grid.tile_rows
    for column in range(-(-grid.columns // grid.tile_columns)):
        if grid.symmetric and column < row:
            stored = store.read(Tile(column, row))[kernel]
            part = reflected(stored[:, first * grid.copies : last * grid.copies], grid.inverse)
        else:
            stored = store.read(Tile(row, column))[kernel]
            part = (mirrored(stored, grid.inverse) if grid.symmetric and column == row else stored)[first:last]
        band[:, grid.column_slice(Tile(row, column))] = part
    return band


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}; check the path.") from error
    except DataError:  # a ValueError, too
        raise
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as numbers of numpy ({error}); write it again.") from error
