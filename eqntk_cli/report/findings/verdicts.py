"""The verdict as tables: one row per pair and one per control."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Annotated

from eqntk_cli.report.findings.base import Finding, Sheet, column
from eqntk_cli.report.findings.scope import PAIR, Registered
from eqntk_cli.report.model import Analysis, ControlAnalysis, PairAnalysis
from eqntk_cli.report.paper.table import Cell, integer, p_value, percent, setting, yes_no


@dataclass(frozen=True)
class VerdictRow(Registered):
    """The answer for one matched pair and the numbers on which it stands."""

    LABELS = (PAIR,)
    SHEETS = (
        Sheet(
            "verdicts",
            "Verdicts",
            "Largest difference: largest RMS distance with the noise removed, in units of the RMS of the mean "
            "prediction at that step; empty where no difference is detected. Upper bound (at the worst step): the "
            "true distance is smaller; the pair is equivalent when it stays below the margin at every counted step. "
            "Lower bound: at some counted step the true distance is larger; the pair is different when it is above "
            "the margin. No point beyond: no single test point's means differ by more at any counted step. Each of "
            "these three holds with the confidence of the report: 95 % unless another level was given, more at a "
            "single look of a plan of several. p: chance of so large a distance, at any of the counted steps, if "
            "both means were the same (<=: the smallest that so many resamplings can give). Difference seen within "
            "margin: real, but too small to count.",
            on_page=False,
            tracked=True,
        ),
    )

    title: Annotated[str, column("What")]
    width: Annotated[int, column("Width", integer)]
    members_augmented: Annotated[int, column("Members augmented", integer)]
    members_gcnn: Annotated[int | None, column("Members GCNN", integer)]
    coupled: Annotated[bool, column("Same starts", yes_no)]
    verdict: Annotated[str, column("Verdict")]
    largest_difference: Annotated[float | None, column("Largest difference", percent)]
    bound: Annotated[float | None, column("Upper bound", percent)]
    lower_bound: Annotated[float | None, column("Lower bound", percent)]
    point_bound: Annotated[float | None, column("No point beyond", percent)]
    worst_step: Annotated[int | None, column("Worst step", integer)]
    margin: Annotated[float, column("Margin", setting)]
    p_value: Annotated[float, column("p, same mean", p_value)]
    finite_width_difference: Annotated[bool, column("Difference seen within margin", yes_no)]
    power_one_floor: Annotated[float, column("Would see a difference of the size of the noise", percent)]
    members_if_near: Annotated[int | None, column("Members to decide if near", integer)]
    members_if_far: Annotated[int | None, column("if far", integer)]
    controls: Annotated[str, column("Controls different")]

    @classmethod
    def of(cls, pair: PairAnalysis) -> "VerdictRow":
        """The row of one pair."""
        verdict, test = pair.verdict, pair.test
        near, far = verdict.members_to_decide or (None, None)
        return cls(
            title=pair.title,
            width=pair.width,
            members_augmented=test.members_a,
            members_gcnn=test.members_b,
            coupled=pair.coupled,
            verdict=str(verdict.outcome),
            largest_difference=verdict.size,
            bound=worst_bound(pair),
            lower_bound=verdict.between[0],
            point_bound=verdict.point,
            worst_step=verdict.worst_step,
            margin=verdict.margin_fraction,
            p_value=test.p_value,
            finite_width_difference=verdict.finite_width_difference,
            power_one_floor=test.power_one_floor,
            members_if_near=near,
            members_if_far=far,
            controls=controls_in_words(pair),
        )

    @classmethod
    def labelled(cls, analysis: Analysis) -> Iterator[tuple[Mapping[str, Cell], Finding]]:
        """One row per matched pair."""
        yield from (({"pair": pair.name}, cls.of(pair)) for pair in analysis.pairs)


@dataclass(frozen=True)
class ControlRow(Registered):
    """What was changed in a control, and whether the difference was seen as it must be."""

    LABELS = (PAIR,)
    SHEETS = (
        Sheet(
            "controls",
            "Controls",
            "A control differs on purpose in one thing and must come out different.",
            on_page=False,
            tracked=True,
        ),
    )

    control: Annotated[str, column("Control")]
    changed: Annotated[str, column("What was changed")]
    verdict: Annotated[str, column("Verdict")]
    as_expected: Annotated[bool, column("As expected", yes_no)]
    largest_difference: Annotated[float | None, column("Largest difference", percent)]
    p_value: Annotated[float, column("p, same mean", p_value)]
    members_a: Annotated[int, column("Members A", integer)]
    members_b: Annotated[int | None, column("Members B", integer)]
    run_a: Annotated[str, column("Run A")]
    run_b: Annotated[str, column("Run B")]

    @classmethod
    def of(cls, control: ControlAnalysis) -> "ControlRow":
        """The row of one control."""
        return cls(
            control=control.control,
            changed=control.changed,
            verdict=str(control.verdict.outcome),
            as_expected=control.as_expected,
            largest_difference=control.verdict.size,
            p_value=control.comparison.p_value,
            members_a=control.comparison.members_a,
            members_b=control.comparison.members_b,
            run_a=control.run_a,
            run_b=control.run_b,
        )

    @classmethod
    def labelled(cls, analysis: Analysis) -> Iterator[tuple[Mapping[str, Cell], Finding]]:
        """One row per control of every pair."""
        for pair in analysis.pairs:
            yield from (({"pair": pair.name}, cls.of(control)) for control in pair.controls)


def controls_in_words(pair: PairAnalysis) -> str:
    """How many controls of a pair came out different: '2 of 2', or 'none given'."""
    if not pair.controls:
        return "none given"
    return f"{sum(control.as_expected for control in pair.controls)} of {len(pair.controls)}"


def worst_bound(pair: PairAnalysis) -> float | None:
    """The upper bound of the distance at the worst step, in units of the RMS of the mean prediction."""
    step = pair.verdict.worst_step
    if step is None or step not in pair.test.steps:
        return None
    at = pair.test.steps.index(step)
    bound, reference = pair.test.upper_bound[at], pair.test.reference_rms[at]
    return bound / reference if reference > 0 and isfinite(bound) else None
