"""NNGP and NTK Gram matrices of any number of samples in flat memory, tile by tile over all devices.

Any PairKernel will do. Each tile needs no more than `memory` bytes on its device, whatever the number of samples;
finished tiles go to the result arrays, or to a store on disk from which a killed computation goes on where it was.
A tile depends on its own samples alone: the numbers are the same to the last bit whether the computation was
interrupted or not, and up to rounding for any tile size and number of devices.
"""

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import jax
import numpy as np
from numpy.typing import DTypeLike

from eqntk_cli.domains.samples import Samples
from eqntk_cli.kernels.gram.archive import refuse_other_result, write_gram
from eqntk_cli.kernels.gram.loop import Say, compute
from eqntk_cli.kernels.gram.parts import TileRunner, TileWork, parts_note
from eqntk_cli.kernels.gram.program import Programs
from eqntk_cli.kernels.gram.sides import Sides
from eqntk_cli.kernels.gram.store import TileStore
from eqntk_cli.kernels.gram.tiles import Tile, TileGrid, mirrored, plan, reflected, rounded_up
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel
from eqntk_cli.progress import Progress, silent

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
        say: is told what a reader of the result must know: that tiles had to be made smaller.
        programs: where compiled programs are kept for later matrices; tiles then have sides from a short list, so
            that matrices of many sizes share few programs. None: a program serves one matrix.

    Examples:
        >>> from eqntk_cli.architectures.registry import plain_kernel
        >>> from eqntk_cli.config.schema import ArchitectureConfig
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> linear = plain_kernel(ArchitectureConfig("mlp", hidden_layers=0, W_std=1.0, b_std=0.0), PixelGrid(1, 1, 1))
        >>> x = np.arange(40.0).reshape(40, 1, 1, 1)
        >>> small, whole = (gram(linear, x, engine=Engine(memory=memory)) for memory in (1 << 12, None))
        >>> bool(np.array_equal(small.ntk, whole.ntk)), float(whole.ntk[2, 3])
        (True, 6.0)
    """

    memory: int | None = None
    devices: Sequence[jax.Device] | None = None
    precision: str | None = None
    progress: Progress = silent
    say: Say = warnings.warn
    programs: Programs | None = None


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
        notes: what a reader of the result must know.
    """

    pairs: int
    pairs_kept: int
    compile_seconds: float
    compute_seconds: float
    bytes_per_tile: int
    devices: int
    grid: TileGrid
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kept:
    """Where the tiles of a Gram matrix stay on the disk, so that a killed computation goes on from them.

    Attributes:
        folder: a folder of this matrix alone; its tiles stay there until the caller removes it.
        settings: all that the kernel depends on, to recognise the tiles.
        dtype: float32 or float64, on disk: that of the computation, so that what is read is what was written.
        copies: where a side holds copies that were computed from other samples: for each such side, x1 or x2, what
            tells them from others. The copies themselves may differ in their last digits on another device.
    """

    folder: Path
    settings: Mapping[str, str]
    dtype: DTypeLike = np.float64
    copies: Mapping[str, str] = field(default_factory=dict)


def gram(
    kernel: PairKernel,
    x1: Samples,
    x2: Samples | None = None,
    engine: Engine | None = None,
    inverse: Sequence[int] | None = None,
    kept: Kept | None = None,
) -> KernelBlock:
    """The kernels of all pairs as float64 arrays in memory; without `x2` of `x1` with itself, exactly symmetric.

    Args:
        kernel: what to compute.
        x1: samples along the rows.
        x2: samples along the columns; None: those of `x1`.
        engine: how to compute.
        inverse: `x2` holds the copies u x_j of the samples of `x1` under a group, at j·|G| + u, and inverse[u] is u^-1.
            Only the pairs i <= j are computed, which is right where the kernel is unchanged when both samples move.
        kept: where tiles are kept, and found again.

    Raises:
        DataError: there are no samples.
        NumericalError: an entry is not finite.
        DeviceMemoryError: one tile does not fit in the memory of a device.
        StorageError: the disk is full, or the tiles that are there belong to another computation.

    Examples:
        >>> from eqntk_cli.architectures.registry import plain_kernel
        >>> from eqntk_cli.config.schema import ArchitectureConfig
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> linear = plain_kernel(ArchitectureConfig("mlp", hidden_layers=0, W_std=1.0, b_std=0.0), PixelGrid(1, 1, 1))
        >>> gram(linear, np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1, 1)).nngp.tolist()
        [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 6.0, 9.0]]
    """
    engine = engine or Engine()
    sides = Sides.of(x1, x2, engine.precision, inverse)
    if kept is None:
        grid, work, runner = _planned(kernel, sides, engine)
        matrices = _Matrices(grid)
        compute(work, runner, sides, matrices, engine.progress, engine.say)
        return matrices.block
    store, _ = _filled(kernel, sides, engine, kept, with_result=False)
    matrices = _Matrices(store.grid)
    for tile in store.grid:
        matrices.write(tile, KernelBlock(*store.read(tile)))
    return matrices.block


def gram_file(
    kernel: PairKernel,
    x1: Samples,
    x2: Samples | None,
    path: Path,
    settings: Mapping[str, str],
    dtype: DTypeLike = np.float64,
    engine: Engine | None = None,
    replace: bool = False,
) -> GramReport:
    """The kernels of all pairs as an npz file with `nngp` and `ntk`; run again after a kill, it goes on.

    Several processes may be asked for the same file at the same time, from the beginning or later: they share the
    work, and each returns when the file is there.

    Args:
        kernel: what to compute.
        x1: samples along the rows.
        x2: samples along the columns; None: those of `x1`.
        path: the npz file; tiles are kept in `tiles_folder(path)` until it is written.
        settings: all that `kernel` depends on, to recognise the tiles of another process.
        dtype: float32 or float64, on disk.
        engine: how to compute.
        replace: write over whatever is at `path`.

    Raises:
        DataError: there are no samples.
        NumericalError: an entry is not finite.
        DeviceMemoryError: one tile does not fit in the memory of a device.
        StorageError: the disk is full, or the tiles or the result that are there belong to another computation.
    """
    engine = engine or Engine()
    sides = Sides.of(x1, x2, engine.precision)
    identity = {"dtype": np.dtype(dtype).name, **settings, **sides.identity({})}
    if not replace:
        refuse_other_result(path, identity)
    kept = Kept(tiles_folder(path), settings, dtype)
    store, report = _filled(kernel, sides, engine, kept, with_result=True)
    with store.alone():
        if not store.removed:  # else another process has just done this
            write_gram(store, path, identity)
            store.remove()
    return report


def tiles_folder(path: Path) -> Path:
    """Where the tiles of a file of Gram matrices are kept."""
    return path.with_name(path.name + ".partial")


class _Matrices:
    """Tiles put together in memory, in float64."""

    def __init__(self, grid: TileGrid) -> None:
        self.grid = grid
        self.block = KernelBlock(*(np.empty((grid.rows, grid.width)) for _ in KernelBlock._fields))

    def done(self) -> set[Tile]:
        return set()

    def claim(self, tile: Tile, wait: bool) -> ExitStack:
        del tile, wait  # nobody else is there
        return ExitStack()

    def write(self, tile: Tile, block: KernelBlock) -> None:
        grid, across = self.grid, Tile(tile.column, tile.row)
        on_diagonal = grid.symmetric and tile.row == tile.column
        for matrix, values in zip(self.block, block, strict=True):
            own = grid.row_slice(tile), grid.column_slice(tile)
            matrix[own] = mirrored(values, grid.inverse) if on_diagonal else values
            if grid.symmetric and not on_diagonal:
                matrix[grid.row_slice(across), grid.column_slice(across)] = reflected(values, grid.inverse)


def _filled(
    kernel: PairKernel, sides: Sides, engine: Engine, kept: Kept, with_result: bool
) -> tuple[TileStore, GramReport]:
    """A store with all its tiles, those of earlier and of other processes too."""
    identity = {**kept.settings, **sides.identity(kept.copies)}
    store = TileStore.reopen(kept.folder, identity, kept.dtype)
    before = set() if store is None else store.done()
    if store is not None and len(before) == len(store.grid):  # nothing to compile
        report = _report(store.grid, before)
        engine.progress(report.pairs, report.pairs)
        return store, report
    grid, work, runner = _planned(kernel, sides, engine, None if store is None else store.grid)
    if store is None:
        store = TileStore.create(kept.folder, identity, grid, kept.dtype, with_result)
        if store.grid != grid:  # another process was quicker, and has other tiles
            _, work, runner = _planned(kernel, sides, engine, store.grid)
    start = time.perf_counter()
    runner = compute(work, runner, sides, store, engine.progress, engine.say)
    return store, _report(store.grid, before, runner, time.perf_counter() - start)


def _report(grid: TileGrid, before: set[Tile], program: TileRunner | None = None, seconds: float = 0.0) -> GramReport:
    return GramReport(
        pairs=sum(grid.pairs(tile) for tile in grid),
        pairs_kept=sum(grid.pairs(tile) for tile in before),
        compile_seconds=program.compile_seconds if program else 0.0,
        compute_seconds=seconds,
        bytes_per_tile=program.bytes_per_tile if program else 0,
        devices=program.devices if program else 0,
        grid=grid,
        notes=(parts_note(grid, program.parts),) if program and program.parts > 1 else (),
    )


def _planned(
    kernel: PairKernel, sides: Sides, engine: Engine, cut: TileGrid | None = None
) -> tuple[TileGrid, TileWork, TileRunner]:
    """Tiles within the memory allowed, by the kernel's own word first and the compiler's count then."""
    devices = tuple(engine.devices or jax.devices())
    memory = engine.memory or _default_memory(devices[0])
    programs = engine.programs if engine.programs is not None else Programs()
    if cut is not None:
        work = TileWork(kernel, *sides.tile(cut, Tile(0, 0)), devices, programs)
        return cut, work, work.fitting()
    per_pair = kernel.bytes_per_pair(*sides.single())
    rows, columns = sides.rows, sides.columns
    if engine.programs is not None:
        rows, columns = rounded_up(rows), rounded_up(columns)
    for _ in range(_TRIES):
        grid = plan(rows, columns, sides.symmetric, per_pair, memory, len(devices), sides.inverse)
        grid = replace(grid, rows=sides.rows, columns=sides.columns)
        work = TileWork(kernel, *sides.tile(grid, Tile(0, 0)), devices, programs)
        runner = work.fitting()
        pairs = grid.tile_rows * grid.tile_columns
        if runner.parts > 1 or runner.bytes_per_tile <= memory or pairs == 1:
            break
        per_pair = max(per_pair + 1, math.ceil(runner.bytes_per_tile / (pairs * grid.copies)))
    return grid, work, runner


def _default_memory(device: jax.Device) -> int:
    if device.platform == "cpu":
        return CPU_MEMORY
    return int(_ACCELERATOR_SHARE * device.memory_stats()["bytes_limit"])
