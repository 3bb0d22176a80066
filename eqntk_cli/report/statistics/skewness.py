"""Are the units too skewed for so few of them? Bounds and sign flips take the mean of the units for symmetric.

Lognormal units (skewness 6) make tests of nominal 5 % reject in 9 to 25 % of cases along one direction, and in more
where many points are skewed alike, with 8 to 32 units. The skewness of the difference of the means at a point is that
of a unit over sqrt(units); its mean square over points is set beside what normal units show (see `distance`). Along r
independent directions normal units exceed a ratio of 1 + 4 r^(-3/4), which is asked for, in about 5 % of cases or
fewer: 8 units can only show a coarse skewness, so that silence is no proof.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from eqntk_cli.report.statistics.distance import Distance

_LEAST = 0.1  # shifts an error probability of 5 % by about one percentage point (first term of Edgeworth)


def skewness(distances: Sequence[Distance]) -> float | None:
    """RMS skewness of the difference of the means over points and steps; None where normal units show as much."""
    seen = float(np.mean([distance.skewness.seen for distance in distances]))
    normal = float(np.mean([distance.skewness.normal for distance in distances]))
    directions = float(np.mean([distance.effective_points for distance in distances]))
    size = sqrt(max(seen - normal, 0.0))
    beyond = normal > 0 and seen > normal * (1 + 4 / directions**0.75)
    return size if beyond and size > _LEAST else None
