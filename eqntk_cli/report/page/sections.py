"""What a page shows of the tables, and where: HTML and Markdown alike."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from eqntk_cli.report.findings.catalogue import ON_PAIRS, tables_of
from eqntk_cli.report.findings.comparison import MeanComparison
from eqntk_cli.report.findings.distance import Distances
from eqntk_cli.report.findings.runs import ReportedRuns
from eqntk_cli.report.findings.scope import ACROSS, LEARNING
from eqntk_cli.report.findings.verdicts import ControlRow, VerdictRow
from eqntk_cli.report.model import Analysis, PairAnalysis
from eqntk_cli.report.paper.table import Table

_VERDICT = (
    *("title", "members_augmented", "members_gcnn", "verdict", "finite_width_difference", "largest_difference"),
    *("bound", "point_bound", "p_value", "members_if_near", "members_if_far", "controls"),
)
_CONTROL = ("control", "changed", "verdict", "largest_difference", "p_value", "run_a", "run_b")
_STEP = (
    *("step", "rms_distance", "noise_floor", "unbiased_squared", "unbiased_squared_low", "unbiased_squared_high"),
    *("lower_bound", "upper_bound", "margin", "equivalent", "point_bound", "p_step", "p_corrected", "reference_rms"),
    *("members_if_near", "members_if_far"),
)
_RUN = (
    *("run_id", "label", "role", "model", "augmentation", "group", "dataset", "width", "members_used", "step_size"),
)


@dataclass(frozen=True)
class PairSection:
    """The tables of one pair."""

    pair: PairAnalysis
    steps: Table  # of the verdict
    controls: Table
    more_steps: tuple[Table, ...]  # of the comparisons beside the verdict
    findings: tuple[Table, ...]


def verdicts(analysis: Analysis) -> Table:
    """One row per pair."""
    (table,) = VerdictRow.tables(analysis)
    return table.selected(_VERDICT).columns_with_values()


def pair_sections(analysis: Analysis) -> Iterator[PairSection]:
    """Every pair with its tables."""
    (steps,) = Distances.tables(analysis)
    (controls,) = ControlRow.tables(analysis)
    tables = [table for kind in ON_PAIRS for table in kind.tables(analysis) if table.on_page]
    for pair in analysis.pairs:
        own = (table.only(pair=pair.name).columns_with_values() for table in tables)
        yield PairSection(
            pair=pair,
            steps=_steps(steps, pair, "pair", pair.test),
            controls=controls.only(pair=pair.name).selected(_CONTROL),
            more_steps=tuple(_more_steps(steps, pair)),
            findings=tuple(table for table in own if table.rows),
        )


def across(analysis: Analysis) -> list[Table]:
    """Tables of what several pairs show together."""
    return [table.columns_with_values() for table in tables_of(analysis, ACROSS).values()]


def learning(analysis: Analysis) -> list[Table]:
    """Tables of the learning curves of kernels; the setting only where there are several."""
    tables = tables_of(analysis, LEARNING).values()
    return [table.columns_with_values().without_repeated("title") for table in tables]


def runs(analysis: Analysis) -> tuple[Table, Table]:
    """The runs that were used, and those that were left out."""
    used, left_out = ReportedRuns.tables(analysis)
    return used.selected(_RUN).columns_with_values(), left_out


def commands(analysis: Analysis) -> list[str]:
    """The commands that make the runs and the report again."""
    records = [run.record for run in analysis.runs]
    made = [record.command or f"# {record.run_id}: no command was recorded" for record in records]
    return [*dict.fromkeys(made), analysis.provenance.command]


def _more_steps(steps: Table, pair: PairAnalysis) -> Iterator[Table]:
    if pair.unmoved is not None:
        title = "Step by step, means at the unmoved inputs instead of the orbit means"
        yield replace(_steps(steps, pair, "unmoved inputs", pair.unmoved), title=title, note="")
    if pair.ood is not None:
        title = "Step by step, off the distribution (ood)"
        yield replace(_steps(steps, pair, "pair", pair.ood), title=title, note="")
    for comparison in pair.theory:
        title = f"{comparison.name}, {comparison.split} points: against the infinite-width mean mu_t"
        yield replace(_steps(steps, pair, "theory", comparison), title=title, note="")


def _steps(steps: Table, pair: PairAnalysis, kind: str, comparison: MeanComparison) -> Table:
    """The rows of one comparison of a pair, with the columns that a reader needs."""
    rows = steps.only(pair=pair.name, kind=kind, comparison=comparison.name, split=comparison.split)
    return rows.selected(_STEP).columns_with_values()
