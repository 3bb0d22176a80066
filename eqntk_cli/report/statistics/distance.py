"""RMS distance of two means with its noise: sums that are gathered slab by slab at one step.

With d the difference of the means at P points and V its estimated covariance (cov_A/M_A + cov_B/M_B, or the
covariance of the member-wise differences over M):

    D^2 = |d|^2 / P                      squared RMS distance
    F^2 = tr V / P                       squared noise floor: the expectation of D^2 for equal means
    U   = D^2 - F^2                      unbiased for |delta|^2 / P, delta the true difference

V has at most as many nonzero eigenvalues as there are units; they are those of the Gram matrix of the centred
and scaled units, which is all that is kept of the points.

Bounds and sign flips take the mean of the units for symmetric: are they too skewed for so few of them? Lognormal units
(skewness 6) make tests of nominal 5 % reject in 9 to 25 % of cases along one direction, and in more where many points
are skewed alike, with 8 to 32 units. The skewness of the difference of the means at a point is that of a unit over
sqrt(units); its mean square over points is set beside what normal units show. Along r independent directions normal
units exceed a ratio of 1 + 4 r^(-3/4), which is asked for, in about 5 % of cases or fewer: 8 units can only show a
coarse skewness, so that silence is no proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.statistics.samples import scheffe_weights

_LEAST = 0.1  # of a skewness: shifts a chance of 5 % by about one percentage point (first term of Edgeworth)


@dataclass(frozen=True)
class Distance:
    """Distance of two means at one step and what is needed to say how sure it is (all per point).

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(16, 50)), rng.normal(size=(16, 50)) + 2.0  # 16 units each at 50 points, 2 apart
        >>> sums = DistanceSums(16, 16)
        >>> slab = sums.add(a, b)
        >>> distance = sums.result(16, 16, reference_squared=1.0)
        >>> round(distance.floor_squared, 2), distance.effective_points > 10  # 1/16 + 1/16 of variance one
        (0.12, True)
    """

    squared: float  # D^2
    floor_squared: float  # F^2 = tr V
    top: float  # largest eigenvalue of V
    top_freedom: float  # degrees of freedom with which it is known (Welch and Satterthwaite)
    trace_of_square: float  # tr V^2
    along: float  # d^T V d / |d|^2: variance of the noise in the direction of the difference
    reference_squared: float  # RMS^2 of the common mean, noise removed
    member_squared: float  # mean square of one member's difference (one sample), or var_A + var_B
    member_squared_error: float
    skewness: "Skewness"
    gram: Float[np.ndarray, "unit unit2"] = field(repr=False)  # of the centred units, scaled: trace F^2

    @property
    def unbiased(self) -> float:
        """U = D^2 - F^2."""
        return self.squared - self.floor_squared

    @property
    def effective_points(self) -> float:
        """(tr V)^2 / tr V^2, the number of independent directions that would give the same scatter of D^2."""
        return self.floor_squared**2 / self.trace_of_square if self.trace_of_square > 0 else float("nan")


class Slab(NamedTuple):
    """Some points of one step: sum_i w_i row_i with w_i ~ N(0, 1) scatters as the difference of the means does."""

    rows: Float[np.ndarray, "unit point"]
    difference: Float[np.ndarray, " point"]


class Skewness(NamedTuple):
    """Mean over points of the squared skewness of the difference of the means: as seen, and that of normal units."""

    seen: float
    normal: float


class DistanceSums:
    """Gathers the slabs of one step; either one sample of differences or two samples.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(size=(16, 50)), rng.normal(size=(16, 50)) + 2.0  # 16 units each at 50 points, 2 apart
        >>> sums = DistanceSums(16, 16)
        >>> slab = sums.add(a, b)
        >>> distance = sums.result(16, 16, reference_squared=1.0)
        >>> 1.9 < distance.unbiased**0.5 < 2.1
        True
    """

    def __init__(self, units_a: int, units_b: int | None) -> None:
        self._units = (units_a, units_b)
        total = units_a + (units_b or 0)
        self._gram = np.zeros((total, total))
        self._squared = self._points = 0.0
        self._along = np.zeros(total)
        self._halves = np.zeros(total)
        self._skewness = np.zeros(2)

    def add(self, a: Float[np.ndarray, "unit point"], b: Float[np.ndarray, "unit2 point"] | None = None) -> Slab:
        """Take one slab in; returns its centred and scaled units and the difference of the means."""
        mean = a.mean(axis=0, dtype=np.float64)
        rows = _scaled(a, mean)
        if b is not None:
            mean_b = b.mean(axis=0, dtype=np.float64)
            rows = np.concatenate([rows, _scaled(b, mean_b)])
            mean = mean - mean_b
        self._gram += rows @ rows.T
        self._along += rows @ mean.astype(rows.dtype)
        self._squared += float(mean @ mean)
        self._skewness += _skewness(rows, self._units)
        self._points += mean.size
        return Slab(rows, mean)

    def add_halves(
        self, a: Float[np.ndarray, "unit point"] | None, b: Float[np.ndarray, "unit2 point"] | None = None
    ) -> None:
        """Take in half the differences inside antithetic pairs at the same points; None of independent members."""
        units_a = self._units[0]
        for half, own in ((a, slice(0, units_a)), (b, slice(units_a, None))):
            if half is not None:
                self._halves[own] += np.square(half, dtype=np.float64).sum(axis=1)

    def result(self, draws_a: int, draws_b: int | None, reference_squared: float) -> Distance:
        """The distance over all points taken in.

        Args:
            draws_a: independent draws that were averaged over all units of a: members, or antithetic pairs.
            draws_b: the same of b.
            reference_squared: RMS^2 of the common mean.
        """
        gram, points = self._gram / self._points, self._points
        squared = self._squared / points
        values, vectors = np.linalg.eigh(gram)
        trace = float(np.trace(gram))
        along = float(np.sum((self._along / points) ** 2)) / squared if squared > 0 else float(values[-1])
        units_a, units_b = self._units
        share = float(np.sum(vectors[:units_a, -1] ** 2))
        inverse = share**2 / (units_a - 1) + (0.0 if units_b is None else (1 - share) ** 2 / (units_b - 1))
        # one member: the variance of a draw, and inside a pair of antithetic members the mean square of the halves
        spread = np.diag(gram)
        of_a = draws_a * (spread[:units_a] + self._halves[:units_a] / (units_a**2 * points))
        member, error = of_a.sum(), _sum_error(of_a)
        if units_b is None or draws_b is None:
            member += squared - trace  # the differences themselves, not only their scatter
        else:
            of_b = draws_b * (spread[units_a:] + self._halves[units_a:] / (units_b**2 * points))
            member += of_b.sum()
            error = float(np.hypot(error, _sum_error(of_b)))
        return Distance(
            squared=squared,
            floor_squared=trace,
            top=float(values[-1]),
            top_freedom=1 / inverse,
            trace_of_square=float(np.sum(gram**2)),
            along=along,
            reference_squared=reference_squared,
            member_squared=float(member),
            member_squared_error=float(error),
            skewness=Skewness(*(self._skewness / points).tolist()),
            gram=gram,
        )


def skewness(distances: Sequence[Distance]) -> float | None:
    """RMS skewness of the difference of the means over points and steps; None where normal units show as much."""
    seen = float(np.mean([distance.skewness.seen for distance in distances]))
    normal = float(np.mean([distance.skewness.normal for distance in distances]))
    directions = float(np.mean([distance.effective_points for distance in distances]))
    size = sqrt(max(seen - normal, 0.0))
    beyond = normal > 0 and seen > normal * (1 + 4 / directions**0.75)
    return size if beyond and size > _LEAST else None


def combine(
    a: Float[np.ndarray, "unit point"], b: Float[np.ndarray, "unit2 point"]
) -> Float[np.ndarray, "unit3 point"]:
    """One sample of differences from two samples of unequal size (see `scheffe_weights`)."""
    of_a, of_b = scheffe_weights(len(a), len(b))
    return of_a.astype(a.dtype) @ a + of_b.astype(b.dtype) @ b


def _scaled(a: Float[np.ndarray, "unit point"], mean: Float[np.ndarray, " point"]) -> Float[np.ndarray, "unit point"]:
    """Rows whose Gram matrix has the eigenvalues of the covariance of the mean."""
    units = len(a)
    return (a - mean).astype(a.dtype) / a.dtype.type(sqrt(units * (units - 1)))


def _skewness(rows: Float[np.ndarray, "unit point"], units: tuple[int, int | None]) -> tuple[float, float]:
    """Sums over points of the squared skewness of the difference: as seen, and the expectation for normal units.

    With r the rows, V = sum_i r_i^2 per sample: skewness (sum r_A^3 - sum r_B^3) / (V_A + V_B)^(3/2). A normal sample
    of n has E g_1^2 = 6 (n - 2) / ((n + 1)(n + 3)) (Fisher, 1930) and gives V^3 g_1^2 / n.
    """
    third = variance = expected = np.zeros(rows.shape[1])
    for part, sign, count in ((rows[: units[0]], 1, units[0]), (rows[units[0] :], -1, units[1])):
        if count is None:
            continue
        squares = np.square(part, dtype=np.float64)
        third = third + sign * np.sum(squares * part, axis=0)
        variance = variance + squares.sum(axis=0)
        normal = 6 * (count - 2) / ((count + 1) * (count + 3)) / count
        expected = expected + normal * squares.sum(axis=0) ** 3
    cubes = np.where(variance > 0, variance, 1) ** 3
    return float(np.sum(third**2 / cubes)), float(np.sum(expected / cubes))


def _sum_error(spread: Float[np.ndarray, " unit"]) -> float:
    """Standard error of a sum of independent terms."""
    return sqrt(len(spread)) * float(np.std(spread, ddof=1))
