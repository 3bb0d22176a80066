"""One test over many steps: the largest statistic, put on one scale, against the same maximum after resampling.

The statistics of different steps scatter differently, because the points are more correlated at some than at
others. The cube root of a mean of squares is close to normal whatever its degrees of freedom (Wilson and Hilferty,
PNAS 17, 1931), so S_t = (T_t^(1/3) - mean) / deviation over the resamplings makes the steps alike. All resamplings,
the true one included, enter the mean and deviation, which keeps the test exact where the resampling is.
The p-value is (1 + number of resamplings at least as extreme) / (1 + resamplings).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

_EQUAL = 1 + 1e-5  # two ways to write the same assignment differ by single-precision rounding


class PValue(float):
    """A p-value of a resampling test with the smallest that it can give, `floor` = 1 / (1 + resamplings).

    Examples:
        >>> p = PValue(0.001, floor=0.001)
        >>> p.at_floor, PValue(0.2, floor=0.001).at_floor
        (True, False)
    """

    floor: float

    def __new__(cls, value: float, floor: float = 0.0) -> "PValue":
        """A float in every calculation and file."""
        made = super().__new__(cls, value)
        made.floor = floor
        return made

    @property
    def at_floor(self) -> bool:
        """Whether no resampling came near: the true one may be smaller still."""
        return self <= self.floor


@dataclass(frozen=True)
class MaximumTest:
    """The result over the steps that count (t > 0), in their order."""

    p_step: tuple[PValue, ...]
    p_corrected: tuple[PValue, ...]
    power: float

    @property
    def p_value(self) -> PValue:
        """Of "the means agree at all steps"."""
        return min(self.p_corrected)


def maximum_test(
    statistic: Float[np.ndarray, "step resample"], planted: Float[np.ndarray, "step resample"], level: float
) -> MaximumTest:
    """The test from T of every step (first column: as observed), and its power.

    Args:
        statistic: T per step and resampling.
        planted: T as it would be with a planted difference on top of each resampling, which stands for equal means.
        level: chance of a false alarm.
    """
    roots, planted_roots = np.cbrt(statistic), np.cbrt(planted)
    centre, scale = roots.mean(axis=1, keepdims=True), roots.std(axis=1, keepdims=True)
    scale = np.where(scale > 0, scale, 1)
    standard = (roots - centre) / scale
    largest = standard.max(axis=0)
    resamples = statistic.shape[1]
    p_step = np.sum(statistic[:, 1:] * _EQUAL >= statistic[:, :1], axis=1)
    slack = 1e-5 * np.abs(roots[:, 0] / scale[:, 0])
    p_corrected = np.sum(largest[None, 1:] >= (standard[:, 0] - slack)[:, None], axis=1)
    # the test rejects when fewer than level * resamples - 1 values are as large as the observed one
    allowed = int(np.floor(level * resamples + 1e-9)) - 1
    threshold = np.sort(largest[1:])[::-1][allowed] if 0 <= allowed < resamples - 1 else np.inf
    power = np.mean(((planted_roots - centre) / scale)[:, 1:].max(axis=0) > threshold)
    return MaximumTest(_p_values(p_step, resamples), _p_values(p_corrected, resamples), float(power))


def _p_values(exceeding: Int[np.ndarray, " step"], resamples: int) -> tuple[PValue, ...]:
    return tuple(PValue((1 + count) / resamples, 1 / resamples) for count in exceeding.tolist())
