"""Errors against the number N of training samples: means over draws of the data, and the exponent of a N^(-beta).

Spigler, Geiger and Wyart (arXiv 1905.10843) fit the mean squared test error of kernel regression by N^(-beta) and
find beta near 0.4 for MNIST. With few draws a standard error is itself uncertain, and one that is small by chance
would pull the fit to its point; the fit therefore weights with the mean of a point's own relative variance and the
one pooled over all points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.statistics.scaling import power_law, seen

_EQUAL = 1e-3  # relative error where draws say nothing: all points weigh alike, the scatter alone gives the error


@dataclass(frozen=True)
class Decay:
    """value ~ a N^(-beta) with the standard error of beta and the range of N.

    Examples:
        >>> fitted = decay([10, 100, 1000], [1.0, 0.1, 0.01], [0.01, 0.001, 0.0001], [4, 4, 4])
        >>> round(fitted.beta, 6), round(fitted.amplitude, 4)
        (1.0, 10.0)
    """

    beta: float
    beta_error: float | None  # None: two points and no errors of their own
    amplitude: float
    first: int
    last: int


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean over draws and its standard error, which is nan with one draw.

    Examples:
        >>> mean_and_error([1.0, 3.0])
        (2.0, 1.0)
    """
    error = float(np.std(values, ddof=1)) / sqrt(len(values)) if len(values) > 1 else nan
    return float(np.mean(values)), error


def decay(sizes: Sequence[int], values: Sequence[float], errors: Sequence[float], draws: Sequence[int]) -> Decay | None:
    """The weighted straight line through log value against log N; None with fewer than two points.

    Args:
        sizes: N.
        values: means over draws; those within two of their errors of zero are left out.
        errors: their standard errors, nan where unknown.
        draws: how many values were averaged.

    Examples:
        >>> round(decay([16, 64], [0.8, 0.4], [0.01, 0.01], [4, 4]).beta, 6)  # four times the samples, half the error
        0.5
    """
    weighing = _moderated(values, errors, draws)
    blind = weighing is None
    used = [_EQUAL * value for value in values] if weighing is None else weighing
    exponent, error = power_law(sizes, values, used)
    if exponent is None:
        return None
    n, value, spread = np.array(seen(sizes, values, used), dtype=float).T
    level = float(np.average(np.log(value) - exponent * np.log(n), weights=(value / spread) ** 2))
    unknown = blind and len(n) < 3
    return Decay(-exponent, None if unknown else error, float(np.exp(level)), int(n.min()), int(n.max()))


def ratio_of_means(above: Sequence[float], below: Sequence[float]) -> tuple[float, float]:
    """mean(a) / mean(b) over the same draws and its standard error, that of mean(a - ratio b) / mean(b).

    Examples:
        >>> ratio_of_means([2.0, 4.0], [1.0, 2.0])  # the same ratio in every draw: no error
        (2.0, 0.0)
    """
    a, b = np.array(above, dtype=float), np.array(below, dtype=float)
    if b.mean() == 0:
        return nan, nan
    ratio = float(a.mean() / b.mean())
    _, error = mean_and_error((a - ratio * b).tolist())
    return ratio, error / abs(float(b.mean()))


def size_for(value: float, sizes: Sequence[int], values: Sequence[float]) -> float | None:
    """The N at which a curve first gets down to a value, by straight lines in log-log; None where it never does.

    Examples:
        >>> round(size_for(0.5, [16, 64], [1.0, 0.25]), 6)
        32.0
    """
    for at in range(len(sizes) - 1):
        high, low = values[at], values[at + 1]
        if high >= value >= low > 0 and high > low:
            share = np.log(high / value) / np.log(high / low)
            return float(sizes[at] * (sizes[at + 1] / sizes[at]) ** share)
    return None


def relative_rms(a: Float[np.ndarray, "step point"], b: Float[np.ndarray, "step point"]) -> Float[np.ndarray, " step"]:
    """RMS(a - b) / RMS(a) over the points at every step; 0 where both are zero.

    Examples:
        >>> relative_rms(np.array([[3.0, 4.0]]), np.array([[3.0, 3.0]])).round(12).tolist()  # 1 / 5
        [0.2]
    """
    apart, size = (np.sqrt(np.mean(values**2, axis=1)) for values in (a - b, a))
    return np.divide(apart, size, out=np.where(apart > 0, np.inf, 0.0), where=size > 0)


def _moderated(values: Sequence[float], errors: Sequence[float], draws: Sequence[int]) -> list[float] | None:
    """Errors of the means from the average of own and pooled relative variance of one draw; None without any."""
    rows = [
        (count, (error / value) ** 2 * count)
        for value, error, count in zip(values, errors, draws, strict=True)
        if count > 1 and value > 0 and np.isfinite(error)
    ]
    pooled = sum((count - 1) * variance for count, variance in rows) / max(1, sum(count - 1 for count, _ in rows))
    if pooled == 0:
        return None
    moderated = []
    for value, error, count in zip(values, errors, draws, strict=True):
        own = (error / value) ** 2 * count if value > 0 and np.isfinite(error) else pooled
        moderated.append(value * sqrt((own + pooled) / 2 / count))
    return moderated
