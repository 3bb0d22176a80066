"""What the kernel recursion needs of a nonlinearity: its dual activation.

For a pair of pre-activations (x, y) that is Gaussian with mean zero, variances q11, q22 and covariance q12, a
nonlinearity s turns the covariance into E[s(x) s(y)] and multiplies the tangent kernel by E[s'(x) s'(y)]
(Daniely, Frostig, Singer, arXiv 1602.05897; Jacot, Gabriel, Hongler, arXiv 1806.07572).
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

_STRETCH = 4  # roundings by which a pair counts as closer than it seems


class Dual(NamedTuple):
    """`value` = E[s(x) s(y)] and `derivative` = E[s'(x) s'(y)].

    Examples:
        >>> from eqntk_cli.recursion.activations.registry import get_activation
        >>> value, derivative = get_activation("identity").dual(jnp.array(0.5), jnp.array(1.0), jnp.array(1.0))
        >>> value.item(), derivative.item()  # E[x y] and 1
        (0.5, 1.0)
    """

    value: Float[Array, "..."]
    derivative: Float[Array, "..."]


class Apart(NamedTuple):
    """As `Dual`, with `distance` = E[(s(x) - s(y))^2]."""

    value: Float[Array, "..."]
    derivative: Float[Array, "..."]
    distance: Float[Array, "..."]


class Activation(ABC):
    """A nonlinearity s with its finite form and its two Gaussian expectations.

    `name` is its name in `architecture.activation=`; `notes` says what a reader must know of its expectations
    (the error of a quadrature; empty for a closed form).

    Examples:
        >>> import jax
        >>> from eqntk_cli.recursion.activations.registry import get_activation
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 100_000))
        >>> y = 0.6 * x + 0.8 * y  # correlation 0.6
        >>> for activation in map(get_activation, ("relu", "erf", "gelu", "tanh")):
        ...     expected = activation.dual(jnp.array(0.6), jnp.array(1.0), jnp.array(1.0)).value
        ...     drawn = (activation(x) * activation(y)).mean()
        ...     assert abs(expected - drawn) < 0.01, activation.name
        >>> activation.name
        'tanh'
    """

    name: str

    @property
    def notes(self) -> tuple[str, ...]:
        """What limits the accuracy of the expectations, if anything does."""
        return ()

    @abstractmethod
    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """s(x), elementwise: what a finite network computes."""

    @abstractmethod
    def dual(self, q12: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."]) -> Dual:
        """Both expectations, elementwise; the three arguments broadcast. A variance of zero is allowed."""

    @abstractmethod
    def diagonal(self, q: Float[Array, "..."]) -> Dual:
        """Both expectations for x = y, that is q12 = q11 = q22 = q, without the rounding of the general form."""

    def apart(
        self,
        q12: Float[Array, "..."],
        q11: Float[Array, "..."],
        q22: Float[Array, "..."],
        distance: Float[Array, "..."],  # noqa: ARG002 (what a kink needs, a smooth nonlinearity does not)
    ) -> Apart:
        """The expectations of a pair of which distance = q11 + q22 - 2 q12 is known more precisely than by subtraction.

        A nonlinearity with a kink has expectations like the root of 1 - c, which needs that precision at every depth;
        a smooth one does not, and follows the distance by subtraction.
        """
        value, derivative = self.dual(q12, q11, q22)
        return Apart(value, derivative, squared_distance(value, self.diagonal(q11).value, self.diagonal(q22).value))


def squared_distance(
    q12: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."]
) -> Float[Array, "..."]:
    """q11 + q22 - 2 q12 but for the stretch of `correlation`: zero for a sample and its exact copy."""
    both = q11 + q22
    return jnp.maximum(both - 2 * q12 - _STRETCH * float(jnp.finfo(q12.dtype).eps) * both, 0)


def correlation(
    q12: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """The correlation q12/sqrt(q11 q22), clipped to [-1, 1] and 0 where a variance is 0, and that square root.

    It is stretched by a few roundings before it is clipped, so that a sample and itself (or its exact copy) have
    correlation 1: near 1 a rounding eps of the correlation would move its angle by sqrt(eps).
    """
    scale = jnp.sqrt(q11) * jnp.sqrt(q22)
    safe = jnp.where(scale > 0, scale, 1)
    stretch = 1 + _STRETCH * float(jnp.finfo(q12.dtype).eps)
    return jnp.clip(q12 / safe * stretch, -1, 1), scale


def slack(
    distance: Float[Array, "..."], gap: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."]
) -> Float[Array, "..."]:
    """The roundings of distance - gap^2, gap = |sqrt(q11) - sqrt(q22)|: a pair on one ray counts as parallel."""
    eps = float(jnp.finfo(distance.dtype).eps)
    return _STRETCH * eps * (distance + gap * jnp.sqrt(jnp.maximum(q11, q22)))
