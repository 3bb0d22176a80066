"""The loop over the tiles of a Gram matrix: compute those that are missing, check them, hand them to their keeper."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from eqntk_cli.errors import NumericalError
from eqntk_cli.kernels.gram.program import TileProgram
from eqntk_cli.kernels.gram.progress import Progress
from eqntk_cli.kernels.gram.sides import Sides
from eqntk_cli.kernels.gram.store import GramStore
from eqntk_cli.kernels.gram.tiles import Tile, TileGrid, mirrored, reflected
from eqntk_cli.recursion.block import KernelBlock


class Keeper(Protocol):
    """Where finished tiles go."""

    def write(self, tile: Tile, block: KernelBlock) -> None:
        """Keep one tile."""


class Matrices:
    """Tiles put together in memory, in float64; with a store, those on the disk too."""

    def __init__(self, grid: TileGrid, store: GramStore | None = None) -> None:
        self._grid = grid
        self._store = store
        self.result = KernelBlock(*(np.empty((grid.rows, grid.width)) for _ in KernelBlock._fields))
        self.there: set[Tile] = set()
        if store is not None:
            self.there = store.done()
            for tile in self.there:
                self._place(tile, store.read(tile))

    def write(self, tile: Tile, block: KernelBlock) -> None:
        """Keep one tile, on the disk first."""
        if self._store is not None:
            self._store.write(tile, block)
        self._place(tile, block)

    def _place(self, tile: Tile, block: KernelBlock) -> None:
        grid, across = self._grid, Tile(tile.column, tile.row)
        on_diagonal = grid.symmetric and tile.row == tile.column
        for array, values in zip(self.result, block, strict=True):
            there = grid.row_slice(tile), grid.column_slice(tile)
            array[there] = mirrored(values, grid.inverse) if on_diagonal else values
            if grid.symmetric and not on_diagonal:
                array[grid.row_slice(across), grid.column_slice(across)] = reflected(values, grid.inverse)


def compute(
    program: TileProgram,
    grid: TileGrid,
    sides: Sides,
    todo: Sequence[Tile],
    keeper: Keeper,
    progress: Progress,
) -> None:
    """Compute the tiles `todo`; `progress` counts those that are there already as done.

    Raises:
        NumericalError: an entry is not finite.
    """
    total = sum(grid.pairs(tile) for tile in grid)
    done = total - sum(grid.pairs(tile) for tile in todo)
    progress(done, total)
    running: deque[tuple[Sequence[Tile], KernelBlock]] = deque()
    for batch in [*_batches(todo, program.devices), ()]:
        while running and (not batch or len(running) > program.ahead):
            finished, promise = running.popleft()
            done += _keep(finished, promise, grid, keeper)
            progress(done, total)
        if batch:
            running.append((batch, program.start([sides.tile(grid, tile) for tile in batch])))


def _keep(batch: Sequence[Tile], promise: KernelBlock, grid: TileGrid, keeper: Keeper) -> int:
    arrays = [np.asarray(values) for values in promise]
    for position, tile in enumerate(batch):
        rows, columns = grid.shape(tile)
        block = KernelBlock(*(array[position, :rows, :columns] for array in arrays))
        _require_finite(block, grid, tile)
        keeper.write(tile, block)
    return sum(grid.pairs(tile) for tile in batch)


def _require_finite(block: KernelBlock, grid: TileGrid, tile: Tile) -> None:
    for name, values in zip(KernelBlock._fields, block, strict=True):
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = bad[0] + (grid.row_slice(tile).start, grid.column_slice(tile).start)
            raise NumericalError(
                f"the {name} kernel of samples {row} and {column // grid.copies} is not finite; expected numbers of "
                "ordinary size: normalise the inputs, lower W_std, or compute with precision=float64."
            )


def _batches(tiles: Sequence[Tile], size: int) -> Iterator[Sequence[Tile]]:
    for start in range(0, len(tiles), size):
        yield tiles[start : start + size]
