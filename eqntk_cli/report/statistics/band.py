"""A bound that holds at every point, output and counted step at once: no test point's means differ by more than it.

The difference of the means is d = delta + e, and e scatters like sum_i w_i r_i with r_i the centred and scaled units
and w_i ~ N(0, 1) (Gaussian multipliers; Chernozhukov, Chetverikov and Kato, Ann. Stat. 41, 2013). With F_t the noise
floor of a step and s^2 ~ chi^2_nu / nu, which pays for the scatter being estimated,

    c = quantile over draws of  max_{t, x} |sum_i w_i r_i(t, x)| / (F_t s),     |delta(t, x)| <= |d(t, x)| + c F_t

for all t and x together. One divisor per step, not per point: with 8 units the own scatter of a point may be small by
chance, and over thousands of points it will be somewhere.
"""

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.statistics.distance import Slab

_DRAWS = 999


class BandSums:
    """Gathers the slabs of one step after another."""

    def __init__(self, units: int, seed: int) -> None:
        generator = np.random.default_rng([seed, 45])
        self._multipliers = generator.standard_normal((_DRAWS, units), dtype=np.float32)
        self._uniform = generator.random(_DRAWS)
        self._noise: list[Float[np.ndarray, " draw"]] = []
        self._largest: list[float] = []

    def begin(self) -> None:
        """The next slabs belong to the next step."""
        self._noise.append(np.zeros(_DRAWS))
        self._largest.append(0.0)

    def add(self, slab: Slab) -> None:
        """Take one slab in."""
        moved = self._multipliers @ slab.rows.astype(np.float32, copy=False)
        self._noise[-1] = np.maximum(self._noise[-1], np.abs(moved, out=moved).max(axis=1))
        self._largest[-1] = max(self._largest[-1], float(np.abs(slab.difference).max()))

    def bounds(self, counted: list[int], floors: list[float], freedom: float, level: float) -> list[float]:
        """The bound at every step that was gathered; those that do not count do not widen it.

        Args:
            counted: indices of the steps that count.
            floors: F of every step.
            freedom: nu, degrees of freedom with which the scatter is known.
            level: chance that some point at some counted step lies outside.
        """
        from scipy.stats import chi2

        scale = np.sqrt(chi2.ppf(self._uniform, freedom) / freedom)
        ratios = [self._noise[index] / (scale * floors[index]) for index in counted if floors[index] > 0]
        reach = float(np.quantile(np.max(ratios, axis=0), 1 - level, method="higher")) if ratios else 0.0
        return [largest + reach * floor for largest, floor in zip(self._largest, floors, strict=True)]
