r"""Any other nonlinearity: the Hermite series of its dual activation, coefficients by Gaussian quadrature.

With normalised Hermite polynomials h_k and a_k(q) = E[s(sqrt(q) z) h_k(z)], z ~ N(0, 1), Mehler's formula gives
    E[s(x) s(y)] = sum_k a_k(q11) a_k(q22) c^k,      c = q12/sqrt(q11 q22),
and the same with s' for the derivative. The series is cut after `terms` terms, which keeps it positive definite and
costs `terms` multiplications per entry (a product rule over both variables would evaluate s terms^2 times). The a_k
and the diagonal are one-dimensional integrals, by Gauss-Legendre on both sides of zero, where s may have a kink.
The cut is the only visible error: exponentially small for smooth s, algebraic with a kink, largest at c = +-1;
`quadrature_error` measures it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.recursion.activations.base import Activation, Dual, correlation

Elementwise = Callable[[Float[Array, "..."]], Float[Array, "..."]]

_STATED_VARIANCES = (0.5, 1.0, 2.0)
_REACH = 12.0  # standard deviations over which the integrals extend
_NODES = 200  # of the one-dimensional integrals


@dataclass(frozen=True)
class Quadrature(Activation):
    """A nonlinearity given by its function `s` and by `slope` = s', with `terms` terms of the series.

    Examples:
        >>> cube = Quadrature("cube", lambda x: x**3, lambda x: 3 * x**2)
        >>> value, derivative = cube.dual(jnp.array(0.5), jnp.array(1.0), jnp.array(1.0))
        >>> round(value.item(), 4), round(derivative.item(), 4)  # 9 c + 6 c^3, and 9 + 18 c^2
        (5.25, 13.5)
    """

    name: str
    s: Elementwise
    slope: Elementwise
    terms: int = 64

    @property
    def notes(self) -> tuple[str, ...]:
        """The error of the series at variances of order one."""
        errors = ", ".join(f"{quadrature_error(self, q):.0e} at variance {q:g}" for q in _STATED_VARIANCES)
        return (f"{self.name}: expectations by quadrature, {self.terms} Hermite terms, relative error {errors}",)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """s(x)."""
        return self.s(x)

    def dual(self, q12: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."]) -> Dual:
        """The truncated Hermite series in the correlation."""
        c, _ = correlation(q12, q11, q22)
        return Dual(_series(self.s, c, q11, q22, self.terms), _series(self.slope, c, q11, q22, self.terms))

    def diagonal(self, q: Float[Array, "..."]) -> Dual:
        """E[s^2] and E[s'^2] as one-dimensional integrals, without the cut of the series."""
        return Dual(_mean_square(self.s, q), _mean_square(self.slope, q))


def quadrature_error(activation: Quadrature, variance: float) -> float:
    """The largest error of both expectations over all correlations, relative to their diagonal values.

    The larger of two differences at equal variances: to the series with twice as many terms, and at correlation
    one to the diagonal integrals. In the precision of the session.

    Examples:
        >>> from eqntk_cli.recursion.activations.registry import get_activation
        >>> quadrature_error(get_activation("tanh"), 1.0) < 1e-5
        True
    """
    finer = Quadrature(activation.name, activation.s, activation.slope, 2 * activation.terms)
    q = jnp.asarray(float(variance))
    c = jnp.linspace(-1, 1, 41)
    worst = 0.0
    for coarse, fine, exact in zip(
        activation.dual(c * q, q, q), finer.dual(c * q, q, q), activation.diagonal(q), strict=True
    ):
        error = jnp.maximum(jnp.abs(coarse - fine).max(), jnp.abs(coarse[-1] - exact))
        worst = max(worst, float(error / exact))
    return worst


def _series(
    function: Elementwise, c: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."], terms: int
) -> Float[Array, "..."]:
    """sum_{k < terms} a_k(q11) a_k(q22) c^k by Horner's rule."""
    a1, a2 = (_hermite_coefficients(function, q, terms) for q in (q11, q22))
    total = jnp.zeros_like(c)
    for k in reversed(range(terms)):
        total = total * c + a1[k] * a2[k]
    return total


def _hermite_coefficients(function: Elementwise, q: Float[Array, "..."], terms: int) -> Float[Array, "k ..."]:
    """a_k(q) for k < terms."""
    points, weights = _gaussian_rule()
    values = function(jnp.sqrt(q)[..., None] * jnp.asarray(points, q.dtype))
    return jnp.moveaxis(values @ jnp.asarray(weights[:, None] * _hermite(terms), q.dtype), -1, 0)


def _mean_square(function: Elementwise, q: Float[Array, "..."]) -> Float[Array, "..."]:
    """E[function(sqrt(q) z)^2]."""
    points, weights = _gaussian_rule()
    return function(jnp.sqrt(q)[..., None] * jnp.asarray(points, q.dtype)) ** 2 @ jnp.asarray(weights, q.dtype)


@cache
def _gaussian_rule() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of E over N(0, 1): Gauss-Legendre on [-reach, 0] and [0, reach]."""
    points, weights = np.polynomial.legendre.leggauss(_NODES // 2)
    half = _REACH / 2 * (points + 1)
    density = _REACH / 2 * weights * np.exp(-(half**2) / 2) / np.sqrt(2 * np.pi)
    return np.concatenate([-half[::-1], half]), np.concatenate([density[::-1], density])


@cache
def _hermite(terms: int) -> np.ndarray:
    """h_k at the nodes, (node, k), by the three-term recurrence."""
    points, _ = _gaussian_rule()
    rows = [np.ones_like(points), points]
    for k in range(1, terms - 1):
        rows.append((points * rows[k] - np.sqrt(k) * rows[k - 1]) / np.sqrt(k + 1))
    return np.stack(rows[:terms], axis=1)
