"""One signal of both samples, laid out so that any offset is a cheap cut.

`OffsetSignal` holds images, or variances of a layer, of two blocks of samples. `first_at` and `second_at` give
them in the cells of one offset (see `offset_axis`): the second by sliding a window over a periodic arrangement,
the first by choosing, cell by cell, between the arrangements of the two branches. No gather is left in the loop.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqntk_cli.recursion.planar.axis import OffsetAxis

Offset = tuple[Int[Array, ""], Int[Array, ""]]  # of rows and of columns, in final positions


@dataclass(frozen=True)
class OffsetSignal:
    """Signals of two blocks of samples at one level; `rows` and `columns` are the axes of the stream."""

    first: tuple[tuple[Float[Array, "row column sample1 ..."], ...], ...]  # by branch of rows, of columns
    second: Float[Array, "row column sample2 ..."]
    rows: OffsetAxis
    columns: OffsetAxis
    level: int

    @classmethod
    def of(
        cls,
        first: Float[Array, "sample1 height width ..."],
        second: Float[Array, "sample2 height width ..."],
        rows: OffsetAxis,
        columns: OffsetAxis,
        level: int,
    ) -> "OffsetSignal":
        """Arrange two blocks of images."""
        first, second = (jnp.moveaxis(values, 0, 2) for values in (first, second))
        branches = tuple(
            tuple(first[down][:, across] for across in columns.first_rows(level)) for down in rows.first_rows(level)
        )
        sliding = second[rows.second_row(level)][:, columns.second_row(level)]
        return cls(branches, sliding, rows, columns, level)

    def first_at(self, offset: Offset) -> Float[Array, "row column sample1 ..."]:
        """The first samples at the positions t of all cells."""
        trailing = self.second.ndim - 2
        down = _in_second_branch(self.rows, self.level, offset[0])
        across = _in_second_branch(self.columns, self.level, offset[1])
        chosen = [_choose(across, row, trailing) for row in self.first]
        return _choose(None if down is None else down[:, None], chosen, trailing)

    def second_at(self, offset: Offset) -> Float[Array, "row column sample2 ..."]:
        """The second samples at the positions t' of all cells."""
        start = (offset[0] * self.rows.scale(self.level), offset[1] * self.columns.scale(self.level))
        size = (self.rows.cells(self.level), self.columns.cells(self.level))
        trailing = self.second.shape[2:]
        return jax.lax.dynamic_slice(self.second, (*start, *(0 for _ in trailing)), (*size, *trailing))


def _in_second_branch(axis: OffsetAxis, level: int, offset: Int[Array, ""]) -> Bool[Array, " cell"] | None:
    """Cells of branch B, None where both branches lie alike (no seam)."""
    return axis.in_second_branch(level, offset) if axis.seam else None


def _choose(
    second: Bool[Array, "..."] | None, branches: list[Float[Array, "..."]] | tuple[Float[Array, "..."], ...], ndim: int
) -> Float[Array, "..."]:
    """Branch A or B, cell by cell; `ndim` is the number of axes after row and column."""
    if second is None:
        return branches[0]
    return jnp.where(second.reshape(*second.shape, *(1,) * ndim), branches[1], branches[0])
