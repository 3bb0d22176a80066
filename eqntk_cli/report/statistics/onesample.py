"""Studentised sign-flip test that one sample of differences has mean zero.

For coupled ensembles the differences are sym f_A,m - f_B,m of members that started from the same weights; against
theory they are f_m - mu_t. Under "mean zero" a difference is as likely as its negative (exactly so for a symmetric
law, else in the limit of many members, because the statistic is studentised), so

    T = (1/P) sum_points mean^2 / (var/M)

is compared with its values after random changes of the members' signs. The sum of squares does not change with the
signs, so all flips of one slab are a single matrix product.
"""

from math import ceil, log2

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.statistics.permutation import studentised


def fewest_units(level: float) -> int:
    """The smallest number n of units whose signs can reject at the level: all alike is one of 2^(n - 1) outcomes.

    Examples:
        >>> fewest_units(0.05)  # 1/2^5 is the first power below 5 %
        6
    """
    return 1 + ceil(-log2(level) - 1e-9)


def signs(units: int, resamples: int, seed: int) -> Float[np.ndarray, "resample unit"]:
    """Random signs; the first row leaves all as they are.

    Where so many rows hold every choice, each stands there once (all signs turned count as the same), and the p-value
    is exact.

    Examples:
        >>> signs(3, resamples=4, seed=0).tolist()  # all that there are
        [[1.0, 1.0, 1.0], [-1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]]
    """
    choices = 2 ** (units - 1)
    if choices <= resamples + 1:
        bits = np.arange(choices)[:, None] >> np.arange(units) & 1
        return (1 - 2 * bits).astype(np.float32)
    generator = np.random.default_rng([seed, 43])
    rows = generator.choice(np.array([-1, 1], dtype=np.float32), size=(resamples + 1, units))
    rows[0] = 1
    return rows


def flipped(
    differences: Float[np.ndarray, "unit point"],
    flips: Float[np.ndarray, "resample unit"],
    shape: Float[np.ndarray, " point"],
) -> Float[np.ndarray, "resample 3"]:
    """Sums over the points of one slab, per choice of signs: z^2, z h, and h^2 (see `studentised`)."""
    units = len(differences)
    mean = flips @ differences / units
    variance = (np.mean(differences**2, axis=0) - mean**2) / (units - 1)
    return studentised(mean, variance, shape)
