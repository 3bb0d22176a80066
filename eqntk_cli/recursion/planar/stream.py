"""The planar stream: kernels of plain convolutional networks in memory proportional to the image, not its square.

The recursion of the layers is recorded first (`StreamState`): the variances, which need no pairs, are followed at
once; what is done to K and T is kept as a list of steps. Pooling then replays the steps for one offset after the
other and adds up (`planar.axis` says why offsets never mix). At no time is there an array over pairs of positions.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from operator import methodcaller

import jax.numpy as jnp
from jaxtyping import Array, Float
from typing_extensions import override

from eqntk_cli.domains.lattice import Lattice, Window
from eqntk_cli.domains.support import Support, everywhere
from eqntk_cli.errors import ConfigError
from eqntk_cli.recursion.activations.base import Activation
from eqntk_cli.recursion.planar.axis import OffsetAxis
from eqntk_cli.recursion.planar.signal import OffsetSignal
from eqntk_cli.recursion.planar.total import OffsetSum, Step, replay
from eqntk_cli.recursion.state import Pooled, State

Images = Float[Array, "sample height width channel"]


@dataclass(frozen=True)
class StreamState(State):
    """Follows the variances (sample, site) of a network on two blocks of images, and records its layers."""

    images1: Images
    images2: Images
    variance1: Float[Array, "sample1 site"]
    variance2: Float[Array, "sample2 site"]
    lattice: Lattice
    windows: tuple[Window, ...] = ()
    steps: tuple["Recorded", ...] = ()

    @classmethod
    def of_images(cls, x1: Images, x2: Images) -> "StreamState":
        """The state of the input."""
        variance1, variance2 = ((x * x).mean(axis=-1).reshape(x.shape[0], -1) for x in (x1, x2))
        return cls(x1, x2, variance1, variance2, Lattice.of_image(*x1.shape[1:3]))

    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> State:
        """Record a convolution; a dense layer on all positions reads offset zero only and ends the stream."""
        if support.window is None:
            _require_flat(support, self.lattice)
            return self._streamed(diagonal=True).linear(everywhere(1), weight_variance, bias_variance)
        variances = [
            weight_variance * jnp.pad(values, [(0, 0), (0, 1)])[:, support.table].mean(axis=-1) + bias_variance
            for values in (self.variance1, self.variance2)
        ]
        return replace(
            self,
            variance1=variances[0],
            variance2=variances[1],
            lattice=self.lattice.windowed(support.window)[0],
            windows=(*self.windows, support.window),
            steps=(*self.steps, _Linear(support, weight_variance, bias_variance)),
        )

    def activate(self, activation: Activation) -> "StreamState":
        """Record a nonlinearity with the variances before it."""
        step = _Activate(activation, self._image(self.variance1), self._image(self.variance2), len(self.windows))
        return replace(
            self,
            variance1=activation.diagonal(self.variance1).value,
            variance2=activation.diagonal(self.variance2).value,
            steps=(*self.steps, step),
        )

    def add(self, branch: State) -> "StreamState":
        """Record a skip connection around what `branch` recorded since this state."""
        assert isinstance(branch, StreamState), "a branch that ends the stream"
        sides = [(state.lattice.rows.count, state.lattice.columns.count) for state in (self, branch)]
        if sides[0] != sides[1]:
            raise ConfigError(
                "architecture.skip=true needs feature maps of equal size; use architecture.padding=same or circular "
                "with architecture.stride=1"
            )
        return replace(
            self,
            variance1=self.variance1 + branch.variance1,
            variance2=self.variance2 + branch.variance2,
            windows=branch.windows,
            steps=(*self.steps, _Residual(branch.steps[len(self.steps) :])),
        )

    def pool(self) -> Pooled:
        """Run the stream over all offsets: the mean of K and T over all pairs of positions."""
        return self._streamed(diagonal=False)

    def _image(self, variance: Float[Array, "sample site"]) -> Float[Array, "sample height width"]:
        return variance.reshape(-1, self.lattice.rows.count, self.lattice.columns.count)

    def _streamed(self, diagonal: bool) -> Pooled:
        """The sum over offsets of what the recorded steps give, divided by the number of pairs of positions."""
        rows, columns = (self._axis(dimension, diagonal) for dimension in (0, 1))
        images = OffsetSignal.of(self.images1, self.images2, rows, columns, level=0)
        steps = [step.placed(rows, columns) for step in self.steps]
        return Pooled(*OffsetSum(images, steps).mean())

    def _axis(self, dimension: int, diagonal: bool) -> OffsetAxis:
        paddings = {window.padding for window in self.windows}
        if len(paddings) != 1:
            raise ConfigError(
                "the planar stream needs one architecture.padding in all layers; use model.route=recursion"
            )
        windows, strides = (tuple(w.size[dimension] for w in self.windows), tuple(w.stride for w in self.windows))
        return OffsetAxis(self.images1.shape[1 + dimension], windows, strides, paddings.pop(), diagonal)


class Recorded(ABC):
    """A layer that waits for the stream."""

    @abstractmethod
    def placed(self, rows: OffsetAxis, columns: OffsetAxis) -> Step:
        """The step on the cells of these axes."""


@dataclass(frozen=True)
class _Linear(Recorded):
    """A convolution; the first one acts on the input state."""

    support: Support
    weight_variance: float
    bias_variance: float

    @override
    def placed(self, rows: OffsetAxis, columns: OffsetAxis) -> Step:
        """The same on any cells: the state knows them."""
        return methodcaller("linear", self.support, self.weight_variance, self.bias_variance)


@dataclass(frozen=True)
class _Activate(Recorded):
    """A nonlinearity with the variances (sample, height, width) before it."""

    activation: Activation
    variance1: Float[Array, "sample1 height width"]
    variance2: Float[Array, "sample2 height width"]
    level: int

    def placed(self, rows: OffsetAxis, columns: OffsetAxis) -> Step:
        """The variances laid out for any offset."""
        variances = OffsetSignal.of(self.variance1, self.variance2, rows, columns, self.level)
        return methodcaller("activate_with", self.activation, variances)


@dataclass(frozen=True)
class _Residual(Recorded):
    """A skip connection around the steps of a branch."""

    branch: tuple[Recorded, ...]

    def placed(self, rows: OffsetAxis, columns: OffsetAxis) -> Step:
        """The branch's steps in their places."""
        return partial(_add_branch, [step.placed(rows, columns) for step in self.branch])


def _add_branch(steps: list[Step], state: State) -> State:
    return state.add(replay(steps, state))


def _require_flat(support: Support, lattice: Lattice) -> None:
    if support.table.shape != (1, lattice.count) or (support.table[0] != range(lattice.count)).any():
        raise ConfigError(
            "the planar stream knows convolutions, pooling and dense read-outs; use model.route=recursion for others"
        )
