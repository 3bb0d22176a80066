"""Gaussian laws over points with a chosen spectrum, for calibration: the truth is known and points are correlated."""

from dataclasses import dataclass

import numpy as np

SPECTRA = {
    "one direction": np.array([1.0]),  # all points move together
    "two directions": np.array([1.0, 1.0]),
    "falling": 1 / np.arange(1.0, 31.0) ** 1.5,
}


@dataclass(frozen=True)
class Law:
    """f = mean + loadings^T z, z ~ N(0, 1)."""

    loadings: np.ndarray  # (direction, point)

    @classmethod
    def of(cls, spectrum: np.ndarray, spread: float, seed: int, points: int = 30) -> "Law":
        """Random orthonormal directions with these relative variances; `spread` is the RMS standard deviation."""
        basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(points, points)))[0][: len(spectrum)]
        weights = spread * np.sqrt(points * spectrum / spectrum.sum())
        return cls(weights[:, None] * basis)

    @property
    def covariance(self) -> np.ndarray:
        return self.loadings.T @ self.loadings

    def draw(self, generator: np.random.Generator, members: int, mean: np.ndarray | float = 0.0) -> np.ndarray:
        """Members (member, point)."""
        return mean + generator.normal(size=(members, len(self.loadings))) @ self.loadings


def standard_error(rate: float, trials: int) -> float:
    """Of a rate that was counted in `trials` trials, if its true value is `rate`."""
    return float(np.sqrt(rate * (1 - rate) / trials))
