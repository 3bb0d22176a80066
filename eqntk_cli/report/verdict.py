"""From numbers to an answer: equivalent, different or undecided, in a sentence that states its conditions.

Over the recorded steps t > 0: equivalent if the equivalence test passes at every one of them (an intersection of
claims needs no correction); different if the test of equal means over all steps rejects and the equivalence test
fails somewhere; undecided otherwise, with the number of members that would decide. A difference that is seen but
lies inside the margin everywhere is reported as such, with its size.
"""

from collections.abc import Sequence
from math import sqrt

from eqntk_cli.report.findings.comparison import MeanComparison, Settings
from eqntk_cli.report.model import ControlAnalysis, Outcome, PairAnalysis, Verdict
from eqntk_cli.report.paper.table import p_equation
from eqntk_cli.report.statistics.power import MOST


def judge(comparison: MeanComparison, settings: Settings) -> Verdict:
    """The verdict on one comparison."""
    counted = [index for index, step in enumerate(comparison.steps) if step > 0]
    equivalent = all(comparison.equivalent[index] for index in counted)
    rejected = comparison.p_value <= settings.level + 1e-12
    worst = max(counted, key=lambda index: _share(comparison.upper_bound[index], comparison.margin[index]))
    sizes = [
        _share(sqrt(max(comparison.unbiased_squared[index], 0.0)), comparison.reference_rms[index]) for index in counted
    ]
    members = None
    if equivalent:
        outcome = Outcome.EQUIVALENT
    elif rejected:
        outcome = Outcome.DIFFERENT
    else:
        outcome, members = Outcome.UNDECIDED, _deciding(comparison, counted)
    return Verdict(
        outcome=outcome,
        sentence=_sentence(outcome, comparison, settings, worst, max(sizes), rejected, members),
        finite_width_difference=equivalent and rejected,
        size=max(sizes),
        worst_step=comparison.steps[worst],
        members_to_decide=members,
        level=settings.level,
        margin_fraction=settings.margin,
    )


def overall(pairs: Sequence[PairAnalysis]) -> Outcome:
    """Equivalent only if all pairs are, different if any is, else undecided."""
    outcomes = {pair.verdict.outcome for pair in pairs}
    if Outcome.DIFFERENT in outcomes:
        return Outcome.DIFFERENT
    return Outcome.EQUIVALENT if outcomes == {Outcome.EQUIVALENT} else Outcome.UNDECIDED


def controls_hold(pairs: Sequence[PairAnalysis]) -> bool:
    """Whether every pair has a control, and every control came out different."""
    return all(pair.controls and all(control.as_expected for control in pair.controls) for pair in pairs)


def first_line(pairs: Sequence[PairAnalysis], outcome: Outcome, margin: float) -> str:
    """The line that stands above everything: a warning about the controls, or the result."""
    result = (
        f"{_counted(pairs)} (margin {100 * margin:.3g} % of the RMS prediction, every recorded step after the start)"
    )
    failing = [(pair, control) for pair in pairs for control in pair.controls if not control.as_expected]
    if failing:
        named = "; ".join(f"{control.control} of {pair.name} is {_word(control)}" for pair, control in failing[:3])
        return (
            f"WARNING: a control that must come out different did not ({named}), so this report cannot tell agreement "
            f"from blindness. Result: {result}."
        )
    without = [pair.name for pair in pairs if not pair.controls]
    if without:
        which = "no pair has a control" if len(without) == len(pairs) else f"no control for {', '.join(without[:3])}"
        return (
            f"WARNING: {which}: agreement means little beside nothing that must fail. Add runs with role=control "
            f"(control=no_augmentation, for instance). Result: {result}."
        )
    return f"{str(outcome).capitalize()}: {result}. Every control came out different, as it must."


def _counted(pairs: Sequence[PairAnalysis]) -> str:
    total = len(pairs)
    parts = [
        f"{sum(pair.verdict.outcome is outcome for pair in pairs)} of {total} {_plural('pair', total)} {outcome}"
        for outcome in Outcome
        if any(pair.verdict.outcome is outcome for pair in pairs)
    ]
    return ", ".join(parts)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else word + "s"


def _word(control: ControlAnalysis) -> str:
    return str(control.verdict.outcome)


def _deciding(comparison: MeanComparison, counted: Sequence[int]) -> int | None:
    """Members with which the verdict would come, if the distances are those that the estimates point to.

    One step beyond the margin at which the difference is found suffices for "different"; "equivalent" needs all steps.
    """
    beyond = [
        i
        for i in counted
        if comparison.unbiased_squared_low[i] > 0 and comparison.unbiased_squared[i] >= comparison.margin[i] ** 2
    ]
    needed = [comparison.members_to_decide[i] for i in beyond or counted]
    known = [members for members in needed if members is not None]
    if beyond:
        return min(known) if known else None
    return max(known) if len(known) == len(needed) else None


def _sentence(
    outcome: Outcome,
    comparison: MeanComparison,
    settings: Settings,
    worst: int,
    size: float,
    rejected: bool,
    members: int | None,
) -> str:
    percent = f"{100 * settings.margin:.3g} %"
    bound = 100 * _share(comparison.upper_bound[worst], comparison.reference_rms[worst])
    step = comparison.steps[worst]
    if outcome is Outcome.EQUIVALENT:
        seen = (
            f"; a finite-width difference is detected inside it (up to {100 * size:.2g} % of the RMS prediction, "
            f"{p_equation(comparison.p_value)})"
            if rejected
            else ""
        )
        return (
            f"Equivalent within the margin of {percent} at every step: the difference of the means is below "
            f"{bound:.2g} % of the RMS prediction at step {step}, the least certain one{seen}."
        )
    if outcome is Outcome.DIFFERENT:
        return (
            f"Different: the means differ ({p_equation(comparison.p_value)} over all steps) by up to {100 * size:.2g} "
            f"% of the RMS prediction, and equivalence within {percent} fails (bound {bound:.2g} % at step {step})."
        )
    have = comparison.members_a if comparison.members_b is None else min(comparison.members_a, comparison.members_b)
    more = f"about {members} members per ensemble" if members is not None else f"more than {MOST:,} members"
    return (
        f"Undecided with {have} members: no difference is seen ({p_equation(comparison.p_value)}), but it could be up "
        f"to {bound:.2g} % of the RMS prediction at step {step} where the margin is {percent}; {more} would decide."
    )


def _share(value: float, of: float) -> float:
    if of > 0:
        return value / of
    return float("inf") if value > 0 else 0.0
