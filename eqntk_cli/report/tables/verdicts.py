"""Tables of the verdict: one row per pair, per control, and per comparison and step."""

from math import isfinite

from eqntk_cli.report.model import Analysis, ControlAnalysis, MeanComparison, PairAnalysis
from eqntk_cli.report.paper.table import Cell, Column, Table, integer, number, p_value, percent, setting, yes_no

_VERDICT = (
    Column("pair", "Pair"),
    Column("title", "What"),
    Column("width", "Width", integer),
    Column("members_augmented", "Members augmented", integer),
    Column("members_gcnn", "Members GCNN", integer),
    Column("coupled", "Same starts", yes_no),
    Column("verdict", "Verdict"),
    Column("largest_difference", "Largest difference", percent),
    Column("bound", "95 % bound", percent),
    Column("worst_step", "Worst step", integer),
    Column("margin", "Margin", setting),
    Column("p_value", "p, same mean", p_value),
    Column("finite_width_difference", "Difference seen within margin", yes_no),
    Column("power_one_floor", "Would see a difference of the size of the noise", percent),
    Column("members_to_decide", "Members to decide", integer),
    Column("controls", "Controls different"),
)
_CONTROL = (
    Column("pair", "Pair"),
    Column("control", "Control"),
    Column("changed", "What was changed"),
    Column("verdict", "Verdict"),
    Column("as_expected", "As expected", yes_no),
    Column("largest_difference", "Largest difference", percent),
    Column("p_value", "p, same mean", p_value),
    Column("members_a", "Members A", integer),
    Column("members_b", "Members B", integer),
    Column("run_a", "Run A"),
    Column("run_b", "Run B"),
)
_STEP = (
    Column("pair", "Pair"),
    Column("kind", "Kind"),
    Column("comparison", "Comparison"),
    Column("split", "Points"),
    Column("step", "Step", integer),
    Column("rms_distance", "Distance D", number),
    Column("noise_floor", "Noise floor", number),
    Column("unbiased_squared", "D^2 without noise", number),
    Column("unbiased_squared_low", "D^2, 95 % from", number),
    Column("unbiased_squared_high", "to", number),
    Column("upper_bound", "Bound", number),
    Column("margin", "Margin", number),
    Column("equivalent", "Below margin", yes_no),
    Column("p_step", "p, this step", p_value),
    Column("p_corrected", "p, corrected", p_value),
    Column("reference_rms", "RMS of mean", number),
    Column("member_rms", "Per member", number),
    Column("member_rms_error", "its error", number),
    Column("effective_points", "Independent points", number),
    Column("members_to_decide", "Members to decide", integer),
)


def verdict_table(analysis: Analysis) -> Table:
    """One row per matched pair: the answer and the numbers on which it stands."""
    note = (
        "Largest difference: largest RMS distance with the noise removed, in units of the RMS of the mean prediction "
        "at that step. 95 % bound (at the worst step): the true distance is smaller with 95 % confidence; the pair is "
        "equivalent when it stays below the margin at every recorded step t > 0. p: chance of so large a distance, at "
        "any of the steps, if both means were the same (<=: the smallest that so many resamplings can give). "
        "Difference seen within margin: real, but too small to count."
    )
    rows = tuple(_verdict_row(pair) for pair in analysis.pairs)
    return Table("verdicts", "Verdicts", _VERDICT, rows, note)


def control_table(analysis: Analysis) -> Table:
    """One row per control: what was changed, and whether the difference was seen as it must be."""
    rows = tuple(_control_row(pair, control) for pair in analysis.pairs for control in pair.controls)
    note = "A control differs on purpose in one thing and must come out different."
    return Table("controls", "Controls", _CONTROL, rows, note)


def step_table(analysis: Analysis) -> Table:
    """One row per comparison (subjects, controls, theory; test and ood points) and recorded step."""
    rows: list[tuple[Cell, ...]] = []
    for pair in analysis.pairs:
        for kind, comparison in _comparisons(pair):
            rows.extend(_step_row(pair.name, kind, comparison, at) for at in range(len(comparison.steps)))
    note = (
        "D: RMS over points (sample, output) of the difference of the two means. Noise floor: the D that equal means "
        "would show with these many members. Bound: one-sided 95 % bound of the true distance. Step 0 is no step of "
        "the verdict. Independent points: how many the samples and outputs amount to, since neighbours move together."
    )
    return Table("steps", "Step by step", _STEP, tuple(rows), note)


def controls_in_words(pair: PairAnalysis) -> str:
    """How many controls of a pair came out different: '2 of 2', or 'none given'."""
    if not pair.controls:
        return "none given"
    return f"{sum(control.as_expected for control in pair.controls)} of {len(pair.controls)}"


def worst_bound(pair: PairAnalysis) -> float | None:
    """The 95 % bound of the distance at the worst step, in units of the RMS of the mean prediction."""
    step = pair.verdict.worst_step
    if step is None or step not in pair.test.steps:
        return None
    at = pair.test.steps.index(step)
    bound, reference = pair.test.upper_bound[at], pair.test.reference_rms[at]
    return bound / reference if reference > 0 and isfinite(bound) else None


def _verdict_row(pair: PairAnalysis) -> tuple[Cell, ...]:
    verdict, test = pair.verdict, pair.test
    return (
        pair.name,
        pair.title,
        pair.width,
        test.members_a,
        test.members_b,
        pair.coupled,
        str(verdict.outcome),
        verdict.size,
        worst_bound(pair),
        verdict.worst_step,
        verdict.margin_fraction,
        test.p_value,
        verdict.finite_width_difference,
        test.power_one_floor,
        verdict.members_to_decide,
        controls_in_words(pair),
    )


def _control_row(pair: PairAnalysis, control: ControlAnalysis) -> tuple[Cell, ...]:
    return (
        pair.name,
        control.control,
        control.changed,
        str(control.verdict.outcome),
        control.as_expected,
        control.verdict.size,
        control.comparison.p_value,
        control.comparison.members_a,
        control.comparison.members_b,
        control.run_a,
        control.run_b,
    )


def _comparisons(pair: PairAnalysis) -> list[tuple[str, MeanComparison]]:
    own = [("pair", comparison) for comparison in (pair.test, pair.ood, pair.train) if comparison is not None]
    own += [("unmoved inputs", pair.unmoved)] if pair.unmoved is not None else []
    theory = [("theory", comparison) for comparison in pair.theory]
    return own + theory + [(f"control: {control.control}", control.comparison) for control in pair.controls]


def _step_row(pair: str, kind: str, comparison: MeanComparison, at: int) -> tuple[Cell, ...]:
    return (
        pair,
        kind,
        comparison.name,
        comparison.split,
        comparison.steps[at],
        comparison.rms_distance[at],
        comparison.noise_floor[at],
        comparison.unbiased_squared[at],
        comparison.unbiased_squared_low[at],
        comparison.unbiased_squared_high[at],
        comparison.upper_bound[at],
        comparison.margin[at],
        comparison.equivalent[at],
        comparison.p_step[at],
        comparison.p_corrected[at],
        comparison.reference_rms[at],
        comparison.member_rms[at],
        comparison.member_rms_error[at],
        comparison.effective_points[at],
        comparison.members_to_decide[at],
    )
