"""RMS of the common mean, to which margins refer where no infinite ensemble is given.

Two independent ensembles are pooled with weights inverse to the variances of their means: the pooled mean is then
uncorrelated with the difference, so that a margin taken from it does not move with the difference that it judges.
Coupled ensembles are averaged member by member. The noise of the pooled mean is subtracted from its mean square.
"""

import numpy as np
from jaxtyping import Float


class ReferenceSums:
    """Gathers the slabs of one step."""

    def __init__(self, *, paired: bool) -> None:
        self._paired = paired
        self._products = np.zeros((2, 2))  # of the two means, summed over points
        self._noise = np.zeros(2)  # variances of the two means, or of the mean of the averages
        self._points = 0

    def add(
        self, a: Float[np.ndarray, "unit point"], b: Float[np.ndarray, "unit2 point"]
    ) -> Float[np.ndarray, " point"]:
        """Take one slab in; returns the plain average of the two means."""
        means = np.stack([a.mean(axis=0, dtype=np.float64), b.mean(axis=0, dtype=np.float64)])
        self._products += means @ means.T
        if self._paired:
            self._noise[0] += _variance_of_mean((a + b) / 2)
        else:
            self._noise += [_variance_of_mean(a), _variance_of_mean(b)]
        self._points += means.shape[1]
        return means.mean(axis=0)

    def squared(self) -> float:
        """Mean square of the pooled mean, noise removed, never negative."""
        total = self._noise.sum()
        share = 0.5 if self._paired or total <= 0 else float(self._noise[1] / total)
        weights = np.array([share, 1 - share])
        noise = float(self._noise[0]) if self._paired else float(weights**2 @ self._noise)
        return max(float(weights @ self._products @ weights) - noise, 0.0) / self._points


def _variance_of_mean(a: Float[np.ndarray, "unit point"]) -> float:
    return float(np.sum(np.var(a, axis=0, ddof=1, dtype=np.float64))) / len(a)
