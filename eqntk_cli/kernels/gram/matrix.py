"""NNGP and NTK Gram matrices of any number of samples in flat memory, tile by tile over all devices.

Any PairKernel will do. Each tile needs no more than `memory` bytes on its device, whatever the number of samples;
finished tiles go to the result arrays, or to a store on disk from which a killed computation goes on where it was.
A tile depends on its own samples alone: the numbers are the same to the last bit whether the computation was
interrupted or not, and up to rounding for any tile size and number of devices.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np
from numpy.typing import DTypeLike

from eqntk_cli.domains.samples import Samples
from eqntk_cli.kernels.gram.fingerprint import fingerprint
from eqntk_cli.kernels.gram.loop import Matrices, compute
from eqntk_cli.kernels.gram.program import TileProgram, compile_tiles
from eqntk_cli.kernels.gram.progress import Progress, silent
from eqntk_cli.kernels.gram.sides import Sides
from eqntk_cli.kernels.gram.store import GramStore, Purpose
from eqntk_cli.kernels.gram.tiles import Tile, TileGrid, plan
from eqntk_cli.recursion.block import KernelBlock, PairKernel

CPU_MEMORY = 1 << 24  # bytes per tile on a CPU: more leaves the cache (64^2 pairs at 16x16 cost 1.4 times 24^2 ones)
_ACCELERATOR_SHARE = 0.25  # of a device's memory
_TRIES = 4  # times a tile is made smaller when the compiler needs more memory than the kernel had announced
_IN_MEMORY = Purpose(
    size=1,
    content="the tiles",
    smaller="precision=float32",
    full="free some space and go on from them",
    foreign="remove that folder to start anew",
)
_IN_FILE = Purpose(
    size=2,
    content="the tiles and the result",
    smaller="--dtype float32",
    full="free some space and run the same command again",
    foreign="remove that folder to start anew, or choose another --out",
)


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
        StorageError: the disk is full, or the tiles that are there belong to another computation.
    """
    engine = engine or Engine()
    sides = Sides.of(x1, x2, engine.precision, inverse)
    store = None
    if kept is not None:
        identity = {**kept.settings, **_identity(x1, x2, kept.copies), "inverse": str(sides.inverse)}
        store = GramStore.reopen(kept.folder, identity, kept.dtype, _IN_MEMORY)
    if store is not None and len(store.done()) == len(store.grid):  # nothing to compile
        total = sum(store.grid.pairs(tile) for tile in store.grid)
        engine.progress(total, total)
        return Matrices(store.grid, store).result
    grid, program = _planned(kernel, sides, engine, None if store is None else store.grid)
    if kept is not None and store is None:
        store = GramStore.create(kept.folder, identity, grid, kept.dtype, _IN_MEMORY)
    matrices = Matrices(grid, store)
    compute(program, grid, sides, [tile for tile in grid if tile not in matrices.there], matrices, engine.progress)
    return matrices.result


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
    identity = {**settings, **_identity(x1, x2)}
    store = GramStore.reopen(folder, identity, dtype, _IN_FILE)
    grid, program = _planned(kernel, sides, engine, None if store is None else store.grid)
    store = store or GramStore.create(folder, identity, grid, dtype, _IN_FILE)
    there = store.done()
    start = time.perf_counter()
    compute(program, grid, sides, [tile for tile in grid if tile not in there], store, engine.progress)
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
        grid = plan(sides.rows, sides.columns, sides.symmetric, per_pair, memory, len(devices), sides.inverse)
        program = compile_tiles(kernel, *sides.tile(grid, Tile(0, 0)), devices)
        pairs = grid.tile_rows * grid.tile_columns
        if program.bytes_per_tile <= memory or pairs == 1:
            break
        per_pair = max(per_pair + 1, math.ceil(program.bytes_per_tile / (pairs * grid.copies)))
    return grid, program


def _identity(x1: Samples, x2: Samples | None, copies: Mapping[str, str] | None = None) -> dict[str, str]:
    told = copies or {}
    sides = {"x1": x1} if x2 is None else {"x1": x1, "x2": x2}
    return {"x2": "x1", **{side: told[side] if side in told else fingerprint(x) for side, x in sides.items()}}


def _default_memory(device: jax.Device) -> int:
    if device.platform == "cpu":
        return CPU_MEMORY
    return int(_ACCELERATOR_SHARE * device.memory_stats()["bytes_limit"])
