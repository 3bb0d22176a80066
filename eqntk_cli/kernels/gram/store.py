"""Tiles of a Gram matrix on disk: one file per tile, so that a computation killed at any moment can go on.

The folder holds `manifest.json` (what is being computed, and how it is cut) and `tile-ROW-COLUMN.npy` with NNGP and
NTK of one tile, (2, tile rows, tile columns). A file is written under another name, flushed to the disk and
renamed, so a tile is either whole or absent. The result is one npz file with the square or rectangular arrays `nngp`
and `ntk`, put together band by band so that memory does not grow with the matrix.
"""

import errno
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float
from numpy.typing import DTypeLike

from eqntk_cli.errors import StorageError
from eqntk_cli.kernels.gram.tiles import Tile, TileGrid, mirrored, reflected
from eqntk_cli.recursion.block import KernelBlock

SCHEMA = 1
ARRAYS = KernelBlock._fields
_HEADER = 128  # bytes of a npy header of version 1 for so few axes
_BAND = 1 << 24  # bytes of the result that are put together at a time
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Purpose:
    """What the tiles are for: how much room that takes, and what a user can do who cannot have it.

    Attributes:
        size: bytes on the disk, in units of those of both whole matrices.
        content: what they are.
        smaller: the setting by which double precision becomes single precision, and needs half of the room.
        full: advice where the disk gets full on the way.
        foreign: advice where the folder belongs to another computation.
    """

    size: int
    content: str
    smaller: str
    full: str
    foreign: str


class GramStore:
    """The tiles of one Gram matrix in one folder.

    Attributes:
        folder: where the tiles are.
        grid: how the matrix is cut; that of the folder where it exists already.
        dtype: float32 or float64, on disk.
        purpose: what they are for.
    """

    def __init__(self, folder: Path, grid: TileGrid, dtype: DTypeLike, purpose: Purpose) -> None:
        self.folder = folder
        self.grid = grid
        self.dtype = np.dtype(dtype)
        self.purpose = purpose

    @classmethod
    def reopen(
        cls, folder: Path, identity: Mapping[str, str], dtype: DTypeLike, purpose: Purpose
    ) -> "GramStore | None":
        """The store that is there already, cut as it was; None where there is none.

        Raises:
            StorageError: the folder belongs to another computation.
        """
        manifest = folder / "manifest.json"
        if not manifest.exists():
            return None
        found = _read_manifest(manifest)
        _refuse_other(folder, _identity(identity, dtype), found["identity"], purpose.foreign)
        return cls(folder, TileGrid(**found["grid"]), dtype, purpose)

    @classmethod
    def create(
        cls, folder: Path, identity: Mapping[str, str], grid: TileGrid, dtype: DTypeLike, purpose: Purpose
    ) -> "GramStore":
        """A new store.

        Args:
            folder: made if absent.
            identity: what is computed: names and fingerprints of inputs and settings.
            grid: how the matrix is cut.
            dtype: float32 or float64, on disk.
            purpose: what the tiles are for.

        Raises:
            StorageError: the disk has no room for what they are for, or cannot be written.
        """
        with _disk_errors(folder, purpose.full):
            folder.mkdir(parents=True, exist_ok=True)
            _require_room(folder, len(ARRAYS) * grid.rows * grid.width, np.dtype(dtype), purpose)
            manifest = {"identity": _identity(identity, dtype), "grid": grid.as_dict()}
            with _whole(folder / "manifest.json") as file:
                file.write(json.dumps(manifest, indent=1).encode())
        return cls(folder, grid, dtype, purpose)

    def done(self) -> set[Tile]:
        """The tiles that are there, whole."""
        return {tile for tile in self.grid if self._whole_tile(tile)}

    def write(self, tile: Tile, block: KernelBlock) -> None:
        """Keep one tile.

        Raises:
            StorageError: the disk is full, or the folder cannot be written.
        """
        values = np.stack([np.asarray(part, dtype=self.dtype) for part in block])
        with _disk_errors(self.folder, self.purpose.full), _whole(self._path(tile)) as file:
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(values))
            file.write(values.tobytes())

    def read(self, tile: Tile) -> KernelBlock:
        """A tile that is there."""
        return KernelBlock(*self._load(tile))

    def export(self, path: Path) -> None:
        """Write the whole matrices as an npz file, in one step.

        Raises:
            StorageError: a tile is missing, or the disk is full.
        """
        missing = len(self.grid) - len(self.done())
        if missing:
            raise StorageError(
                f"{missing} of {len(self.grid)} tiles are missing in {self.folder}; run the command again."
            )
        written = _disk_errors(path.parent, self.purpose.full)
        with written, _whole(path) as file, zipfile.ZipFile(file, "w", allowZip64=True) as archive:
            for which, name in enumerate(ARRAYS):
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                    header = {
                        "descr": self.dtype.str,
                        "fortran_order": False,
                        "shape": (self.grid.rows, self.grid.width),
                    }
                    np.lib.format.write_array_header_2_0(member, header)
                    for band in self._bands(which):
                        member.write(band.tobytes())

    def remove(self) -> None:
        """Delete the tiles, once the result is written."""
        shutil.rmtree(self.folder)

    def _bands(self, which: int) -> Iterator[Float[np.ndarray, "row column"]]:
        height = max(1, _BAND // (self.grid.width * self.dtype.itemsize))
        for first in range(0, self.grid.rows, self.grid.tile_rows):
            last = min(first + self.grid.tile_rows, self.grid.rows)
            for start in range(first, last, height):
                yield self._band(which, first // self.grid.tile_rows, slice(start, min(start + height, last)))

    def _band(self, which: int, row: int, rows: slice) -> Float[np.ndarray, "row column"]:
        band = np.empty((rows.stop - rows.start, self.grid.width), self.dtype)
        first, last = rows.start - row * self.grid.tile_rows, rows.stop - row * self.grid.tile_rows
        copies, inverse = self.grid.copies, self.grid.inverse
        for column in range(-(-self.grid.columns // self.grid.tile_columns)):
            below = self.grid.symmetric and column < row
            stored = self._load(Tile(column, row) if below else Tile(row, column))[which]
            if below:
                part = reflected(stored[:, first * copies : last * copies], inverse)
            elif self.grid.symmetric and column == row:
                part = mirrored(stored, inverse)[first:last]
            else:
                part = stored[first:last]
            band[:, self.grid.column_slice(Tile(row, column))] = part
        return band

    def _load(self, tile: Tile) -> Float[np.ndarray, "which row column"]:
        return np.load(self._path(tile), mmap_mode="r")

    def _path(self, tile: Tile) -> Path:
        return self.folder / f"tile-{tile.row:05d}-{tile.column:05d}.npy"

    def _whole_tile(self, tile: Tile) -> bool:
        rows, columns = self.grid.shape(tile)
        try:
            return self._path(tile).stat().st_size == _HEADER + len(ARRAYS) * rows * columns * self.dtype.itemsize
        except FileNotFoundError:
            return False


def _identity(identity: Mapping[str, str], dtype: DTypeLike) -> dict[str, str]:
    return {"schema": str(SCHEMA), "dtype": np.dtype(dtype).name, **identity}


def _read_manifest(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{path} cannot be read ({error}); remove the folder {path.parent} and start anew."
        ) from error


def _refuse_other(folder: Path, wanted: Mapping[str, str], found: Mapping[str, str], advice: str) -> None:
    changed = sorted(key for key in {*wanted, *found} if wanted.get(key) != found.get(key))
    if changed:
        told = "; ".join(f"{key} was {found.get(key, 'absent')}, is {wanted.get(key, 'absent')}" for key in changed)
        raise StorageError(f"{folder} holds tiles of another computation ({told}); {advice}.")


def _require_room(folder: Path, entries: int, dtype: np.dtype, purpose: Purpose) -> None:
    free, needed = shutil.disk_usage(folder).free, purpose.size * entries * dtype.itemsize
    if free < needed:
        half = f" (half of it with {purpose.smaller})" if dtype == np.float64 else ""
        raise StorageError(
            f"the disk that holds {folder} has {free / 1e9:.1f} GB free; {needed / 1e9:.1f} GB are needed for "
            f"{purpose.content}{half}: free some space."
        )


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _disk_errors(folder: Path, advice: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(
                f"the disk that holds {folder} is full ({error.strerror}); the tiles written before are kept: {advice}."
            ) from error
        raise StorageError(f"cannot write in {folder} ({error.strerror or error}); check that it is yours.") from error
