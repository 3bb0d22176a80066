"""The means of two samples compared at every step: distance, floor, both tests, and what would decide.

The samples are read slab by slab; what is kept of a slab are sums over its points, so memory does not depend on the
number of points, members or steps.
"""

from collections.abc import Mapping, Sequence
from math import inf, nan, sqrt
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.findings.comparison import MeanComparison, Settings
from eqntk_cli.report.statistics.band import BandSums
from eqntk_cli.report.statistics.distance import Distance, DistanceSums, combine, skewness
from eqntk_cli.report.statistics.equivalence import Noise, draw_noise, squared_interval, upper_bound
from eqntk_cli.report.statistics.maximum import MaximumTest, maximum_test
from eqntk_cli.report.statistics.onesample import fewest_units, flipped, signs
from eqntk_cli.report.statistics.permutation import shuffled, shuffles
from eqntk_cli.report.statistics.power import members_for_difference, members_for_equivalence
from eqntk_cli.report.statistics.reference import ReferenceSums
from eqntk_cli.report.statistics.samples import Sample, point_blocks
from eqntk_cli.report.statistics.simultaneous import LowerBounds, lower_bounds

Kind = Literal["independent", "paired", "theory"]
Halves = Float[np.ndarray, "unit point"] | None

# Shuffling is valid in the limit of many members; below this it alarms too often where the covariances differ
# (7 % at 6 members), while exchanging members within random pairs is a sign flip of their differences and holds
# its level at any size, at the price of some power.
FEWEST_SHUFFLED = 24


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
        make = shuffles if self._shuffling else signs
        # of more than `MAX_UNITS` draws units are batches, so the ensemble with fewer draws may have more units
        resampled = a.units if b is None else min(a.units, b.units)
        self._assignment = make(resampled, settings.resamples, settings.seed)
        one_sample = kind != "independent" or b is None
        self._band = BandSums(a.units if one_sample or b is None else a.units + b.units, settings.seed)

    @property
    def test(self) -> str:
        """Which test of equal means is made."""
        if self._shuffling:
            return "permutation"
        if self._kind == "independent":
            return "permutation within pairs" if self._equal else "sign flips (unequal sizes)"
        return "sign flips"

    @property
    def _smaller(self) -> Sample:
        return self._a if self._b is None else min(self._a, self._b, key=lambda sample: sample.draws)

    def run(self, name: str, split: str, steps: tuple[int, ...]) -> MeanComparison:
        """The comparison at all steps; tests over steps take those that count."""
        pairs = [self._at(step) for step in range(len(steps))]
        distances = [distance for distance, _ in pairs]
        tested = [index for index, step in enumerate(steps) if self._settings.counts(step)]
        test = self._maximum([pairs[index][1] for index in tested], [distances[index] for index in tested])
        return self._summary(name, split, steps, distances, tested, test)

    def _at(self, step: int) -> tuple[Distance, Float[np.ndarray, "resample 3"]]:
        """Distance and resampled sums (per point) after one step."""
        one_sample = self._kind != "independent"
        units_b = None if one_sample or self._b is None else self._b.units
        sums, reference = DistanceSums(self._a.units, units_b), ReferenceSums(paired=self._kind == "paired")
        resampled = np.zeros((len(self._assignment), 3))
        square, points = 0.0, self._a.points
        self._band.begin()
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
            self._band.add(sums.add(a, b))
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
        tested: list[int],
        test: MaximumTest,
    ) -> MeanComparison:
        settings = self._settings
        margin = [settings.margin * sqrt(distance.reference_squared) for distance in distances]
        noises = [draw_noise(distance, settings.seed) for distance in distances]
        bounds = [upper_bound(*pair, settings.level) for pair in zip(distances, noises, strict=True)]
        intervals = [squared_interval(*pair, 0.05) for pair in zip(distances, noises, strict=True)]
        counted = [distances[index] for index in tested]
        lower = lower_bounds(counted, [margin[index] for index in tested], settings.level, settings.seed)
        floors = [sqrt(distance.floor_squared) for distance in distances]
        freedom = min(distance.top_freedom for distance in counted)
        needed = [
            self._deciding(distances[index], noises[index], margin[index], lower, (bound, bounds[index]))
            for index, bound in zip(tested, lower.bounds, strict=True)
        ]
        places = dict(zip(tested, range(len(tested)), strict=True))
        return MeanComparison(
            name=name,
            split=split,
            steps=steps,
            members_a=self._a.members,
            members_b=None if self._b is None else self._b.members,
            units=self._smaller.draws,
            fewest_units=fewest_units(settings.level),
            paired=self._kind == "paired",
            test=self.test,
            resamples=len(self._assignment) - 1,
            rms_distance=tuple(sqrt(distance.squared) for distance in distances),
            noise_floor=tuple(floors),
            unbiased_squared=tuple(distance.unbiased for distance in distances),
            unbiased_squared_low=tuple(low for low, _ in intervals),
            unbiased_squared_high=tuple(high for _, high in intervals),
            upper_bound=tuple(bounds),
            lower_bound=_spread(lower.bounds, places, len(steps), nan),
            point_bound=tuple(self._band.bounds(tested, floors, freedom, settings.level)),
            reference_rms=tuple(sqrt(distance.reference_squared) for distance in distances),
            margin=tuple(margin),
            equivalent=tuple(
                bound < limit if index in places else None
                for index, (bound, limit) in enumerate(zip(bounds, margin, strict=True))
            ),
            p_step=_spread(test.p_step, places, len(steps), nan),
            p_corrected=_spread(test.p_corrected, places, len(steps), nan),
            p_value=test.p_value,
            power_one_floor=test.power,
            step_level=lower.level,
            skewness=skewness(counted),
            members_if_near=_spread([near for near, _ in needed], places, len(steps), None),
            members_if_far=_spread([far for _, far in needed], places, len(steps), None),
            member_rms=tuple(sqrt(max(distance.member_squared, 0)) for distance in distances),
            member_rms_error=tuple(
                _root_error(distance.member_squared, distance.member_squared_error) for distance in distances
            ),
            effective_points=tuple(distance.effective_points for distance in distances),
        )

    def _deciding(
        self, distance: Distance, noise: Noise, margin: float, lower: LowerBounds, ends: tuple[float, float]
    ) -> tuple[int | None, int | None]:
        """Members of each ensemble with which a verdict comes, for a true distance at either end of its interval."""
        smaller = self._smaller
        fewest = fewest_units(self._settings.level)  # with fewer the test of equal means cannot reject
        near, far = (
            members_for_equivalence(distance, noise, end, smaller.draws, margin, self._settings.level)
            if end < margin
            else _at_least(fewest, members_for_difference(distance, noise, end, smaller.draws, margin, lower.level))
            for end in ends
        )
        per_draw = smaller.members // smaller.draws
        return near and near * per_draw, far and far * per_draw


def _at_least(fewest: int, members: int | None) -> int | None:
    return None if members is None else max(fewest, members)


def _spread(values: Sequence[Any], places: Mapping[int, int], count: int, absent: Any) -> tuple[Any, ...]:
    """Values at the counted steps as a series over all recorded ones."""
    return tuple(values[places[index]] if index in places else absent for index in range(count))


def _root_error(squared: float, error: float) -> float:
    return error / (2 * sqrt(squared)) if squared > 0 else inf
