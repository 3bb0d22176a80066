"""From numbers to an answer: equivalent, different or undecided, each of the first two a proof at the level.

Over the counted steps: equivalent if the upper bound of the distance is below the margin at every one of them (an
intersection of claims needs no correction); different if the lower bound, which holds at all of them together, is
above the margin at some step; undecided otherwise. So every true distance but the margin itself is decided by enough
members. Whether any difference was detected at all (test of equal means) is said beside it, with its size: it may lie
inside the margin, and proves nothing beyond it.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

from eqntk_cli.report.findings.comparison import MeanComparison, Settings
from eqntk_cli.report.model import ControlAnalysis, Outcome, PairAnalysis, Verdict
from eqntk_cli.report.paper.table import p_equation
from eqntk_cli.report.statistics.power import MOST


def judge(comparison: MeanComparison, settings: Settings) -> Verdict:
    """The verdict on one comparison.

    A difference is shown only if the test of equal means rejects as well, which takes `fewest_units` units: lower
    bounds from fewer would rest on the normal law of the units alone.
    """
    counted = [index for index, step in enumerate(comparison.steps) if settings.counts(step)]
    equivalent = all(comparison.equivalent[index] for index in counted)
    detected = comparison.p_value <= settings.level + 1e-12
    worst = max(counted, key=lambda index: _share(comparison.upper_bound[index], comparison.margin[index]))
    sizes = [sqrt(max(squared, 0.0)) for squared in comparison.unbiased_squared]
    not_equivalent = Outcome.DIFFERENT if detected and _beyond(comparison, counted) else Outcome.UNDECIDED
    outcome = Outcome.EQUIVALENT if equivalent else not_equivalent
    verdict = Verdict(
        outcome=outcome,
        sentence="",
        detected=detected,
        finite_width_difference=equivalent and detected,
        size=_largest(comparison, sizes, counted) if detected else None,
        between=(
            _largest(comparison, comparison.lower_bound, counted),
            _largest(comparison, comparison.upper_bound, counted),
        ),
        worst_step=comparison.steps[worst],
        point=_largest(comparison, comparison.point_bound, counted),
        members_to_decide=_deciding(comparison, counted) if outcome is Outcome.UNDECIDED else None,
        level=settings.level,
        margin_fraction=settings.margin,
    )
    return replace(verdict, sentence=_sentence(verdict, comparison, worst))


def overall(pairs: Sequence[PairAnalysis]) -> Outcome:
    """Equivalent only if all pairs are, different if any is, else undecided."""
    outcomes = {pair.verdict.outcome for pair in pairs}
    if Outcome.DIFFERENT in outcomes:
        return Outcome.DIFFERENT
    return Outcome.EQUIVALENT if outcomes == {Outcome.EQUIVALENT} else Outcome.UNDECIDED


def controls_hold(pairs: Sequence[PairAnalysis]) -> bool:
    """Whether every pair has a control, and every control came out different."""
    return all(pair.controls and all(control.as_expected for control in pair.controls) for pair in pairs)


def first_line(pairs: Sequence[PairAnalysis], outcome: Outcome, settings: Settings) -> str:
    """The line that stands above everything: a warning about the controls, or the result."""
    steps = "every recorded step after the start" if settings.steps is None else f"{len(settings.steps)} counted steps"
    result = f"{_counted(pairs)} (margin {100 * settings.margin:.3g} % of the RMS prediction, {steps})"
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


def _deciding(comparison: MeanComparison, counted: Sequence[int]) -> tuple[int | None, int | None] | None:
    """Members with which the verdict comes, if the true distances are at the lower or at the upper end.

    At the lower end all are inside the margin, and "equivalent" needs every step; at the upper end one step beyond the
    margin suffices for "different". Where a step is beyond it at the lower end already, that holds of both ends; then
    only the test of equal means is missing, and no number is known unless the units are too few for it.
    """
    beyond = _beyond(comparison, counted)
    if beyond and comparison.units >= comparison.fewest_units:
        return None
    near = [comparison.members_if_near[index] for index in beyond or counted]
    outside = [index for index in counted if comparison.upper_bound[index] >= comparison.margin[index]]
    far = [members for index in outside if (members := comparison.members_if_far[index]) is not None]
    inside = [members for members in near if members is not None]
    if beyond:
        return min(inside, default=None), min(far, default=None)
    return max(inside) if len(inside) == len(near) else None, min(far, default=None)


def _beyond(comparison: MeanComparison, counted: Sequence[int]) -> list[int]:
    """The counted steps at which the lower bound is above the margin."""
    return [index for index in counted if comparison.lower_bound[index] > comparison.margin[index]]


def _sentence(verdict: Verdict, comparison: MeanComparison, worst: int) -> str:
    margin = f"the margin of {100 * verdict.margin_fraction:.3g} %"
    bound = _percent(_share(comparison.upper_bound[worst], comparison.reference_rms[worst]))
    step = f"step {verdict.worst_step}"
    seen = f"a difference is detected ({p_equation(comparison.p_value)} over all counted steps), {_between(verdict)}"
    if verdict.outcome is Outcome.EQUIVALENT:
        inside = f"; {seen}, a finite-width difference inside the margin" if verdict.detected else ""
        return (
            f"Equivalent: the difference of the means is below {margin} at every counted step, and below {bound} of "
            f"the RMS prediction at {step}, the least certain one{inside}."
        )
    if verdict.outcome is Outcome.DIFFERENT:
        return (
            f"Different: the means differ by more than {margin} of the RMS prediction at some counted step, at the "
            f"largest {_between(verdict)} ({p_equation(comparison.p_value)} for equal means)."
        )
    have = comparison.members_a if comparison.members_b is None else min(comparison.members_a, comparison.members_b)
    open_ = f"it could be up to {bound} of the RMS prediction at {step}, and is not shown to exceed {margin}"
    if not verdict.detected:
        seen = f"no difference is seen ({p_equation(comparison.p_value)})"
    if comparison.units < comparison.fewest_units:
        seen = (
            f"{comparison.units} independent units are too few for any test of equal means at level "
            f"{100 * verdict.level:.3g} %, which takes {comparison.fewest_units}"
        )
    return f"Undecided with {have} members: {seen}; {open_}. {_members_in_words(verdict)}"


def _members_in_words(verdict: Verdict) -> str:
    near, far = (_about(members) for members in verdict.members_to_decide or (None, None))
    low, high = verdict.between
    if verdict.members_to_decide is None or low > verdict.margin_fraction:
        reached = "the test of equal means rejects" if verdict.members_to_decide is None else f"{near} allow a test"
        ends = f"{_percent(low)} to {_percent(high)}"
        return f"The whole interval ({ends}) is beyond the margin: different, once {reached}."
    return (
        f"If the true distance is at the lower end of its interval ({_percent(low)}), {near} would decide "
        f"(equivalent), if at the upper end ({_percent(high)}), {far} (different); at the margin itself, "
        "which lies between, no number decides."
    )


def _about(members: int | None) -> str:
    return f"about {members:,} members per ensemble" if members is not None else f"more than {MOST:,} members"


def _between(verdict: Verdict) -> str:
    low, high = verdict.between
    return f"between {_percent(low)} and {_percent(high)} of the RMS prediction"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 1 else f"{100 * share:.0f} %"


def _largest(comparison: MeanComparison, values: Sequence[float], counted: Sequence[int]) -> float:
    """The largest over the counted steps, in units of the reference RMS at each."""
    return max(_share(values[index], comparison.reference_rms[index]) for index in counted)


def _share(value: float, of: float) -> float:
    if of > 0:
        return value / of
    return float("inf") if value > 0 else 0.0
