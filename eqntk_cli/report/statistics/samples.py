"""Samples of functions: what the tests see of an ensemble, one slab (units x points at one step) at a time.

A unit is what the tests treat as one independent draw: a member, or the mean of a pair of antithetic members, or, of
more than `MAX_UNITS` such draws, the average of a batch of them. Batches of equal size are again independent and
alike, with the same mean and the variance divided by their size, so the tests stay valid while their cost no longer
grows with the members. A point is one pair (sample, output).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import numpy as np
from jaxtyping import Float

MAX_UNITS = 200
_BLOCK_POINTS = 1024  # points taken at once, so that 1000 resamplings of them stay near the processor


class Sample(Protocol):
    """Independent draws of a function at every step.

    Examples:
        >>> sample: Sample = ArraySample(np.zeros((2, 8, 5)), members=8)  # two steps, eight members, five points
        >>> sample.units, sample.points, sample.slab(1, 0, 3).shape
        (8, 5, (8, 3))
    """

    @property
    def members(self) -> int:
        """How many members were averaged over all units."""

    @property
    def draws(self) -> int:
        """How many independent draws were averaged over all units: the members, or their antithetic pairs."""

    @property
    def units(self) -> int:
        """How many independent draws there are."""

    @property
    def points(self) -> int:
        """How many (sample, output) pairs."""

    def slab(self, step: int, start: int, stop: int) -> Float[np.ndarray, "unit point"]:
        """The units at the points start, ..., stop - 1 after the step with this index."""

    def half(self, step: int, start: int, stop: int) -> Float[np.ndarray, "unit point"] | None:
        """Half the differences inside antithetic pairs, averaged like the units; None of independent members.

        Their mean is zero; a single member has the variance of a draw plus the mean square of these.
        """


@dataclass(frozen=True)
class ArraySample:
    """A sample that is held in memory.

    Examples:
        >>> pairs = np.array([[[1.0, 3.0]], [[2.0, 2.0]]])  # members 2k and 2k+1 of two antithetic pairs
        >>> sample = ArraySample(pairs.mean(axis=2)[None], members=4, halves=(pairs[..., 0] - pairs[..., 1])[None] / 2)
        >>> sample.draws, sample.slab(0, 0, 1).ravel().tolist(), sample.half(0, 0, 1).ravel().tolist()
        (2, [2.0, 2.0], [-1.0, 0.0])
    """

    values: Float[np.ndarray, "step unit point"]
    members: int
    halves: Float[np.ndarray, "step unit point"] | None = None

    @property
    def draws(self) -> int:
        """How many independent draws were averaged."""
        return self.members if self.halves is None else self.members // 2

    @property
    def units(self) -> int:
        """How many independent draws there are."""
        return self.values.shape[1]

    @property
    def points(self) -> int:
        """How many (sample, output) pairs."""
        return self.values.shape[2]

    def slab(self, step: int, start: int, stop: int) -> Float[np.ndarray, "unit point"]:
        """The units at the points start, ..., stop - 1 after the step with this index."""
        return self.values[step, :, start:stop]

    def half(self, step: int, start: int, stop: int) -> Float[np.ndarray, "unit point"] | None:
        """Half the differences inside antithetic pairs."""
        return None if self.halves is None else self.halves[step, :, start:stop]


def batch_size(draws: int) -> int:
    """How many draws are averaged into one unit."""
    return -(-draws // MAX_UNITS)


def member_variance(values: Float[np.ndarray, "member ..."], per_draw: int) -> Float[np.ndarray, "..."]:
    """The unbiased variance of a single member, from members of which `per_draw` each stand in one independent draw.

    The mean square about the mean of M members is short by the variance of that mean, which the draws give:
    sum (f - mean)^2 / M + Var(draw means) / draws. For independent members that is the sum over M - 1.

    Examples:
        >>> member_variance(np.array([1.0, 2.0, 3.0]), per_draw=1)
        np.float64(1.0)
    """
    means = values.reshape(-1, per_draw, *values.shape[1:]).mean(axis=1)
    return values.var(axis=0) + means.var(axis=0, ddof=1) / len(means)


def point_blocks(points: int) -> Iterator[tuple[int, int]]:
    """Ranges [start, stop) that cover all points."""
    for start in range(0, points, _BLOCK_POINTS):
        yield start, min(start + _BLOCK_POINTS, points)


def scheffe_weights(units_a: int, units_b: int) -> tuple[Float[np.ndarray, "m a"], Float[np.ndarray, "m b"]]:
    """Matrices that turn two samples of unequal size into one of m = min(a, b) differences, d = W_A A + W_B B.

    For b <= a: d_j = sqrt(b/a) A_j - (ab)^(-1/2) sum_{k<=b} A_k + mean(A) - B_j. The d_j are uncorrelated, their
    mean is mean(A) - mean(B) exactly, and the covariance of that mean is cov_A/a + cov_B/b (Scheffe, Annals of
    Mathematical Statistics 14, 1943; for vectors Bennett, 1951). For a < b the roles are exchanged.

    Examples:
        >>> of_a, of_b = scheffe_weights(4, 2)
        >>> a, b = np.arange(4.0), np.array([1.0, 5.0])
        >>> float((of_a @ a + of_b @ b).mean().round(12)), float(a.mean() - b.mean())
        (-1.5, -1.5)
    """
    if units_a < units_b:
        of_b, of_a = scheffe_weights(units_b, units_a)
        return -of_a, -of_b
    a, b = units_a, units_b
    weights = np.full((b, a), 1 / a)
    weights[:, :b] += sqrt(b / a) * np.eye(b) - 1 / sqrt(a * b)
    return weights, -np.eye(b)
