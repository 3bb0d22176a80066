"""The planar stream: kernels of plain convolutional networks in memory proportional to the image, not its square.

The recursion of the layers is recorded first (`StreamState`): the variances, which need no pairs, are followed at
once; what is done to K and T is kept as a list of steps. Pooling then replays the steps for one offset after the
other and adds up (`offset_axis` says why offsets never mix). At no time is there an array over pairs of positions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from operator import methodcaller
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from eqntk_cli.domains.lattice import Lattice, Window
from eqntk_cli.domains.support import Support, everywhere
from eqntk_cli.errors import ConfigError
from eqntk_cli.recursion.activations.base import Activation
from eqntk_cli.recursion.block import KernelBlock
from eqntk_cli.recursion.planar.axis import OffsetAxis
from eqntk_cli.recursion.planar.offset import OffsetState
from eqntk_cli.recursion.planar.signal import OffsetSignal
from eqntk_cli.recursion.planar.total import OffsetSum, Step, replay
from eqntk_cli.recursion.state import KernelState
from eqntk_cli.recursion.table import TableState

Images = Float[Array, "sample height width channel"]


def stream_kernel(recursion: Callable[[Any], Any], x1: Images, x2: Images) -> KernelBlock:
    """NNGP and NTK of a plain convolutional network between all pairs of images.

    `recursion` is the network's kernel recursion (`Network.kernel`).
    """
    state = recursion(StreamState.of_images(x1, x2))
    return KernelBlock(state.nngp[:, :, 0, 0], state.ntk[:, :, 0, 0])


@dataclass(frozen=True)
class StreamState(KernelState):
    """Records the recursion of a network; variances are (sample, site), K and T are not computed yet."""

    images1: Images
    images2: Images
    lattice: Lattice
    windows: tuple[Window, ...] = ()
    steps: tuple[Any, ...] = ()

    @classmethod
    def of_images(cls, x1: Images, x2: Images) -> "StreamState":
        """The state of the input."""
        zero = jnp.zeros((), x1.dtype)
        variance1, variance2 = ((x * x).mean(axis=-1).reshape(x.shape[0], -1) for x in (x1, x2))
        return cls(zero, None, variance1, variance2, x1, x2, Lattice.of_image(*x1.shape[1:3]))

    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> Any:
        """Record a convolution; a dense layer on all positions reads offset zero only and ends the stream."""
        if support.window is None:
            _require_flat(support, self.lattice)
            return self._streamed(diagonal=True).linear(everywhere(1), weight_variance, bias_variance)
        done = super().linear(support, weight_variance, bias_variance)
        return done._recorded(_Linear(support, weight_variance, bias_variance))

    def activate(self, activation: Activation) -> Any:
        """Record a nonlinearity with the variances before it."""
        step = _Activate(activation, self._image(self.variance1), self._image(self.variance2), len(self.windows))
        return super().activate(activation)._recorded(step)

    def add(self, branch: KernelState) -> Any:
        """Record a skip connection around what `branch` recorded since this state."""
        assert isinstance(branch, StreamState)
        sides = [(state.lattice.rows.count, state.lattice.columns.count) for state in (self, branch)]
        if sides[0] != sides[1]:
            raise ConfigError(
                "architecture.skip=true needs feature maps of equal size; use architecture.padding=same or circular "
                "with architecture.stride=1"
            )
        step = _Residual(branch.steps[len(self.steps) :])
        return replace(super().add(branch), windows=branch.windows)._recorded(step)

    def pool(self) -> TableState:
        """Run the stream over all offsets: the mean of K and T over all pairs of positions, as a single site."""
        return self._streamed(diagonal=False)

    def average(self, values: Float[Array, ""], support: Support) -> Float[Array, ""]:
        """K and T wait for the stream."""
        del support
        return values

    def average_variance(
        self, values: Float[Array, "sample site"], support: Support, which: int
    ) -> Float[Array, "sample out"]:
        """Mean over the taps of the variance at one site."""
        del which
        return jnp.pad(values, [(0, 0), (0, 1)])[:, support.table].mean(axis=-1)

    def across(
        self, variance1: Float[Array, "sample1 site"], variance2: Float[Array, "sample2 site"]
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """K and T wait for the stream."""
        del variance1, variance2
        return self.nngp, self.nngp

    def after_linear(self, support: Support) -> "StreamState":
        """The lattice behind the convolution."""
        assert support.window is not None
        lattice, _ = self.lattice.windowed(support.window)
        return replace(self, lattice=lattice, windows=(*self.windows, support.window))

    def _recorded(self, step: Any) -> "StreamState":
        return replace(self, steps=(*self.steps, step))

    def _image(self, variance: Float[Array, "sample site"] | None) -> Float[Array, "sample height width"]:
        assert variance is not None
        return variance.reshape(-1, self.lattice.rows.count, self.lattice.columns.count)

    def _streamed(self, diagonal: bool) -> TableState:
        """The sum over offsets of what the recorded steps give, divided by the number of pairs of positions."""
        rows, columns = (self._axis(dimension, diagonal) for dimension in (0, 1))
        images = OffsetSignal.of(self.images1, self.images2, rows, columns, level=0)
        steps = [step.placed(rows, columns) for step in self.steps]
        nngp, ntk = (values[:, :, None, None] for values in OffsetSum(images, steps).mean())
        return TableState(nngp, ntk, None, None)

    def _axis(self, dimension: int, diagonal: bool) -> OffsetAxis:
        paddings = {window.padding for window in self.windows}
        if len(paddings) != 1:
            raise ConfigError(
                "the planar stream needs one architecture.padding in all layers; use model.route=recursion"
            )
        windows, strides = (tuple(w.size[dimension] for w in self.windows), tuple(w.stride for w in self.windows))
        return OffsetAxis(self.images1.shape[1 + dimension], windows, strides, paddings.pop(), diagonal)


@dataclass(frozen=True)
class _Linear:
    """A recorded convolution."""

    support: Support
    weight_variance: float
    bias_variance: float

    def placed(self, rows: OffsetAxis, columns: OffsetAxis) -> Step:
        """The step on the cells of these axes."""
        del rows, columns
        return methodcaller("linear", self.support, self.weight_variance, self.bias_variance)


@dataclass(frozen=True)
class _Activate:
    """A recorded nonlinearity with the variances (sample, height, width) before it."""

    activation: Activation
    variance1: Float[Array, "sample1 height width"]
    variance2: Float[Array, "sample2 height width"]
    level: int

    def placed(self, rows: OffsetAxis, columns: OffsetAxis) -> Step:
        """The step on the cells of these axes."""
        variances = OffsetSignal.of(self.variance1, self.variance2, rows, columns, self.level)
        return methodcaller("activate_with", self.activation, variances)


@dataclass(frozen=True)
class _Residual:
    """A recorded skip connection around the steps of a branch."""

    branch: tuple[Any, ...]

    def placed(self, rows: OffsetAxis, columns: OffsetAxis) -> Step:
        """The step on the cells of these axes."""
        return partial(_add_branch, [step.placed(rows, columns) for step in self.branch])


def _add_branch(steps: list[Step], state: OffsetState) -> OffsetState:
    # the branch may have crossed convolutions (of stride 1): its level is the one that counts from here on
    inner = replay(steps, state)
    return replace(state.add(inner), level=inner.level)


def _require_flat(support: Support, lattice: Lattice) -> None:
    if support.table.shape != (1, lattice.count) or (support.table[0] != range(lattice.count)).any():
        raise ConfigError(
            "the planar stream knows convolutions, pooling and dense read-outs; use model.route=recursion for others"
        )
