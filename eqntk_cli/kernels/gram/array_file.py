"""Arrays of numbers that a user hands over in npy and npz files, checked before anything is computed."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from eqntk_cli.errors import DataError
from eqntk_cli.recursion.block import KernelBlock

_ZIP = b"PK"  # how an archive begins
_ROWS = 1024  # read at a time while looking for NaN; the array may be larger than the memory


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


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}; check the path.") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as numbers of numpy ({error}); write it again.") from error
