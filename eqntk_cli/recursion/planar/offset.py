"""The kernel between all pairs of positions with one offset d = t' - t: the state inside the planar stream.

Arrays are (row, column, sample1, sample2), pairs innermost, so that every loop is contiguous. A convolution moves
both positions by the same tap and so is a box filter over cells, taken as shifted sums, first along rows, then
along columns. `offset_axis` says which cells stand for which positions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float
from typing_extensions import override

from eqntk_cli.domains.support import Support
from eqntk_cli.recursion.activations.base import Activation
from eqntk_cli.recursion.planar.axis import OffsetAxis
from eqntk_cli.recursion.planar.signal import Offset, OffsetSignal
from eqntk_cli.recursion.state import KernelState, State


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

    @override
    def averaged(self, support: Support) -> Self:
        """Box filter of the window of this level, which the axes know; one level further."""
        means = [_box_mean(self, values) for values in (self.nngp, self.ntk)]
        return replace(self, nngp=means[0], ntk=means[1], level=self.level + 1)

    def across(
        self,
    ) -> tuple[Float[Array, "row column sample1 1"], Float[Array, "row column 1 sample2"]]:
        """Variances of the first sample at t, of the second at t'."""
        return self.variance1[..., None], self.variance2[..., None, :]

    def activate_with(self, activation: Activation, variances: OffsetSignal) -> Self:
        """A nonlinearity, with the variances of both samples at this level."""
        known = replace(self, variance1=variances.first_at(self.offset), variance2=variances.second_at(self.offset))
        return replace(known.activate(activation), variance1=self.variance1, variance2=self.variance2)

    def add(self, branch: State) -> Self:
        """A skip connection; the branch may have crossed convolutions (of stride 1), so its level counts from here."""
        assert isinstance(branch, OffsetState), "a branch before the first convolution"
        return replace(super().add(branch), level=branch.level)

    def inside(self) -> Self:
        """The cells that stand for pairs of positions, zero elsewhere; their sum over offsets is the pooled kernel."""
        return replace(self, nngp=_inside(self, self.nngp), ntk=_inside(self, self.ntk))


@dataclass(frozen=True)
class OffsetInput(State):
    """Two blocks of images before the first convolution: the products <x(t), x'(t')>/C at one offset, and T = 0."""

    products: Float[Array, "row column sample1 sample2"]
    rows: OffsetAxis
    columns: OffsetAxis
    offset: Offset
    level: int = 0

    @classmethod
    def of_images(cls, images: OffsetSignal, offset: Offset) -> Self:
        """The products at one offset."""
        first, second = images.first_at(offset), images.second_at(offset)
        channels = range(first.shape[-1])
        products = [first[:, :, :, None, c] * second[:, :, None, :, c] for c in channels]
        return cls(sum(products[1:], start=products[0]) / len(channels), images.rows, images.columns, offset)

    @override
    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> OffsetState:
        """The first convolution; there T = K."""
        nngp = weight_variance * _box_mean(self, self.products) + bias_variance
        zero = jnp.zeros((), nngp.dtype)
        return OffsetState(nngp, nngp, zero, zero, self.rows, self.columns, self.offset, self.level + 1)


def _inside(
    state: OffsetState | OffsetInput, values: Float[Array, "row column sample1 sample2"]
) -> Float[Array, "row column sample1 sample2"]:
    """Zero in the cells of which a position lies outside its image."""
    down, across = state.rows.inside(state.level, state.offset[0]), state.columns.inside(state.level, state.offset[1])
    return jnp.where((down[:, None] & across)[:, :, None, None], values, 0)


def _box_mean(
    state: OffsetState | OffsetInput, values: Float[Array, "row column sample1 sample2"]
) -> Float[Array, "row2 column2 sample1 sample2"]:
    """Mean over the window, positions outside counting as zero under padding=same."""
    if state.rows.padding == "same":
        values = _inside(state, values)
    return _fenced(state.offset[0] >= 0, partial(_box_means, state.rows, state.columns, state.level), values)


def _box_means(
    rows: OffsetAxis, columns: OffsetAxis, level: int, values: Float[Array, "row column sample1 sample2"]
) -> Float[Array, "row2 column2 sample1 sample2"]:
    """Rows first."""
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


def _fenced(
    always: Bool[Array, ""],
    function: Callable[[Float[Array, "..."]], Float[Array, "..."]],
    operand: Float[Array, "..."],
) -> Float[Array, "..."]:
    """`function(operand)`, computed once; `always` is true, in a way that only the run shows.

    XLA on CPU fuses a box filter's shifted sums with what produces and what consumes them, and then computes the
    producer again for every tap and for every consumer: ten times the work in the planar stream. An
    `optimization_barrier` does not help, it is dropped before fusion. A branch does: nothing is fused across it. Its
    predicate must be unknown to the compiler (something that depends on the loop's counter) and always true.
    On other devices, where a branch would make the host wait, the barrier is used.
    """
    if jax.default_backend() != "cpu":
        return jax.lax.optimization_barrier(function(operand))
    result = jax.eval_shape(function, operand)
    return jax.lax.cond(always, function, lambda _: jnp.zeros(result.shape, result.dtype), operand)
