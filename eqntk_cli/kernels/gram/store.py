"""Tiles of a Gram matrix on disk: one file per tile, so that a computation killed at any moment can go on.

The folder holds `manifest.json` (what is being computed, and how it is cut) and `tile-ROW-COLUMN.npy` with NNGP and
NTK of one tile, (2, tile rows, tile columns). A tile is either whole or absent. Any number of processes may fill one
folder: who computes a tile holds `.claim-ROW-COLUMN` meanwhile. A folder that has done its duty is taken away in one
step, so whoever finds no manifest any more knows that another process has made the result.
"""

import glob
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.typing import DTypeLike

from eqntk_cli.errors import DiskError, HeldError, StorageError
from eqntk_cli.files.atomic import make_folder, whole_file, write_text
from eqntk_cli.files.lock import held
from eqntk_cli.files.room import require_room
from eqntk_cli.kernels.gram.tiles import Tile, TileGrid
from eqntk_cli.kernels.pair.base import KernelBlock

SCHEMA = 1
_MANIFEST = "manifest.json"
_HEADER = 128  # bytes of a npy header of version 1 for so few axes


class ForeignTilesError(StorageError):
    """A folder holds tiles of another computation."""


class TileStore:
    """The tiles of one Gram matrix in one folder.

    Attributes:
        folder: where the tiles are.
        grid: how the matrix is cut; that of the folder where it exists already.
        dtype: float32 or float64, on disk.
    """

    def __init__(self, folder: Path, grid: TileGrid, dtype: DTypeLike) -> None:
        self.folder = folder
        self.grid = grid
        self.dtype = np.dtype(dtype)

    @classmethod
    def reopen(cls, folder: Path, identity: Mapping[str, str], dtype: DTypeLike) -> "TileStore | None":
        """The store that is there already, cut as it was; None where there is none.

        Raises:
            ForeignTilesError: the folder belongs to another computation.
            StorageError: its manifest is damaged.
        """
        manifest = _read_manifest(folder / _MANIFEST)
        if manifest is None:
            return None
        _refuse_other(folder, _identity(identity, dtype), manifest["identity"])
        return cls(folder, TileGrid(**manifest["grid"]), dtype)

    @classmethod
    def create(
        cls, folder: Path, identity: Mapping[str, str], grid: TileGrid, dtype: DTypeLike, with_result: bool
    ) -> "TileStore":
        """A new store, or that which another process has just created.

        Args:
            folder: made if absent.
            identity: what is computed: names and fingerprints of inputs and settings.
            grid: how the matrix is cut.
            dtype: float32 or float64, on disk.
            with_result: there must also be room for the matrices themselves.

        Raises:
            DiskError: there is no room, or the folder cannot be written.
            ForeignTilesError: another process has just created it for another computation.
        """
        make_folder(folder)
        with held(_lock(folder), wait=True):
            store = cls.reopen(folder, identity, dtype)
            if store is not None:
                return store
            _require_room(folder, grid, np.dtype(dtype), with_result)
            manifest = {"identity": _identity(identity, dtype), "grid": grid.as_dict()}
            write_text(folder / _MANIFEST, json.dumps(manifest, indent=1))
        return cls(folder, grid, dtype)

    @property
    def removed(self) -> bool:
        """Whether the tiles have done their duty and are gone."""
        return not (self.folder / _MANIFEST).exists()

    def done(self) -> set[Tile]:
        """The tiles that are there, whole; all of them once they have done their duty."""
        return set(self.grid) if self.removed else {tile for tile in self.grid if self._is_whole(tile)}

    def claim(self, tile: Tile, wait: bool) -> ExitStack | None:
        """The right of this process to compute a tile, see `loop.TileKeeper`.

        Raises:
            DiskError: the folder cannot be written.
        """
        claim, file = ExitStack(), self.folder / f".claim-{_position(tile)}"
        try:
            claim.enter_context(held(file, wait))
        except HeldError:
            return None
        except DiskError:
            if self.removed:
                return None
            raise
        if self._is_whole(tile) or self.removed:
            claim.close()
            return None
        claim.callback(file.unlink, missing_ok=True)  # whoever waited for this very file finds the tile there
        return claim

    def write(self, tile: Tile, block: KernelBlock) -> None:
        """Keep one tile.

        Raises:
            DiskError: the disk is full, or the folder cannot be written.
        """
        values = np.stack([np.asarray(part, dtype=self.dtype) for part in block])
        with whole_file(self._path(tile), among_many=True) as file:
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(values))
            file.write(values.tobytes())

    def read(self, tile: Tile) -> Float[np.ndarray, "kernel row column"]:
        """A tile that is there: NNGP and NTK, read from the disk where they are used."""
        return np.load(self._path(tile), mmap_mode="r")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes waiting that would make the result too."""
        lock = _lock(self.folder)
        with held(lock, wait=True):
            yield
            if self.removed:
                lock.unlink(missing_ok=True)

    def remove(self) -> None:
        """Take the tiles away, in one step; also those of a process that was killed while it did so."""
        self.folder.replace(self.folder.with_name(f".{self.folder.name}.{os.getpid()}.tmp"))
        for rubbish in self.folder.parent.glob(f".{glob.escape(self.folder.name)}.*.tmp"):
            shutil.rmtree(rubbish)

    def _path(self, tile: Tile) -> Path:
        return self.folder / f"tile-{_position(tile)}.npy"

    def _is_whole(self, tile: Tile) -> bool:
        rows, columns = self.grid.shape(tile)
        try:
            size = self._path(tile).stat().st_size
        except FileNotFoundError:
            return False
        return size == _HEADER + len(KernelBlock._fields) * rows * columns * self.dtype.itemsize


def _lock(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def _position(tile: Tile) -> str:
    return f"{tile.row:05d}-{tile.column:05d}"


def _identity(identity: Mapping[str, str], dtype: DTypeLike) -> dict[str, str]:
    return {"schema": str(SCHEMA), "dtype": np.dtype(dtype).name, **identity}


def _read_manifest(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{path} cannot be read ({error}); remove the folder {path.parent} and start anew."
        ) from error


def _refuse_other(folder: Path, wanted: Mapping[str, str], kept: Mapping[str, str]) -> None:
    changed = sorted(key for key in {*wanted, *kept} if wanted.get(key) != kept.get(key))
    if changed:
        what = "; ".join(f"{key} was {kept.get(key, 'absent')}, is {wanted.get(key, 'absent')}" for key in changed)
        raise ForeignTilesError(
            f"{folder} holds tiles of another computation ({what}); remove that folder to start anew."
        )


def _require_room(folder: Path, grid: TileGrid, dtype: np.dtype, with_result: bool) -> None:
    matrices = len(KernelBlock._fields) * grid.rows * grid.width * dtype.itemsize
    content = "the tiles and the result" if with_result else "the tiles"
    advice = "keep them in single precision, which takes half of it" if dtype == np.float64 else ""
    require_room(folder, 2 * matrices if with_result else matrices, content, advice)
