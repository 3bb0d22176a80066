"""The loop over the tiles of a Gram matrix: compute those that are missing, check them, hand them to their keeper.

Several processes may fill one store together. Each claims the tiles that it computes and passes over those that
another one has claimed; at the end it waits for these. A claim ends with its process, so the tiles of a process that
died are computed by those that are left.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import jax
import numpy as np

from eqntk_cli.errors import NumericalError, out_of_memory
from eqntk_cli.kernels.gram.parts import Pairs, TileRunner, TileWork, parts_note
from eqntk_cli.kernels.gram.sides import Sides
from eqntk_cli.kernels.gram.tiles import Tile, TileGrid
from eqntk_cli.kernels.pair.base import KernelBlock
from eqntk_cli.progress import Progress

Say = Callable[[str], None]  # told what a reader of the matrix must know


class TileKeeper(Protocol):
    """Where finished tiles go."""

    grid: TileGrid

    def done(self) -> set[Tile]:
        """The tiles that are there."""

    def claim(self, tile: Tile, wait: bool) -> ExitStack | None:
        """The right to compute a tile, until the stack is closed.

        None: it is there by now, or another process has claimed it. With `wait` for that process None says that the
        tile is there.
        """

    def write(self, tile: Tile, block: KernelBlock) -> None:
        """Keep one tile."""


def compute(
    work: TileWork, runner: TileRunner, sides: Sides, keeper: TileKeeper, progress: Progress, say: Say
) -> TileRunner:
    """Compute the tiles that are missing, until all are there; `progress` counts pairs, those of others too.

    Where a device runs out of memory, tiles are computed in ever smaller parts, which is told to `say`.

    Returns:
        What computed the last of them.

    Raises:
        NumericalError: an entry is not finite.
        DeviceMemoryError: not even a pair of samples fits in the memory of a device.
        StorageError: a tile cannot be kept.
    """
    done = keeper.done()
    missing = [tile for tile in keeper.grid if tile not in done]
    tally = _Tally(keeper.grid, missing, progress)
    loop = _Loop(work, runner, sides, keeper, tally, say)
    claimed_by_others: list[Tile] = []
    if missing:
        loop.say_parts()
    loop.run(_claims(keeper, missing, claimed_by_others))
    for tile in claimed_by_others:
        claim = keeper.claim(tile, wait=True)
        if claim is None:
            tally.add([tile])
        else:
            loop.run([(tile, claim)])
    return loop.runner


class _Tally:
    """How many pairs of samples are done."""

    def __init__(self, grid: TileGrid, missing: Sequence[Tile], progress: Progress) -> None:
        self._grid = grid
        self._progress = progress
        self._total = sum(grid.pairs(tile) for tile in grid)
        self._done = self._total - sum(grid.pairs(tile) for tile in missing)
        progress(self._done, self._total)

    def add(self, tiles: Sequence[Tile]) -> None:
        """These are there now."""
        self._done += sum(self._grid.pairs(tile) for tile in tiles)
        self._progress(self._done, self._total)


def _claims(keeper: TileKeeper, tiles: Sequence[Tile], by_others: list[Tile]) -> Iterator[tuple[Tile, ExitStack]]:
    for tile in tiles:
        claim = keeper.claim(tile, wait=False)
        if claim is None:
            by_others.append(tile)
        else:
            yield tile, claim


class _Batch(NamedTuple):
    """Tiles that are computed at the same time."""

    tiles: list[Tile]
    claims: ExitStack
    promise: KernelBlock | None  # None: there was no memory to set it off


@dataclass
class _Loop:
    work: TileWork
    runner: TileRunner
    sides: Sides
    keeper: TileKeeper
    tally: _Tally
    say: Say

    def run(self, claims: Iterable[tuple[Tile, ExitStack]]) -> None:
        """Compute the tiles that are claimed, batch after batch."""
        running: deque[_Batch] = deque()
        try:
            for batch in _batches(claims, self.runner.devices):
                running.append(self._start(batch))
                if len(running) > self.runner.ahead:
                    self._finish(running.popleft())
            while running:
                self._finish(running.popleft())
        finally:
            for given_up in running:
                given_up.claims.close()

    def _start(self, batch: Sequence[tuple[Tile, ExitStack]]) -> _Batch:
        claims = ExitStack()
        for _, claim in batch:
            claims.push(claim)
        tiles = [tile for tile, _ in batch]
        try:
            return _Batch(tiles, claims, self.runner.start(self._pairs(tiles)))
        except jax.errors.JaxRuntimeError as error:
            if not out_of_memory(error):
                raise
            return _Batch(tiles, claims, None)

    def _pairs(self, tiles: Sequence[Tile]) -> Pairs:
        return [self.sides.tile(self.keeper.grid, tile) for tile in tiles]

    def _fetched(self, batch: _Batch) -> list[np.ndarray]:
        """The arrays of a batch, from smaller parts of its tiles if need be."""
        promise = batch.promise
        while True:
            try:
                promise = self.runner.start(self._pairs(batch.tiles)) if promise is None else promise
                return [np.asarray(values) for values in promise]
            except jax.errors.JaxRuntimeError as error:
                if not out_of_memory(error):
                    raise
            promise, self.runner = None, self.work.in_parts(2 * self.runner.parts)
            self.say_parts()

    def say_parts(self) -> None:
        """Tell if tiles are computed in parts."""
        if self.runner.parts > 1:
            self.say(parts_note(self.keeper.grid, self.runner.parts))

    def _finish(self, batch: _Batch) -> None:
        grid = self.keeper.grid
        with batch.claims:
            arrays = self._fetched(batch)
            for position, tile in enumerate(batch.tiles):
                rows, columns = grid.shape(tile)
                block = KernelBlock(*(array[position, :rows, :columns] for array in arrays))
                _require_finite(block, grid, tile)
                self.keeper.write(tile, block)
        self.tally.add(batch.tiles)


def _batches(claims: Iterable[tuple[Tile, ExitStack]], size: int) -> Iterator[list[tuple[Tile, ExitStack]]]:
    batch: list[tuple[Tile, ExitStack]] = []
    for claim in claims:
        batch.append(claim)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _require_finite(block: KernelBlock, grid: TileGrid, tile: Tile) -> None:
    for name, values in zip(KernelBlock._fields, block, strict=True):
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = bad[0] + (grid.row_slice(tile).start, grid.column_slice(tile).start)
            raise NumericalError(
                f"the {name} kernel of samples {row} and {column // grid.copies} is not finite; expected numbers of "
                "ordinary size: normalise the inputs, lower W_std, or compute with precision=float64."
            )
