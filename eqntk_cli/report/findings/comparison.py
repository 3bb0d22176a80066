"""The comparison of two mean functions over all steps as it stands in a report, and what is chosen for it."""

from dataclasses import dataclass
from math import sqrt
from typing import Annotated

from eqntk_cli.report.findings.base import SPLIT, STEPS, Counts, Finding, Series, column
from eqntk_cli.report.paper.table import integer, number, p_value, yes_no

_Z95 = 1.959964


@dataclass(frozen=True)
class Settings:
    """What is chosen for a report: margin, level, the steps that count, and how often is resampled."""

    margin: float = 0.10  # of the RMS of mu_t, or of the pooled ensemble mean
    level: float = 0.05
    resamples: int = 999
    seed: int = 0
    steps: tuple[int, ...] | None = None  # None: every recorded step after the start
    looks: tuple[int, ...] = ()  # members at each; what is decided at one stays so, and `level` is that of one look

    def counts(self, step: int) -> bool:
        """Whether a recorded step is one of the verdict."""
        return step > 0 if self.steps is None else step in self.steps


@dataclass(frozen=True)
class MeanComparison(Finding):
    """Two mean functions over the recorded steps: how far apart, how sure, and what would have been seen.

    With d = (mean difference per point) and V its estimated covariance: rms_distance = RMS(d); noise_floor =
    sqrt(tr V / points); unbiased_squared = rms_distance^2 - noise_floor^2 (negative: nothing is seen).
    """

    name: Annotated[str, column("Comparison", key="comparison")]  # "augmented - gcnn", "gcnn - theory", ...
    split: Annotated[str, SPLIT]  # test | ood | train
    steps: Annotated[Counts, STEPS]  # every recorded one; verdicts leave step 0 out
    members_a: int
    members_b: int | None  # None: the other side is the deterministic mu_t
    units: int  # independent draws of the smaller side: members, or their antithetic pairs
    fewest_units: int  # with fewer, no test of equal means can reject at the level
    paired: bool  # members started from the same weights; d is the mean of member-wise differences
    test: str  # permutation | permutation within pairs (few members) | sign flips | sign flips (unequal sizes)
    resamples: int
    rms_distance: Annotated[Series, column("Distance D", number)]
    noise_floor: Annotated[Series, column("Noise floor", number)]
    unbiased_squared: Annotated[Series, column("D^2 without noise", number)]
    # 95 % confidence interval of the true squared distance
    unbiased_squared_low: Annotated[Series, column("D^2, 95 % from", number)]
    unbiased_squared_high: Annotated[Series, column("to", number)]
    # one-sided bound of the true RMS distance at the level: equivalent where it is below `margin`
    upper_bound: Annotated[Series, column("Bound", number)]
    margin: Annotated[Series, column("Margin", number)]  # margin fraction times reference_rms
    # at the level over all counted steps together: different where it is above `margin`; nan where no step counts
    lower_bound: Annotated[Series, column("Lower bound", number)]
    # no point's means differ by more, at the level over all points, outputs and counted steps together
    point_bound: Annotated[Series, column("No point beyond", number)]
    # None at steps that do not count, as step 0
    equivalent: Annotated[tuple[bool | None, ...], column("Below margin", yes_no)]
    p_step: Annotated[Series, column("p, this step", p_value)]  # of "same mean" at this step alone
    p_corrected: Annotated[Series, column("p, corrected", p_value)]  # the same, corrected for the number of steps
    reference_rms: Annotated[Series, column("RMS of mean", number)]  # RMS of mu_t, or of the pooled ensemble mean
    member_rms: Annotated[Series, column("Per member", number)]  # paired: one difference; else sqrt(var_A + var_B)
    member_rms_error: Annotated[Series, column("its error", number)]
    # (tr V)^2 / tr V^2: how many independent directions the points amount to
    effective_points: Annotated[Series, column("Independent points", number)]
    # 80 % power for a verdict if the true distance is the lower bound, or the bound; None: > 10^7, and at step 0
    members_if_near: Annotated[tuple[int | None, ...], column("Members to decide if near", integer)]
    members_if_far: Annotated[tuple[int | None, ...], column("if far", integer)]
    p_value: float  # over all counted steps: the smallest corrected one
    step_level: float  # level of a single step at which all lower bounds together keep the level
    skewness: float | None  # of the difference of the means, RMS over points; None: no more than normal units show
    power_one_floor: float  # predicted chance to reject for a difference of one noise floor shaped like the mean


def distance_at(comparison: MeanComparison, index: int) -> tuple[float, float]:
    """True RMS distance of the means after one step with its standard error, from the confidence interval."""
    value = sqrt(max(comparison.unbiased_squared[index], 0.0))
    low, high = (sqrt(side[index]) for side in (comparison.unbiased_squared_low, comparison.unbiased_squared_high))
    return value, (high - low) / (2 * _Z95)
