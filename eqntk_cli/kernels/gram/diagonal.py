"""Kernels of samples with themselves, K(x, x) and T(x, x), without the matrix around them."""

import math

import jax
import numpy as np

from eqntk_cli.domains.samples import Samples
from eqntk_cli.kernels.gram.matrix import Engine
from eqntk_cli.kernels.gram.program import Programs
from eqntk_cli.kernels.gram.sides import Sides
from eqntk_cli.kernels.gram.tiles import Tile, TileGrid
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel

_SIDE = 8  # samples of a tile, of which the diagonal is taken


def diagonal(kernel: PairKernel, x: Samples, engine: Engine | None = None) -> KernelBlock:
    """NNGP and NTK of each sample with itself, (sample,) each, at the cost of 8 pairs per sample.

    Raises:
        DataError: there are no samples.
        DeviceMemoryError: a tile does not fit in the memory of a device.
    """
    engine = engine or Engine()
    sides = Sides.of(x, None, engine.precision)
    device = list(engine.devices or jax.devices())[:1]
    programs = engine.programs if engine.programs is not None else Programs()
    grid = TileGrid(sides.rows, sides.rows, _SIDE, _SIDE, symmetric=True)
    parts = []
    for place in range(math.ceil(sides.rows / _SIDE)):
        tile = sides.tile(grid, Tile(place, place))
        block = programs.get(kernel, *tile, device).start([tile])
        parts.append([np.diagonal(np.asarray(values)[0]) for values in block])
    columns = (np.concatenate(tiles)[: sides.rows] for tiles in zip(*parts, strict=True))
    return KernelBlock(*(np.asarray(values, np.float64) for values in columns))
