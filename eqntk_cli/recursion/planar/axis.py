"""One axis of the planar stream: how the pairs of positions (t, t + d) of one offset lie in a row of cells.

A convolution moves both positions by the same tap, hence d = t' - t is the same number of final positions in every
layer (times the strides that are still to come). On an axis with m final positions an offset d in 0..m-1 stands
for two branches, t' = t + d with m - d pairs and t' = t + d - m with d pairs, m pairs in all. Both lie in one row
of cells, branch A first, then a seam of g cells, then branch B:

    cell i < (m - d + g) S:  t = i,        otherwise:  t = i - g S,        always:  t' = (i + d S) mod (m + g) S

with S the product of the strides still to come. The second sample is therefore read by a window that slides over
a periodic row, the first by one of two fixed rows. Every convolution is then a box filter over the whole row:

    valid     a cell reads the cells i S_l ... behind it; g is so large that garbage stays inside the seam
    same      positions outside an image are zero, and so is the seam; g is half a window
    circular  t' = (t + d S) mod (m S): one branch, no seam, rows that are wrapped

The sum over d and over cells with weight 1 visits every pair of final positions once.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from eqntk_cli.domains.lattice import Axis


@dataclass(frozen=True)
class OffsetAxis:
    """Cells of one axis through a stack of convolutions.

    `size` is the image's side, `windows` and `strides` those of the convolutions in order, `padding` is common to
    all. `diagonal` is for a read-out that needs d = 0 only: then there is no branch B and no seam.
    """

    size: int
    windows: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    diagonal: bool = False

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Positions before each convolution and after the last."""
        counts = [self.size]
        for window, stride in zip(self.windows, self.strides, strict=True):
            counts.append(Axis.centred(counts[-1]).windowed(window, self.padding, stride)[0].count)
        return tuple(counts)

    @property
    def offsets(self) -> int:
        """The number of offsets d; with one there is no branch B."""
        return 1 if self.diagonal else self.counts[-1]

    @cached_property
    def seam(self) -> int:
        """g: cells between the branches, counted in final positions."""
        if self.offsets == 1 or self.padding == "circular":
            return 0
        reach = [self._field(level) - self.scale(level) for level in range(len(self.windows))]
        if self.padding == "same":
            reach = [max(low, window - 1 - low) for window, low in zip(self.windows, self._lows, strict=True)]
        return max((-(-cells // self.scale(level)) for level, cells in enumerate(reach)), default=0)

    def scale(self, level: int) -> int:
        """S: cells of this level per final position."""
        return prod(self.strides[level:])

    def cells(self, level: int) -> int:
        """Length of the row before convolution number `level`."""
        final = self.counts[-1] + self.seam
        if self.padding == "valid":
            return (final - 1) * self.scale(level) + self._field(level)
        return final * self.scale(level)

    def pads(self, level: int) -> tuple[int, int]:
        """Cells to add before and after the row (negative: to drop) for the box filter of this convolution."""
        if self.padding == "valid":
            return 0, 0
        low = self._lows[level]
        return low, self.windows[level] - self.strides[level] - low

    def first_rows(self, level: int) -> tuple[Int[np.ndarray, " cell"], Int[np.ndarray, " cell"]]:
        """Position t of each cell if it belonged to branch A, and to branch B, clipped to the image."""
        cells = np.arange(self.cells(level))
        last = self.counts[level] - 1
        return np.clip(cells, 0, last), np.clip(cells - self.seam * self.scale(level), 0, last)

    def second_row(self, level: int) -> Int[np.ndarray, " cell"]:
        """Position t' along the periodic row over which the window slides, clipped to the image."""
        period = (self.counts[-1] + self.seam) * self.scale(level)
        cells = np.arange((self.offsets - 1) * self.scale(level) + self.cells(level))
        if self.offsets > 1:
            cells = cells % period
        return np.clip(cells, 0, self.counts[level] - 1)

    def in_second_branch(self, level: int, offset: Int[Array, ""]) -> Bool[Array, " cell"]:
        """Which cells belong to branch B."""
        return jnp.arange(self.cells(level)) >= (self.counts[-1] - offset + self.seam) * self.scale(level)

    def inside(self, level: int, offset: Int[Array, ""]) -> Bool[Array, " cell"]:
        """Cells of which both positions lie in the image (the rest is garbage, or zero padding)."""
        scale, count = self.scale(level), self.counts[-1]
        second = self.in_second_branch(level, offset)
        t1 = jnp.arange(self.cells(level)) - second * self.seam * scale
        if self.padding == "circular":
            return t1 >= 0
        t2 = t1 + (offset - second * count) * scale
        return (t1 < self.counts[level]) & (t2 < self.counts[level])

    @cached_property
    def _lows(self) -> tuple[int, ...]:
        """Padding in front of each convolution."""
        if self.padding == "circular":
            return tuple((window - 1) // 2 for window in self.windows)
        sides = zip(self.windows, self.strides, self.counts[:-1], self.counts[1:], strict=True)
        return tuple(max((after - 1) * stride + window - before, 0) // 2 for window, stride, before, after in sides)

    def _field(self, level: int) -> int:
        """Cells of this level that one final position depends on (valid padding)."""
        field = 1
        for window, stride in zip(reversed(self.windows[level:]), reversed(self.strides[level:]), strict=True):
            field = (field - 1) * stride + window
        return field
