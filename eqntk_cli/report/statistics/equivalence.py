"""Equivalence test and confidence interval for the true RMS distance of two mean functions over correlated points.

d = delta + e is seen, e ~ N(0, V), and the claim "|delta| < margin" is to be made with at most 5 % error whatever
the direction of delta. |d|^2 falls low most easily when delta lies along the direction of largest variance of e
(top eigenvalue v_1): there the noise can cancel most of it. For that least favourable direction

    |d|^2 = (Delta + sqrt(v_1) t)^2 + R,     t ~ Student(nu),     R = (tr V - v_1) F(r, nu r)

where Student's t and F in place of the normal and chi^2 pay for V being estimated with nu degrees of freedom, and
r = (tr V - v_1)^2 / (tr V^2 - v_1^2) is the effective number of the other directions (Satterthwaite). The upper
bound at level 1 - alpha is the largest Delta for which an |d|^2 as low as the observed one has probability alpha;
with a single point it is Schuirmann's two one-sided t tests (J. Pharmacokin. Biopharm. 15, 1987). A |d|^2 below
its expectation for delta = 0 is raised to it first, so that luck alone never yields a bound of zero.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.statistics.distance import Distance

_DRAWS = 20_000  # the 5 % quantile is then known to 0.15 % in probability
_HALVINGS = 24


class Noise(NamedTuple):
    """Draws of the two terms by which |d|^2 departs from Delta^2 in the least favourable direction."""

    along: Float[np.ndarray, " draw"]  # sqrt(v_1) t
    rest: Float[np.ndarray, " draw"]  # R


def draw_noise(distance: Distance, seed: int) -> Noise:
    """Draws of sqrt(v_1) t and of R that depend on the seed and the estimated V only.

    Examples:
        >>> from eqntk_cli.report.statistics.distance import DistanceSums
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(16, 50)), rng.normal(size=(16, 50)) + 2.0  # 16 units each at 50 points, 2 apart
        >>> sums = DistanceSums(16, 16)
        >>> slab = sums.add(a, b)
        >>> distance = sums.result(16, 16, reference_squared=1.0)
        >>> noise = draw_noise(distance, seed=0)
        >>> float((noise.along**2 + noise.rest).mean().round(2))  # of equal means: the floor
        0.12
    """
    generator = np.random.default_rng([seed, 41])
    freedom = distance.top_freedom
    along = np.sqrt(distance.top) * generator.standard_t(freedom, size=_DRAWS)
    rest = distance.floor_squared - distance.top
    rest_square = distance.trace_of_square - distance.top**2
    if rest <= 1e-9 * distance.floor_squared or rest_square <= 0:
        return Noise(along, np.zeros(_DRAWS))
    directions = rest**2 / rest_square
    return Noise(along, rest * generator.f(directions, freedom * directions, size=_DRAWS))


def upper_bound(distance: Distance, noise: Noise, level: float) -> float:
    """The one-sided upper confidence bound of the true RMS distance; equivalence holds where it is below the margin.

    Examples:
        >>> from eqntk_cli.report.statistics.distance import DistanceSums
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(16, 50)), rng.normal(size=(16, 50)) + 2.0  # 16 units each at 50 points, 2 apart
        >>> sums = DistanceSums(16, 16)
        >>> slab = sums.add(a, b)
        >>> distance = sums.result(16, 16, reference_squared=1.0)
        >>> noise = draw_noise(distance, seed=0)
        >>> round(upper_bound(distance, noise, level=0.05), 2)
        2.22
    """
    return _bound(max(distance.squared, distance.floor_squared), noise, level)


def squared_interval(distance: Distance, noise: Noise, level: float) -> tuple[float, float]:
    """Two-sided confidence interval (at 1 - level) of the true squared RMS distance."""
    return lower_bound(distance, noise, level / 2) ** 2, upper_bound(distance, noise, level / 2) ** 2


def lower_bound(distance: Distance, noise: Noise, level: float) -> float:
    """The one-sided lower confidence bound at one step: the smallest Delta that gives so large an |d|^2 at the level.

    Zero where equal means give it often enough.

    Examples:
        >>> from eqntk_cli.report.statistics.distance import DistanceSums
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(16, 50)), rng.normal(size=(16, 50)) + 2.0  # 16 units each at 50 points, 2 apart
        >>> sums = DistanceSums(16, 16)
        >>> slab = sums.add(a, b)
        >>> distance = sums.result(16, 16, reference_squared=1.0)
        >>> noise = draw_noise(distance, seed=0)
        >>> round(lower_bound(distance, noise, level=0.05), 2)
        1.84
    """
    low, high = 0.0, sqrt(distance.squared) + 1e-300
    if _exceeding(noise, low, distance.squared) >= level:
        return 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _exceeding(noise, middle, distance.squared) >= level else (middle, high)
    return low


def _exceeding(noise: Noise, delta: float, squared: float) -> float:
    """Chance of an |d|^2 of at least `squared` for a true distance delta."""
    return float(np.mean((delta + noise.along) ** 2 + noise.rest >= squared))


def _bound(squared: float, noise: Noise, probability: float) -> float:
    """The largest Delta with P(|d|^2 <= squared) >= probability."""
    left = squared - noise.rest
    reach = np.where(left >= 0, noise.along + np.sqrt(np.maximum(left, 0)), -np.inf)
    return float(max(np.quantile(reach, 1 - probability, method="higher"), 0.0))
