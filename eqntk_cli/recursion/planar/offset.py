"""The kernel between all pairs of positions with one offset d = t' - t: the state inside the planar stream.

Arrays are (row, column, sample1, sample2), pairs innermost, so that every loop is contiguous. A convolution moves
both positions by the same tap and so is a box filter over cells, taken as shifted sums, first along rows, then
along columns. `offset_axis` says which cells stand for which positions.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqntk_cli.recursion.activations.base import Activation
from eqntk_cli.recursion.planar.axis import OffsetAxis
from eqntk_cli.recursion.planar.fence import fenced
from eqntk_cli.recursion.planar.signal import Offset, OffsetSignal
from eqntk_cli.recursion.state import KernelState


@dataclass(frozen=True)
class OffsetState(KernelState):
    """K and T over the cells of one offset, before convolution number `level`.

    The variances do not depend on the offset: they are computed once, outside, and given to `activate_with`. The
    fields of the base class hold zeros meanwhile.
    """

    rows: OffsetAxis
    columns: OffsetAxis
    offset: Offset
    level: int

    @classmethod
    def of_images(cls, images: OffsetSignal, offset: Offset) -> "OffsetState":
        """The state of the input: K = <x(t), x'(t')>/C, no parameters yet."""
        first, second = images.first_at(offset), images.second_at(offset)
        channels = range(first.shape[-1])
        products = [first[:, :, :, None, c] * second[:, :, None, :, c] for c in channels]
        nngp = sum(products[1:], start=products[0]) / len(channels)
        zero = jnp.zeros((), nngp.dtype)
        return cls(nngp, None, zero, zero, images.rows, images.columns, offset, 0)

    def average(
        self, values: Float[Array, "row column sample1 sample2"], support: Any
    ) -> Float[Array, "row2 column2 sample1 sample2"]:
        """Box filter of the window; positions outside count as zero under padding=same."""
        del support
        if self.rows.padding == "same":
            values = self._inside(values)
        return fenced(self.offset[0] >= 0, partial(_box_mean, self.rows, self.columns, self.level), values)

    def average_variance(self, values: Float[Array, ""], support: Any, which: int) -> Float[Array, ""]:
        """Nothing to do: the variances are kept outside."""
        del support, which
        return values

    def across(
        self, variance1: Float[Array, "row column sample1"], variance2: Float[Array, "row column sample2"]
    ) -> tuple[Float[Array, "row column sample1 1"], Float[Array, "row column 1 sample2"]]:
        """Variances of the first sample at t, of the second at t'."""
        return variance1[..., None], variance2[..., None, :]

    def after_linear(self, support: Any) -> Self:
        """One level further."""
        del support
        return replace(self, level=self.level + 1)

    def activate_with(self, activation: Activation, variances: OffsetSignal) -> Self:
        """A nonlinearity, with the variances of both samples at this level."""
        known = replace(self, variance1=variances.first_at(self.offset), variance2=variances.second_at(self.offset))
        return replace(known.activate(activation), variance1=self.variance1, variance2=self.variance2)

    def pool(self) -> "OffsetState":
        """The cells that stand for pairs of positions, zero elsewhere; their sum over offsets is the pooled kernel."""
        assert self.ntk is not None, "pooling before the first linear layer"
        return replace(self, nngp=self._inside(self.nngp), ntk=self._inside(self.ntk))

    def _inside(self, values: Float[Array, "row column sample1 sample2"]) -> Float[Array, "row column sample1 sample2"]:
        down, across = self.rows.inside(self.level, self.offset[0]), self.columns.inside(self.level, self.offset[1])
        return jnp.where((down[:, None] & across)[:, :, None, None], values, 0)


def _box_mean(
    rows: OffsetAxis, columns: OffsetAxis, level: int, values: Float[Array, "row column sample1 sample2"]
) -> Float[Array, "row2 column2 sample1 sample2"]:
    """Mean over the window, rows first."""
    values = _box(_box(values, 0, rows, level), 1, columns, level)
    return values / (rows.windows[level] * columns.windows[level])


def _box(values: Float[Array, "..."], dimension: int, axis: OffsetAxis, level: int) -> Float[Array, "..."]:
    """Sum over the window along one dimension, at every stride-th cell."""
    low, high = axis.pads(level)
    if axis.padding == "circular":
        values = _wrapped(values, dimension, low, high)
    elif low or high:
        pads = [(low, high, 0) if d == dimension else (0, 0, 0) for d in range(values.ndim)]
        values = jax.lax.pad(values, jnp.zeros((), values.dtype), pads)
    stride, outputs = axis.strides[level], axis.cells(level + 1)
    last = (outputs - 1) * stride + 1
    taps = [jax.lax.slice_in_dim(values, tap, tap + last, stride, dimension) for tap in range(axis.windows[level])]
    return sum(taps[1:], start=taps[0])


def _wrapped(values: Float[Array, "..."], dimension: int, low: int, high: int) -> Float[Array, "..."]:
    """The row with `low` cells of its end in front and `high` cells of its start behind (negative: dropped)."""
    count = values.shape[dimension]
    front = jax.lax.slice_in_dim(values, count - low, count, axis=dimension)
    kept = jax.lax.slice_in_dim(values, 0, count + min(high, 0), axis=dimension)
    back = jax.lax.slice_in_dim(values, 0, max(high, 0), axis=dimension)
    return jnp.concatenate([front, kept, back], axis=dimension)
