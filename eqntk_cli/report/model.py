"""What a report says, as plain data: every number, table and sentence that is rendered stands in these classes.

The analysis fills them once and the figures, HTML, Markdown, CSV and JSON are written from them alone, so that no
two outputs can disagree. Series over training steps are tuples as long as `steps`; a number that does not exist
is None (scalars) or nan (inside series). All predictions are in the units in which the networks were trained
(encoded labels, standardised targets) unless a field names a physical unit.

Words: model A is the augmented ensemble (plain networks trained on the orbit of the data), model B the ensemble of
group-convolutional networks, mu_t the mean prediction of the infinitely wide ensemble after t steps, a point is one
pair (sample, output).
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from math import isfinite

from eqntk_cli.report.findings import (
    Extrapolation,
    KernelAgreement,
    KernelCurve,
    KernelGain,
    LearningCurve,
    MemberScaling,
    OrbitExample,
    OrbitStatistics,
    Parity,
    Series,
    TaskMetrics,
    Trajectory,
    VarianceComparison,
    WidthScaling,
)
from eqntk_cli.report.provenance import Provenance, RunInfo, Unmatched

SCHEMA = 1  # of report.json; raised when a field changes its meaning or goes


class Outcome(StrEnum):
    """The three answers that an experiment can give."""

    EQUIVALENT = "equivalent"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class MeanComparison:
    """Two mean functions over the recorded steps: how far apart, how sure, and what would have been seen.

    With d = (mean difference per point) and V its estimated covariance: rms_distance = RMS(d); noise_floor =
    sqrt(tr V / points); unbiased_squared = rms_distance^2 - noise_floor^2 (negative: nothing is seen).
    """

    name: str  # "augmented - gcnn", "augmented - theory", "gcnn - theory"
    split: str  # test | ood | train
    steps: tuple[int, ...]  # step 0 included where it was recorded; verdicts leave it out
    members_a: int
    members_b: int | None  # None: the other side is the deterministic mu_t
    paired: bool  # members started from the same weights; d is the mean of member-wise differences
    test: str  # permutation | permutation within pairs (few members) | sign flips | sign flips (unequal sizes)
    resamples: int
    rms_distance: Series
    noise_floor: Series
    unbiased_squared: Series
    unbiased_squared_low: Series  # 95 % confidence interval of the true squared distance
    unbiased_squared_high: Series
    upper_bound: Series  # one-sided 95 % bound of the true RMS distance: equivalent where it is below `margin`
    reference_rms: Series  # RMS of mu_t, or of the pooled ensemble mean
    margin: Series  # margin fraction times reference_rms
    equivalent: tuple[bool | None, ...]  # None at step 0, which is no step of the verdict
    p_step: Series  # of "same mean" at this step alone
    p_corrected: Series  # the same, corrected for the number of steps
    p_value: float  # over all steps t > 0: the smallest corrected one
    power_one_floor: float  # predicted chance to reject for a difference of one noise floor shaped like the mean
    members_to_decide: tuple[
        int | None, ...
    ]  # per step, 80 % power for the verdict the estimate points to; None: > 10^7, and at step 0
    member_rms: Series  # paired: RMS of one member's difference; else the spread sqrt(var_A + var_B)
    member_rms_error: Series  # its standard error
    effective_points: Series  # (tr V)^2 / tr V^2: how many independent directions the points amount to


@dataclass(frozen=True)
class Verdict:
    """The answer for one comparison, in the words of the contract."""

    outcome: Outcome
    sentence: str
    finite_width_difference: bool  # real but inside the margin at every step
    size: float | None  # largest RMS distance (noise removed) over t > 0, in units of the reference RMS at that step
    worst_step: int | None  # the step at which upper_bound / margin is largest
    members_to_decide: int | None  # only where undecided; None: more than 10^7, or nothing to say
    level: float
    margin_fraction: float


@dataclass(frozen=True)
class ControlAnalysis:
    """A comparison that must come out as different, or the report shows nothing."""

    control: str  # no_augmentation | other_group | other_step_size
    run_a: str  # run ids
    run_b: str
    changed: str  # "augmentation: none instead of orbit"
    comparison: MeanComparison
    verdict: Verdict
    as_expected: bool  # verdict is "different"


@dataclass(frozen=True)
class PairAnalysis:
    """One matched pair of ensembles with everything that was measured on it."""

    name: str  # short and unique within the report, fit for a file name
    title: str
    run_a: str  # augmented ensemble, run id
    run_b: str  # gcnn ensemble
    run_ntk: str | None
    width: int
    coupled: bool
    verdict: Verdict
    test: MeanComparison
    ood: MeanComparison | None
    train: MeanComparison | None
    unmoved: MeanComparison | None  # coupled: the test points once more, at the inputs as they are
    theory: tuple[MeanComparison, ...]  # each ensemble against mu_t (test split, then ood)
    variances: tuple[VarianceComparison, ...]
    orbits: tuple[OrbitStatistics, ...]
    metrics: tuple[TaskMetrics, ...]
    trajectories: tuple[Trajectory, ...]
    orbit_examples: tuple[OrbitExample, ...]
    parities: tuple[Parity, ...]
    member_scaling: MemberScaling
    controls: tuple[ControlAnalysis, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Analysis:
    """The whole report."""

    schema: int
    first_line: str  # warns when controls are missing or not different; always print it first
    outcome: Outcome  # over all pairs: equivalent only if all are; different if any is; else undecided
    controls_ok: bool  # there are pairs, every one has a control that came out different, and none came out otherwise
    margin: float  # fraction of the reference RMS
    level: float
    pairs: tuple[PairAnalysis, ...]
    scalings: tuple[WidthScaling, ...]
    extrapolations: tuple[Extrapolation, ...]
    learning_curves: tuple[LearningCurve, ...]
    runs: tuple[RunInfo, ...]
    unmatched: tuple[Unmatched, ...]
    provenance: Provenance
    kernel_curves: tuple[KernelCurve, ...] = ()  # of model=ntk runs that belong to no pair
    kernel_agreements: tuple[KernelAgreement, ...] = ()
    kernel_gains: tuple[KernelGain, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The report as nested dicts and lists that strict JSON can hold (nan and infinity become null)."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return str(value) if isinstance(value, Outcome) else value
