"""NNGP and NTK Gram matrices of any number of samples in flat memory, tile by tile over all devices.

Any PairKernel will do. Each tile needs no more than `memory` bytes on its device, whatever the number of samples;
finished tiles go to the result arrays, or to a store on disk from which a killed computation goes on where it was.
A tile depends on its own samples alone: the numbers are the same to the last bit whether the computation was
interrupted or not, and up to rounding for any tile size and number of devices.
"""

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import jax
import numpy as np
from numpy.typing import DTypeLike

from eqntk_cli.domains.samples import Samples, count
from eqntk_cli.errors import NumericalError
from eqntk_cli.kernels.block import KernelBlock, PairKernel
from eqntk_cli.kernels.fingerprint import fingerprint
from eqntk_cli.kernels.gram_store import GramStore, mirrored
from eqntk_cli.kernels.progress import Progress, silent
from eqntk_cli.kernels.sides import Sides
from eqntk_cli.kernels.tile_program import TileProgram, compile_tiles
from eqntk_cli.kernels.tiles import Tile, TileGrid, plan

CPU_MEMORY = 1 << 24  # bytes per tile on a CPU: more leaves the cache (64^2 pairs at 16x16 cost 1.4 times 24^2 ones)
_ACCELERATOR_SHARE = 0.25  # of a device's memory
_TRIES = 4  # times a tile is made smaller when the compiler needs more memory than the kernel had announced


@dataclass(frozen=True)
class Engine:
    """How tiles are computed: nothing here changes a result by more than rounding.

    Attributes:
        memory: bytes for one tile on its device; None: 16 MiB on a CPU, a quarter of the memory elsewhere.
        devices: where to compute, one tile each at a time; None: everywhere.
        precision: float32 or float64, of the computation; None: that of the samples.
        progress: is told the pairs that are done.
    """

    memory: int | None = None
    devices: Sequence[jax.Device] | None = None
    precision: str | None = None
    progress: Progress = silent


@dataclass(frozen=True)
class GramReport:
    """What a Gram matrix cost.

    Attributes:
        pairs: pairs of samples in the matrix; those of a symmetric one count once.
        pairs_kept: how many of them were there from an earlier, interrupted run.
        compile_seconds: compiling the program of a tile.
        compute_seconds: computing the tiles and writing them down.
        bytes_per_tile: device memory of one tile.
        devices: number of tiles computed at the same time.
        grid: how the matrix was cut.
    """

    pairs: int
    pairs_kept: int
    compile_seconds: float
    compute_seconds: float
    bytes_per_tile: int
    devices: int
    grid: TileGrid


def gram(kernel: PairKernel, x1: Samples, x2: Samples | None = None, engine: Engine | None = None) -> KernelBlock:
    """The kernels of all pairs as float64 arrays in memory; without `x2` of `x1` with itself, exactly symmetric.

    Raises:
        DataError: there are no samples.
        NumericalError: an entry is not finite.
    """
    engine = engine or Engine()
    sides = Sides.of(x1, x2, engine.precision)
    grid, program = _planned(kernel, sides, engine)
    matrices = _Matrices(grid)
    _compute(program, grid, sides, list(grid), matrices, engine.progress)
    return matrices.result()


def gram_file(
    kernel: PairKernel,
    x1: Samples,
    x2: Samples | None,
    path: Path,
    settings: Mapping[str, str],
    dtype: DTypeLike = np.float64,
    engine: Engine | None = None,
) -> GramReport:
    """The kernels of all pairs as an npz file with `nngp` and `ntk`; run again after a kill, it goes on.

    Args:
        kernel: what to compute.
        x1: samples along the rows.
        x2: samples along the columns; None: those of `x1`.
        path: the npz file; tiles are kept in the folder `path` + ".partial" until it is written.
        settings: all that `kernel` depends on, to recognise the tiles of an interrupted run.
        dtype: float32 or float64, on disk.
        engine: how to compute.

    Raises:
        DataError: there are no samples.
        NumericalError: an entry is not finite.
        StorageError: the disk is full, or the tiles that are there belong to another computation.
    """
    engine = engine or Engine()
    sides = Sides.of(x1, x2, engine.precision)
    folder = path.with_name(path.name + ".partial")
    identity = {**settings, "x1": fingerprint(x1), "x2": "x1" if x2 is None else fingerprint(x2)}
    store = GramStore.reopen(folder, identity, dtype)
    grid, program = _planned(kernel, sides, engine, None if store is None else store.grid)
    store = store or GramStore.create(folder, identity, grid, dtype)
    there = store.done()
    start = time.perf_counter()
    _compute(program, grid, sides, [tile for tile in grid if tile not in there], store, engine.progress)
    seconds = time.perf_counter() - start
    store.export(path)
    store.remove()
    kept = sum(grid.pairs(tile) for tile in there)
    return GramReport(
        pairs=sum(grid.pairs(tile) for tile in grid),
        pairs_kept=kept,
        compile_seconds=program.compile_seconds,
        compute_seconds=seconds,
        bytes_per_tile=program.bytes_per_tile,
        devices=program.devices,
        grid=grid,
    )


class _Keeper(Protocol):
    """Where finished tiles go."""

    def write(self, tile: Tile, block: KernelBlock) -> None:
        """Keep one tile."""


class _Matrices:
    """Tiles put together in memory."""

    def __init__(self, grid: TileGrid) -> None:
        self._grid = grid
        self._arrays = KernelBlock(*(np.empty((grid.rows, grid.columns)) for _ in KernelBlock._fields))

    def write(self, tile: Tile, block: KernelBlock) -> None:
        """Put a tile in its place, and its mirror image."""
        rows, columns = self._grid.row_slice(tile), self._grid.column_slice(tile)
        for array, values in zip(self._arrays, block, strict=True):
            on_diagonal = self._grid.symmetric and tile.row == tile.column
            array[rows, columns] = mirrored(values) if on_diagonal else values
            if self._grid.symmetric and not on_diagonal:
                array[columns, rows] = values.T

    def result(self) -> KernelBlock:
        """The whole matrices."""
        return self._arrays


def _planned(
    kernel: PairKernel, sides: Sides, engine: Engine, cut: TileGrid | None = None
) -> tuple[TileGrid, TileProgram]:
    """Tiles within the memory allowed, by the kernel's own word first and the compiler's count then."""
    devices = list(engine.devices or jax.devices())
    memory = engine.memory or _default_memory(devices[0])
    if cut is not None:
        return cut, compile_tiles(kernel, *sides.tile(cut, Tile(0, 0)), devices)
    per_pair = kernel.bytes_per_pair(*sides.single())
    for _ in range(_TRIES):
        grid = plan(count(sides.x1), count(sides.x2), sides.symmetric, per_pair, memory, len(devices))
        program = compile_tiles(kernel, *sides.tile(grid, Tile(0, 0)), devices)
        pairs = grid.tile_rows * grid.tile_columns
        if program.bytes_per_tile <= memory or pairs == 1:
            break
        per_pair = max(per_pair + 1, math.ceil(program.bytes_per_tile / pairs))
    return grid, program


def _compute(
    program: TileProgram,
    grid: TileGrid,
    sides: Sides,
    todo: Sequence[Tile],
    keeper: _Keeper,
    progress: Progress,
) -> None:
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


def _keep(batch: Sequence[Tile], promise: KernelBlock, grid: TileGrid, keeper: _Keeper) -> int:
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
                f"the {name} kernel of samples {row} and {column} is not finite; expected numbers of ordinary size: "
                "normalise the inputs, lower W_std, or compute with precision=float64."
            )


def _batches(tiles: Sequence[Tile], size: int) -> Iterator[Sequence[Tile]]:
    for start in range(0, len(tiles), size):
        yield tiles[start : start + size]


def _default_memory(device: jax.Device) -> int:
    if device.platform == "cpu":
        return CPU_MEMORY
    return int(_ACCELERATOR_SHARE * device.memory_stats()["bytes_limit"])
