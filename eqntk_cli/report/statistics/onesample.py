"""Studentised sign-flip test that one sample of differences has mean zero.

For coupled ensembles the differences are sym f_A,m - f_B,m of members that started from the same weights; against
theory they are f_m - mu_t. Under "mean zero" a difference is as likely as its negative (exactly so for a symmetric
law, else in the limit of many members, because the statistic is studentised), so

    T = (1/P) sum_points mean^2 / (var/M)

is compared with its values after random changes of the members' signs. The sum of squares does not change with the
signs, so all flips of one slab are a single matrix product.
"""

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.statistics.permutation import studentised


def signs(units: int, resamples: int, seed: int) -> Float[np.ndarray, "resample unit"]:
    """Random signs; the first row leaves all as they are."""
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
