"""How differences fall with the width n and with the number of members M.

Theory expects the difference of one coupled member to fall like n^(-1/2) (1/n if f - f_0 is trained), the bias of
means like 1/n, and the noise of means like M^(-1/2). Exponents come from a weighted straight line through log value
against log n. Means are extrapolated to infinite width point by point, linearly in 1/n with the same weights at every
point: the result is a linear combination of the ensembles' means, so its noise floor is known.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from jaxtyping import Float


def seen(widths: Sequence[int], values: Sequence[float], errors: Sequence[float]) -> list[tuple[int, float, float]]:
    """Width, value and error where the value is more than two standard errors above zero."""
    return [(n, v, e) for n, v, e in zip(widths, values, errors, strict=True) if 0 < 2 * e < v and np.isfinite(v)]


def power_law(
    widths: Sequence[int], values: Sequence[float], errors: Sequence[float]
) -> tuple[float | None, float | None]:
    """Exponent a of value ~ n^a with its standard error, from the widths at which something is seen.

    Where the values scatter more than their
    errors say, the error of the exponent is enlarged accordingly (at three widths and more).

    Examples:
        >>> exponent, error = power_law([64, 256, 1024], [0.4, 0.2, 0.1], [0.01, 0.01, 0.01])
        >>> round(exponent, 6)
        -0.5
    """
    points = seen(widths, values, errors)
    if len({n for n, _, _ in points}) < 2:
        return None, None
    n, value, error = np.array(points, dtype=float).T
    x, y, weight = np.log(n), np.log(value), (value / error) ** 2
    centre = np.average(x, weights=weight)
    strength = float(weight @ (x - centre) ** 2)
    exponent = float(weight @ ((x - centre) * y)) / strength
    rest = y - np.average(y, weights=weight) - exponent * (x - centre)
    excess = float(weight @ rest**2) / (len(points) - 2) if len(points) > 2 else 1.0
    return exponent, sqrt(max(excess, 1.0) / strength)


def extrapolate(
    widths: Sequence[int], differences: Float[np.ndarray, "width point"], floors: Sequence[float]
) -> tuple[float, float, float, float]:
    """Difference at infinite width from differences at several widths, after one step.

    Returns:
        RMS distance of the extrapolated difference, its noise floor, the squared distance without noise, and the RMS
        coefficient of 1/n without noise.

    Examples:
        >>> widths = [64, 128, 256]
        >>> biases = np.array([[3.0 + 64 / width] for width in widths])  # 1/width above 3
        >>> round(extrapolate(widths, biases, [0.1, 0.1, 0.1])[0], 9)
        3.0
    """
    inverse = 1 / np.array(widths, dtype=float)
    floor = np.array(floors)
    weight = np.ones_like(inverse) if np.any(floor <= 0) else floor**-2.0
    design = np.stack([np.ones_like(inverse), inverse], axis=1) * np.sqrt(weight)[:, None]
    solve = np.linalg.pinv(design) * np.sqrt(weight)  # (2, width): intercept and slope from the differences
    intercept, slope = solve @ differences
    noise = solve**2 @ floor**2
    squared = float(np.mean(intercept**2))
    bias = float(np.mean(slope**2)) - noise[1]
    return sqrt(squared), sqrt(noise[0]), squared - float(noise[0]), sqrt(max(bias, 0.0))
