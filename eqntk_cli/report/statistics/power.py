"""How many members would decide.

With k times the members the covariance V of the mean difference is V/k. If the true RMS distance is delta, then with
k times the members

    |d|^2 = delta^2 + 2 delta sqrt(v_d / k) t + (v_1 t^2 + R) / k,     v_d: variance of the noise along the difference.

The equivalence test passes when |d|^2 falls below the quantile at the level of (margin + sqrt(v_1/k) t)^2 + R/k, and a
difference beyond the margin is shown when |d|^2 exceeds the quantile at one minus the level of a single step (see
`simultaneous`). The answer is the smallest number of members with 80 % power. It depends on delta, which is not
known: it is given for both ends of its interval, and where delta is the margin itself no number decides.
"""

from collections.abc import Callable
from functools import partial
from math import ceil, sqrt

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.statistics.distance import Distance
from eqntk_cli.report.statistics.equivalence import Noise

POWER = 0.8
MOST = 10**7
_DRAWS = 4000  # enough for a number of members to a few percent


def members_for_equivalence(
    distance: Distance, noise: Noise, delta: float, members: int, margin: float, level: float
) -> int | None:
    """Members (of each ensemble) with which the equivalence test would pass in 80 % of the repetitions."""
    if delta >= margin:
        return None
    return _smallest(partial(equivalence_power, distance, noise, delta, margin, level), members)


def equivalence_power(
    distance: Distance, noise: Noise, delta: float, margin: float, level: float, factor: float
) -> float:
    """Chance that the upper bound falls below the margin with `factor` times the members.

    The bound is below the margin exactly when |d|^2 is below the quantile of (margin + sqrt(v_1) t)^2 + R at the
    level, so one quantile decides all draws.
    """
    along, rest = noise.along[:_DRAWS] / sqrt(factor), noise.rest[:_DRAWS] / factor
    threshold = float(np.quantile((margin + along) ** 2 + rest, level))
    if distance.floor_squared / factor > threshold:  # see the last sentence on top of equivalence.py
        return 0.0
    return float(np.mean(_seen(distance, delta, along, rest) <= threshold))


def members_for_difference(
    distance: Distance, noise: Noise, delta: float, members: int, margin: float, level: float
) -> int | None:
    """Members (of each ensemble) with which a difference beyond the margin would be shown in 80 % of the repetitions.

    Args:
        distance: as seen with `members` members of each.
        noise: its draws.
        delta: the true RMS distance.
        members: how many there are.
        margin: the distance to be exceeded.
        level: of a single step.
    """
    if delta <= margin:
        return None
    return _smallest(partial(_difference_power, distance, noise, delta, margin, level), members)


def _difference_power(
    distance: Distance, noise: Noise, delta: float, margin: float, level: float, factor: float
) -> float:
    along, rest = noise.along[:_DRAWS] / sqrt(factor), noise.rest[:_DRAWS] / factor
    threshold = float(np.quantile((margin + along) ** 2 + rest, 1 - level))
    return float(np.mean(_seen(distance, delta, along, rest) > threshold))


def _seen(
    distance: Distance, delta: float, along: Float[np.ndarray, " draw"], rest: Float[np.ndarray, " draw"]
) -> Float[np.ndarray, " draw"]:
    """|d|^2 for a true distance delta in the direction in which the difference was seen."""
    ratio = sqrt(distance.along / distance.top) if distance.top > 0 else 0.0
    return delta**2 + 2 * delta * ratio * along + along**2 + rest


def _smallest(power: Callable[[float], float], members: int) -> int | None:
    """Smallest number of members whose power reaches the target, by doubling and then halving the interval."""
    low, high = 2 / members, 2 / members
    while power(high) < POWER:
        low, high = high, 2 * high
        if high * members > MOST:
            return None
    for _ in range(12):
        middle = sqrt(low * high)
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return ceil(high * members - 1e-9)
