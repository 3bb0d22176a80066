"""The loop of the planar stream: replay the recorded steps for one offset after the other and add up.

K and T are summed cell by cell, over column offsets first, then over row offsets, and over cells last: a loop
without reductions vectorises. Four short sums in place of a long one also keep float32 accurate: each adds as many
numbers as the image has rows or columns, so that even one-sided rounding stays at a few roundings.

An offset is one step of the loop, so the pairs of a tile are what keeps a device busy: hundreds fill a core's cache,
an accelerator wants thousands (the cells of 2000 pairs of 28x28 images are 7 MB per array). The loop has been
measured on CPUs only; a kernel written for GPUs would fuse the steps of one offset and has not been tried.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from eqntk_cli.recursion.planar.offset import OffsetInput, OffsetState
from eqntk_cli.recursion.planar.signal import OffsetSignal
from eqntk_cli.recursion.state import State

Step = Callable[[State], State]
Cells = Float[Array, "row column sample1 sample2"]


@dataclass(frozen=True)
class OffsetSum:
    """What the steps make of two blocks of images, summed over all offsets."""

    images: OffsetSignal
    steps: Sequence[Step]

    def mean(self) -> tuple[Float[Array, "sample1 sample2"], Float[Array, "sample1 sample2"]]:
        """K and T averaged over all pairs of positions that the offsets stand for."""
        rows, columns = self.images.rows, self.images.columns
        sums = jax.lax.fori_loop(0, rows.offsets, self._add_row_offset, self._zeros())
        pairs = rows.counts[-1] * columns.counts[-1] * rows.offsets * columns.offsets
        nngp, ntk = (_sum_of_cells(cells) / pairs for cells in sums)
        return nngp, ntk

    def _add_row_offset(self, down: Int[Array, ""], sums: tuple[Cells, Cells]) -> tuple[Cells, Cells]:
        offsets = self.images.columns.offsets
        row = jax.lax.fori_loop(0, offsets, partial(self._add_offset, down), self._zeros())
        return sums[0] + row[0], sums[1] + row[1]

    def _add_offset(
        self, down: Int[Array, ""], across: Int[Array, ""], sums: tuple[Cells, Cells]
    ) -> tuple[Cells, Cells]:
        state = replay(self.steps, OffsetInput.of_images(self.images, (down, across)))
        assert isinstance(state, OffsetState), "pooling before the first convolution"
        state = state.inside()
        return sums[0] + state.nngp, sums[1] + state.ntk

    def _zeros(self) -> tuple[Cells, Cells]:
        rows, columns = self.images.rows, self.images.columns
        samples = (self.images.first[0][0].shape[2], self.images.second.shape[2])
        shape = (rows.cells(len(rows.windows)), columns.cells(len(columns.windows)), *samples)
        return jnp.zeros(shape, self.images.second.dtype), jnp.zeros(shape, self.images.second.dtype)


def replay(steps: Sequence[Step], state: State) -> State:
    """The state after all steps."""
    for step in steps:
        state = step(state)
    return state


def _sum_of_cells(cells: Cells) -> Float[Array, "sample1 sample2"]:
    """Rows one by one (as one reduction, in which the compiler would merge two, the sum would be a long one)."""
    zero = jnp.zeros(cells.shape[2:], cells.dtype)
    return jax.lax.fori_loop(0, cells.shape[0], lambda row, total: total + cells[row].sum(axis=0), zero)
