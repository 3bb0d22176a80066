"""What a report says, as plain data: every number, table and sentence that is rendered stands in these classes.

The analysis fills them once and the figures, HTML, Markdown, CSV and JSON are written from them alone, so that no
two outputs can disagree. What was measured beside the verdict stands in `findings`, which describe themselves (see
`eqntk_cli.report.findings.base`, also for the conventions).
"""

from dataclasses import dataclass
from enum import StrEnum

from eqntk_cli.report.findings.base import Finding, Kind, of_kind
from eqntk_cli.report.findings.comparison import MeanComparison
from eqntk_cli.report.plan import Fixing
from eqntk_cli.report.provenance import Provenance, ReportedRun, Unmatched

SCHEMA = 2  # of report.json; raised when a field changes its meaning or goes


class Outcome(StrEnum):
    """The three answers that an experiment can give.

    Examples:
        >>> [str(outcome) for outcome in Outcome]
        ['equivalent', 'different', 'undecided']
    """

    EQUIVALENT = "equivalent"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Verdict:
    """The answer for one comparison, in the words of the contract."""

    outcome: Outcome
    sentence: str
    detected: bool  # the test of equal means rejects, whatever the size of the difference
    finite_width_difference: bool  # detected, but inside the margin at every counted step
    size: float | None  # largest RMS distance (noise removed), in units of the reference RMS; None: nothing detected
    between: tuple[float, float]  # the largest true distance over the steps, in the same units; each end at the level
    worst_step: int | None  # the step at which upper_bound / margin is largest
    point: float  # no point's means differ by more at any counted step, in the same units, at the level
    # only where undecided: members with which a true distance at either end of its interval is decided (80 % power);
    # None: more than 10^7. A true distance equal to the margin is decided by none. None instead of the pair: the whole
    # interval is beyond the margin, and the test of equal means does not reject though the units would suffice
    members_to_decide: tuple[int | None, int | None] | None
    level: float
    margin_fraction: float


@dataclass(frozen=True)
class ControlAnalysis:
    """A comparison that must come out as different, beyond the margin, or the report shows nothing."""

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
    controls: tuple[ControlAnalysis, ...]
    notes: tuple[str, ...]
    invariance_error: float | None = None  # of the group ensemble, relative; None: not measured
    findings: tuple[Finding, ...] = ()

    @property
    def inputs_in_words(self) -> str:
        """What the means are compared at, as a part of a caption; empty where it goes without saying."""
        at_orbits = (
            ", coupled: of the augmented ensemble's mean over the orbit of each input from the GCNN's prediction"
        )
        return at_orbits if self.coupled else ""

    def of(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """The findings of one kind."""
        return of_kind(kind, self.findings)


@dataclass(frozen=True)
class Analysis:
    """The whole report."""

    schema: int
    first_line: str  # warns when controls are missing or not different; always print it first
    outcome: Outcome  # over all pairs: equivalent only if all are; different if any is; else undecided
    controls_ok: bool  # there are pairs, every one has a control that came out different, and none came out otherwise
    margin: float  # fraction of the reference RMS
    level: float  # of this look
    fixing: Fixing
    pairs: tuple[PairAnalysis, ...]
    runs: tuple[ReportedRun, ...]
    unmatched: tuple[Unmatched, ...]
    provenance: Provenance
    findings: tuple[Finding, ...] = ()  # on several runs together

    def of(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """The findings of one kind."""
        return of_kind(kind, self.findings)
