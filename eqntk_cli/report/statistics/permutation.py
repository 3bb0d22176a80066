"""Studentised permutation test of equal means for two samples of equal size but unequal spread.

    T = (1/P) sum_points (mean_A - mean_B)^2 / (var_A/M + var_B/M)

is computed for the samples as they are and with the members shuffled between A and B. The variances are taken anew
after every shuffle, so that a difference in spread alone does not count (Janssen, Stat. Probab. Lett. 36, 1997;
Chung and Romano, Ann. Stat. 41, 2013). With equal sizes the shuffled differences have the covariance of the true
one, which makes the sum over correlated points valid too; unequal sizes go through `scheffe_weights`.

All shuffles of one slab are one matrix product.
"""

import numpy as np
from jaxtyping import Float

_TINY = 1e-30  # squared predictions; points without any scatter carry no information and get no weight


def shuffles(units: int, resamples: int, seed: int) -> Float[np.ndarray, "resample unit"]:
    """Indicator of "belongs to A" for 2 * units draws; the first row is the true assignment.

    Examples:
        >>> shuffles(3, resamples=2, seed=0).sum(axis=1).tolist()  # three of six belong to A, first the true ones
        [3.0, 3.0, 3.0]
    """
    generator = np.random.default_rng([seed, 42])
    rows = np.zeros((resamples + 1, 2 * units), dtype=np.float32)
    rows[0, :units] = 1
    for row in rows[1:]:
        row[generator.permutation(2 * units)[:units]] = 1
    return rows


def shuffled(
    a: Float[np.ndarray, "unit point"],
    b: Float[np.ndarray, "unit point"],
    assignment: Float[np.ndarray, "resample unit2"],
    shape: Float[np.ndarray, " point"],
) -> Float[np.ndarray, "resample 3"]:
    """Sums over the points of one slab, per shuffle: z^2, z h, and h^2 (see `studentised`)."""
    units = len(a)
    pooled = np.concatenate([a, b])
    pooled = pooled - pooled.mean(axis=0, dtype=np.float64).astype(pooled.dtype)
    sum_a = assignment @ pooled
    # the pooled sum is zero, so B sums to minus A; the squares of A and B together do not depend on the shuffle
    variance = ((pooled**2).sum(axis=0) - 2 * sum_a**2 / units) / (units * (units - 1))
    return studentised(2 * sum_a / units, variance, shape)


def studentised(
    difference: Float[np.ndarray, "resample point"],
    variance: Float[np.ndarray, "resample point"],
    shape: Float[np.ndarray, " point"],
) -> Float[np.ndarray, "resample 3"]:
    """Sums over points of z^2, z h and h^2 with z = difference / sqrt(variance).

    h = shape / sqrt(variance) is a difference that one might plant: planting c * shape turns sum z^2 into
    sum z^2 + 2 c sum z h + c^2 sum h^2, from which the power of the test follows without another resampling. A
    resampling of data that do differ has a variance enlarged by that difference; its average excess is taken out.
    """
    variance = np.maximum(variance, 0)  # a difference of two sums that rounding may leave below zero
    seen = variance[0] > _TINY
    variance = np.maximum(variance, 1e-6 * variance[0] + np.float32(_TINY))
    inverse = np.where(seen, 1 / np.sqrt(variance), 0).astype(variance.dtype)
    excess = np.sqrt(variance[1:].mean(axis=0) / variance[0])
    z = difference * inverse
    inverse *= (shape * excess).astype(inverse.dtype)
    planted = [np.einsum("rp,rp->r", one, two) for one, two in ((z, z), (z, inverse), (inverse, inverse))]
    return np.stack(planted, axis=1).astype(np.float64)
