"""One comparison of two mean functions over all steps: distance, floor, both tests, and what would decide.

The samples are read slab by slab; what is kept of a slab are sums over its points, so memory does not depend on the
number of points, members or steps.
"""

from dataclasses import dataclass
from math import inf, sqrt
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.findings.base import SPLIT, STEPS, Counts, Finding, Series, column
from eqntk_cli.report.paper.table import integer, number, p_value, yes_no
from eqntk_cli.report.statistics.distance import Distance, DistanceSums, combine
from eqntk_cli.report.statistics.equivalence import Noise, draw_noise, squared_interval, upper_bound
from eqntk_cli.report.statistics.maximum import MaximumTest, maximum_test
from eqntk_cli.report.statistics.onesample import flipped, signs
from eqntk_cli.report.statistics.permutation import shuffled, shuffles
from eqntk_cli.report.statistics.power import members_for_difference, members_for_equivalence
from eqntk_cli.report.statistics.reference import ReferenceSums
from eqntk_cli.report.statistics.samples import Sample, point_blocks

Kind = Literal["independent", "paired", "theory"]
Halves = Float[np.ndarray, "unit point"] | None

_Z95 = 1.959964
# Shuffling is valid in the limit of many members; below this it alarms too often where the covariances differ
# (7 % at 6 members), while exchanging members within random pairs is a sign flip of their differences and holds
# its level at any size, at the price of some power.
FEWEST_SHUFFLED = 24


@dataclass(frozen=True)
class Settings:
    """What is chosen for a report: margin, level, and how often is resampled."""

    margin: float = 0.10  # of the RMS of mu_t, or of the pooled ensemble mean
    level: float = 0.05
    resamples: int = 999
    seed: int = 0


@dataclass(frozen=True)
class MeanComparison(Finding):
    """Two mean functions over the recorded steps: how far apart, how sure, and what would have been seen.

    With d = (mean difference per point) and V its estimated covariance: rms_distance = RMS(d); noise_floor =
    sqrt(tr V / points); unbiased_squared = rms_distance^2 - noise_floor^2 (negative: nothing is seen).
    """

    name: Annotated[str, column("Comparison", key="comparison")]  # "augmented - gcnn", "gcnn - theory", ...
    split: Annotated[str, SPLIT]  # test | ood | train
    steps: Annotated[Counts, STEPS]  # step 0 included where it was recorded; verdicts leave it out
    members_a: int
    members_b: int | None  # None: the other side is the deterministic mu_t
    paired: bool  # members started from the same weights; d is the mean of member-wise differences
    test: str  # permutation | permutation within pairs (few members) | sign flips | sign flips (unequal sizes)
    resamples: int
    rms_distance: Annotated[Series, column("Distance D", number)]
    noise_floor: Annotated[Series, column("Noise floor", number)]
    unbiased_squared: Annotated[Series, column("D^2 without noise", number)]
    # 95 % confidence interval of the true squared distance
    unbiased_squared_low: Annotated[Series, column("D^2, 95 % from", number)]
    unbiased_squared_high: Annotated[Series, column("to", number)]
    # one-sided 95 % bound of the true RMS distance: equivalent where it is below `margin`
    upper_bound: Annotated[Series, column("Bound", number)]
    margin: Annotated[Series, column("Margin", number)]  # margin fraction times reference_rms
    # None at step 0, which is no step of the verdict
    equivalent: Annotated[tuple[bool | None, ...], column("Below margin", yes_no)]
    p_step: Annotated[Series, column("p, this step", p_value)]  # of "same mean" at this step alone
    p_corrected: Annotated[Series, column("p, corrected", p_value)]  # the same, corrected for the number of steps
    reference_rms: Annotated[Series, column("RMS of mean", number)]  # RMS of mu_t, or of the pooled ensemble mean
    member_rms: Annotated[Series, column("Per member", number)]  # paired: one difference; else sqrt(var_A + var_B)
    member_rms_error: Annotated[Series, column("its error", number)]
    # (tr V)^2 / tr V^2: how many independent directions the points amount to
    effective_points: Annotated[Series, column("Independent points", number)]
    # 80 % power for the verdict the estimate points to; None: > 10^7, and at step 0
    members_to_decide: Annotated[tuple[int | None, ...], column("Members to decide", integer)]
    p_value: float  # over all steps t > 0: the smallest corrected one
    power_one_floor: float  # predicted chance to reject for a difference of one noise floor shaped like the mean


class Comparison:
    """Compares the mean of sample a with the mean of sample b, or with the known mean function mu.

    Args:
        kind: "independent" samples; "paired" ones, whose units belong together one by one; or "theory", where the
            other side is mu itself and b is None.
        mu: reference function (step, point) that sets the margin; None takes the pooled mean of a and b.
    """

    def __init__(
        self, kind: Kind, a: Sample, b: Sample | None, mu: Float[np.ndarray, "step point"] | None, settings: Settings
    ) -> None:
        self._kind, self._a, self._b, self._mu, self._settings = kind, a, b, mu, settings
        self._equal = b is not None and (a.units, a.draws) == (b.units, b.draws)
        self._shuffling = kind == "independent" and self._equal and a.units >= FEWEST_SHUFFLED
        units = a.units if b is None else min(a.units, b.units)
        make = shuffles if self._shuffling else signs
        self._assignment = make(units, settings.resamples, settings.seed)

    @property
    def test(self) -> str:
        """Which test of equal means is made."""
        if self._shuffling:
            return "permutation"
        if self._kind == "independent":
            return "permutation within pairs" if self._equal else "sign flips (unequal sizes)"
        return "sign flips"

    def run(self, name: str, split: str, steps: tuple[int, ...]) -> MeanComparison:
        """The comparison at all steps; tests over steps leave step 0 out."""
        pairs = [self._at(step) for step in range(len(steps))]
        distances = [distance for distance, _ in pairs]
        tested = [index for index, step in enumerate(steps) if step > 0]
        test = self._maximum([pairs[index][1] for index in tested], [distances[index] for index in tested])
        return self._summary(name, split, steps, distances, [sums[:, 0] for _, sums in pairs], tested, test)

    def _at(self, step: int) -> tuple[Distance, Float[np.ndarray, "resample 3"]]:
        """Distance and resampled sums (per point) after one step."""
        one_sample = self._kind != "independent"
        units_b = None if one_sample or self._b is None else self._b.units
        sums, reference = DistanceSums(self._a.units, units_b), ReferenceSums(paired=self._kind == "paired")
        resampled = np.zeros((len(self._assignment), 3))
        square, points = 0.0, self._a.points
        for start, stop in point_blocks(points):
            a = self._a.slab(step, start, stop)
            b = None if self._b is None else self._b.slab(step, start, stop)
            shape = reference.add(a, b) if b is not None else np.zeros(stop - start)
            if self._mu is not None:
                shape = self._mu[step, start:stop]
                square += float(shape @ shape)
            if b is None:
                a = a - shape.astype(a.dtype)
            elif one_sample:
                a, b = a - b, None
            sums.add(a, b)
            sums.add_halves(*self._halves(step, start, stop))
            resampled += self._resample(a, b, shape)
        squared = reference.squared() if self._mu is None else square / points
        draws_b = None if units_b is None or self._b is None else self._b.draws
        return sums.result(self._a.draws, draws_b, squared), resampled / points

    def _halves(self, step: int, start: int, stop: int) -> tuple[Halves, Halves]:
        """What goes with the units, half the differences inside antithetic pairs."""
        a = self._a.half(step, start, stop)
        b = None if self._b is None else self._b.half(step, start, stop)
        if self._kind == "paired" and a is not None and b is not None:
            return a - b, None
        return a, b

    def _resample(
        self,
        a: Float[np.ndarray, "unit point"],
        b: Float[np.ndarray, "unit2 point"] | None,
        shape: Float[np.ndarray, " point"],
    ) -> Float[np.ndarray, "resample 3"]:
        if b is None:
            return flipped(a, self._assignment, shape)
        if self._shuffling:
            return shuffled(a, b, self._assignment, shape)
        differences = a - b if self._equal else combine(a, b)
        return flipped(differences, self._assignment, shape)

    def _maximum(self, resampled: list[Float[np.ndarray, "resample 3"]], distances: list[Distance]) -> MaximumTest:
        """Test over steps, with a difference of one noise floor planted in the shape of the mean for its power."""
        planted = []
        for sums, distance in zip(resampled, distances, strict=True):
            rms = sqrt(distance.reference_squared)
            factor = sqrt(distance.floor_squared) / rms if rms > 0 else 0.0
            planted.append(sums[:, 0] + 2 * factor * sums[:, 1] + factor**2 * sums[:, 2])
        statistic = np.stack([sums[:, 0] for sums in resampled])
        return maximum_test(statistic, np.stack(planted), self._settings.level)

    def _summary(
        self,
        name: str,
        split: str,
        steps: tuple[int, ...],
        distances: list[Distance],
        statistics: list[Float[np.ndarray, " resample"]],
        tested: list[int],
        test: MaximumTest,
    ) -> MeanComparison:
        settings = self._settings
        margin = [settings.margin * sqrt(each.reference_squared) for each in distances]
        noises = [draw_noise(each, settings.seed) for each in distances]
        bounds = [upper_bound(*each, settings.level) for each in zip(distances, noises, strict=True)]
        intervals = [squared_interval(*each, 0.05) for each in zip(distances, noises, strict=True)]
        p_step, p_corrected = [float("nan")] * len(steps), [float("nan")] * len(steps)
        for place, index in enumerate(tested):
            p_step[index], p_corrected[index] = test.p_step[place], test.p_corrected[place]
        return MeanComparison(
            name=name,
            split=split,
            steps=steps,
            members_a=self._a.members,
            members_b=None if self._b is None else self._b.members,
            paired=self._kind == "paired",
            test=self.test,
            resamples=settings.resamples,
            rms_distance=tuple(sqrt(each.squared) for each in distances),
            noise_floor=tuple(sqrt(each.floor_squared) for each in distances),
            unbiased_squared=tuple(each.unbiased for each in distances),
            unbiased_squared_low=tuple(low for low, _ in intervals),
            unbiased_squared_high=tuple(high for _, high in intervals),
            upper_bound=tuple(bounds),
            reference_rms=tuple(sqrt(each.reference_squared) for each in distances),
            margin=tuple(margin),
            equivalent=tuple(
                bound < limit if step > 0 else None for step, bound, limit in zip(steps, bounds, margin, strict=True)
            ),
            p_step=tuple(p_step),
            p_corrected=tuple(p_corrected),
            p_value=test.p_value,
            power_one_floor=test.power,
            members_to_decide=tuple(
                self._deciding(*each) if step > 0 else None
                for step, *each in zip(steps, distances, noises, statistics, margin, intervals, strict=True)
            ),
            member_rms=tuple(sqrt(max(each.member_squared, 0)) for each in distances),
            member_rms_error=tuple(_root_error(each.member_squared, each.member_squared_error) for each in distances),
            effective_points=tuple(each.effective_points for each in distances),
        )

    def _deciding(
        self,
        distance: Distance,
        noise: Noise,
        statistic: Float[np.ndarray, " resample"],
        margin: float,
        interval: tuple[float, float],
    ) -> int | None:
        members, level = self._a.members, self._settings.level
        if self._b is not None:
            members = min(members, self._b.members)
        # a distance that equal means explain as well is no reason to expect one
        squared = distance.unbiased if interval[0] > 0 else 0.0
        if squared < margin**2:
            return members_for_equivalence(distance, noise, sqrt(squared), members, margin, level)
        return members_for_difference(statistic, members, level)


def _root_error(squared: float, error: float) -> float:
    return error / (2 * sqrt(squared)) if squared > 0 else inf


def distance_at(comparison: MeanComparison, index: int) -> tuple[float, float]:
    """True RMS distance of the means after one step with its standard error, from the confidence interval."""
    value = sqrt(max(comparison.unbiased_squared[index], 0.0))
    low, high = (sqrt(side[index]) for side in (comparison.unbiased_squared_low, comparison.unbiased_squared_high))
    return value, (high - low) / (2 * _Z95)
