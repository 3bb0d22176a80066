"""A tile in parts, where a whole one does not fit into the memory of a device.

The grid of the matrix stays as it is, so that tiles of earlier sessions and of other processes still fit; only the
program is that of a smaller tile. The numbers are alike to those of whole tiles up to rounding.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import jax
import numpy as np

from eqntk_cli.domains.samples import Samples, count, take
from eqntk_cli.errors import DeviceMemoryError
from eqntk_cli.kernels.gram.program import Programs, TileProgram
from eqntk_cli.kernels.gram.tiles import TileGrid
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel

Pairs = Sequence[tuple[Samples, Samples]]


class TileRunner(Protocol):
    """Computes tiles, one per device at a time."""

    @property
    def bytes_per_tile(self) -> int:
        """Memory of what is computed at once on a device."""

    @property
    def compile_seconds(self) -> float:
        """What compiling took."""

    @property
    def devices(self) -> int:
        """How many tiles are computed at the same time."""

    @property
    def ahead(self) -> int:
        """How many batches to set off before the last one is fetched."""

    @property
    def parts(self) -> int:
        """In how many parts each tile is computed."""

    def start(self, pairs: Pairs) -> KernelBlock:
        """Set off one batch of at most `devices` tiles; the result is stacked over tiles."""


@dataclass(frozen=True, eq=False)
class TileWork:
    """What the tiles of a matrix are: a kernel, samples like those of the two sides of every tile, and the devices."""

    kernel: PairKernel
    x1: Samples
    x2: Samples
    devices: tuple[jax.Device, ...]
    programs: Programs

    def whole(self) -> TileProgram:
        """Whole tiles.

        Raises:
            DeviceMemoryError: one does not fit in the memory of a device.
        """
        return self.programs.get(self.kernel, self.x1, self.x2, self.devices)

    def fitting(self) -> TileRunner:
        """Whole tiles, or parts of them where the program of a whole one does not fit.

        Raises:
            DeviceMemoryError: not even a pair of samples fits in the memory of a device.
        """
        try:
            return self.whole()
        except DeviceMemoryError:
            return self.in_parts(2)

    def in_parts(self, parts: int) -> "TileParts":
        """Tiles in so many parts or, where these do not fit either, more.

        Raises:
            DeviceMemoryError: not even a pair of samples fits in the memory of a device.
        """
        rows, columns = count(self.x1), count(self.x2)
        across = min(parts, rows)
        down = min(math.ceil(parts / across), columns)
        if parts >= 2 * rows * columns:  # single pairs were tried
            raise DeviceMemoryError("one pair of samples does not fit in the memory of the device; free some of it.")
        sides = (_part(self.x1, 0, across), _part(self.x2, 0, down))
        try:
            program = self.programs.get(self.kernel, *sides, self.devices)
        except DeviceMemoryError:
            return self.in_parts(2 * parts)
        return TileParts(program, across, down)


@dataclass(frozen=True)
class TileParts:
    """Tiles computed part after part: so many along the rows and along the columns."""

    program: TileProgram
    rows: int
    columns: int

    @property
    def parts(self) -> int:
        """How many parts a tile has."""
        return self.rows * self.columns

    @property
    def bytes_per_tile(self) -> int:
        """Memory of one part."""
        return self.program.bytes_per_tile

    @property
    def compile_seconds(self) -> float:
        """What compiling took."""
        return self.program.compile_seconds

    @property
    def devices(self) -> int:
        """How many tiles are computed at the same time."""
        return self.program.devices

    @property
    def ahead(self) -> int:
        """None: memory is short."""
        return 0

    def start(self, pairs: Pairs) -> KernelBlock:
        """One batch of tiles, computed at once."""
        height, width = (count(side) for side in pairs[0])
        parts = [[self._computed(pairs, row, column) for column in range(self.columns)] for row in range(self.rows)]
        return KernelBlock(
            *(
                np.block([[part[kernel] for part in row] for row in parts])[:, :height, :width]
                for kernel in range(len(KernelBlock._fields))
            )
        )

    def _computed(self, pairs: Pairs, row: int, column: int) -> list[np.ndarray]:
        part = [(_part(x1, row, self.rows), _part(x2, column, self.columns)) for x1, x2 in pairs]
        return [np.asarray(values) for values in self.program.start(part)]


def parts_note(grid: TileGrid, parts: int) -> str:
    """What a reader of the matrix must know."""
    return (
        f"a device ran out of memory: tiles of {grid.tile_rows} x {grid.tile_columns} samples were computed in "
        f"{parts} parts, alike to whole ones up to rounding"
    )


def _part(x: Samples, number: int, parts: int) -> Samples:
    """One of so many equal parts of some samples, the last sample repeated beyond the end."""
    size = math.ceil(count(x) / parts)
    return take(x, np.minimum(np.arange(number * size, (number + 1) * size), count(x) - 1))
