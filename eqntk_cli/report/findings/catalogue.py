"""The list of everything that a report finds, in the order of the report. A new statistic is one line here."""

from collections.abc import Iterable

from eqntk_cli.report.findings.base import Finding
from eqntk_cli.report.findings.distance import Distances
from eqntk_cli.report.findings.extrapolation import Extrapolation
from eqntk_cli.report.findings.invariance import OrbitStatistics
from eqntk_cli.report.findings.kernel_agreement import KernelAgreement
from eqntk_cli.report.findings.kernel_curve import KernelCurve, KernelExponent
from eqntk_cli.report.findings.kernel_gain import KernelGain
from eqntk_cli.report.findings.learning_curve import LearningCurve
from eqntk_cli.report.findings.members import MemberScaling
from eqntk_cli.report.findings.metrics import TaskMetrics
from eqntk_cli.report.findings.orbit_examples import OrbitExample
from eqntk_cli.report.findings.parity import Parity
from eqntk_cli.report.findings.runs import ReportedRuns
from eqntk_cli.report.findings.scope import PairCase, PairFinding, Registered, Study, StudyFinding
from eqntk_cli.report.findings.trajectories import Trajectory
from eqntk_cli.report.findings.variance import VarianceComparison
from eqntk_cli.report.findings.verdicts import ControlRow, VerdictRow
from eqntk_cli.report.findings.width import WidthScaling
from eqntk_cli.report.findings.worst_point import WorstPoint
from eqntk_cli.report.model import Analysis
from eqntk_cli.report.paper.drawing import Drawing
from eqntk_cli.report.paper.table import Table

ON_PAIRS: tuple[type[PairFinding], ...] = (
    Distances,
    Trajectory,
    VarianceComparison,
    OrbitStatistics,
    OrbitExample,
    MemberScaling,
    WorstPoint,
    TaskMetrics,
    Parity,
)
ON_STUDIES: tuple[type[StudyFinding], ...] = (
    WidthScaling,
    Extrapolation,
    LearningCurve,
    KernelGain,
    KernelAgreement,
    KernelCurve,
)
FINDINGS: tuple[type[Registered], ...] = (VerdictRow, ControlRow, *ON_PAIRS, KernelExponent, *ON_STUDIES, ReportedRuns)


def findings_on_pair(case: PairCase) -> tuple[Finding, ...]:
    """Everything that is measured on a pair."""
    return tuple(finding for kind in ON_PAIRS for finding in kind.measure(case))


def findings_on_study(study: Study) -> tuple[Finding, ...]:
    """Everything that is measured on several runs together."""
    return tuple(finding for kind in ON_STUDIES for finding in kind.measure(study))


def tables_of(analysis: Analysis, section: str | None = None) -> dict[str, Table]:
    """Every table that has rows, by the name of its CSV file; those of one section of the page alone, if given."""
    kinds: Iterable[type[Registered]] = FINDINGS if section is None else (k for k in FINDINGS if section == k.SECTION)
    return {table.name: table for kind in kinds for table in kind.tables(analysis) if table.rows}


def drawings_of(analysis: Analysis) -> list[Drawing]:
    """Every figure that the report may have; those of one pair stand together."""
    drawings = [drawing for kind in FINDINGS for drawing in kind.drawings(analysis)]
    sections = [pair.name for pair in analysis.pairs]
    return sorted(drawings, key=lambda one: sections.index(one.section) if one.section in sections else len(sections))
