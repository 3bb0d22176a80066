from dataclasses import replace

import pytest
from invented import analysis

from eqntk_cli.report.findings.comparison import Settings
from eqntk_cli.report.model import Outcome
from eqntk_cli.report.statistics.maximum import PValue
from eqntk_cli.report.verdict import controls_hold, first_line, judge, overall

PAIR = analysis().pairs[0]
STEPS = (0, 1, 10)


def comparison(bounds=(9.0, 0.02, 0.02), p_value=0.4, unbiased=(1.0, 0.0001, 0.0004), low=(0.0, 0.0, 0.0), needed=None):
    """A comparison with margin 0.1 and reference 1 at every step; step 0 is far off and must not count."""
    return replace(
        PAIR.test,
        steps=STEPS,
        members_a=30,
        members_b=20,
        upper_bound=bounds,
        margin=(0.1,) * 3,
        reference_rms=(1.0,) * 3,
        equivalent=tuple(bound < 0.1 for bound in bounds),
        unbiased_squared=unbiased,
        unbiased_squared_low=low,
        p_value=p_value,
        members_to_decide=needed or (None, 50, 70),
    )


@pytest.mark.parametrize(
    ("bounds", "p_value", "outcome"),
    [
        ((9.0, 0.02, 0.02), 0.4, Outcome.EQUIVALENT),
        ((9.0, 0.02, 0.02), 0.001, Outcome.EQUIVALENT),  # real but inside the margin everywhere
        ((9.0, 0.02, 0.11), 0.001, Outcome.DIFFERENT),
        ((9.0, 0.02, 0.11), 0.05, Outcome.DIFFERENT),
        ((9.0, 0.02, 0.11), 0.051, Outcome.UNDECIDED),
    ],
)
def test_verdicts_follow_the_contract(bounds, p_value, outcome):
    verdict = judge(comparison(bounds, p_value), Settings())
    assert verdict.outcome is outcome
    assert verdict.finite_width_difference == (outcome is Outcome.EQUIVALENT and p_value <= 0.05)
    assert verdict.sentence.startswith(str(outcome).capitalize())


def test_the_sentence_of_a_finite_width_difference_has_its_size():
    verdict = judge(comparison(p_value=0.001), Settings())
    assert verdict.size == pytest.approx(0.02)  # the root of 0.0004 at step 10; the start does not count
    assert "finite-width difference is detected" in verdict.sentence
    assert "2 % of the RMS prediction" in verdict.sentence


def test_a_p_value_at_the_floor_of_the_resampling_is_a_bound():
    at_floor = replace(comparison((9.0, 0.02, 0.11)), p_value=PValue(0.001, 0.001))
    assert "(p <= 0.0010 over all steps)" in judge(at_floor, Settings()).sentence
    above = replace(at_floor, p_value=PValue(0.002, 0.001))
    assert "(p = 0.0020 over all steps)" in judge(above, Settings()).sentence


def test_undecided_says_how_many_members_would_decide():
    inside = judge(comparison((9.0, 0.02, 0.2), 0.4), Settings())
    assert inside.members_to_decide == 70  # equivalence needs every step
    assert "Undecided with 20 members" in inside.sentence
    assert "about 70 members" in inside.sentence
    assert inside.worst_step == 10
    outside = comparison((9.0, 0.3, 0.3), 0.06, (0.0, 0.04, 0.05), (0.0, 0.001, 0.001), (None, 40, 90))
    assert judge(outside, Settings()).members_to_decide == 40  # one step beyond the margin suffices
    hopeless = judge(comparison((9.0, 0.2, 0.2), 0.4, needed=(None, 50, None)), Settings())
    assert hopeless.members_to_decide is None
    assert "more than 10,000,000 members" in hopeless.sentence


def test_all_pairs_must_agree_to_be_equivalent():
    pairs = {
        outcome: replace(PAIR, verdict=replace(PAIR.verdict, outcome=outcome))
        for outcome in (Outcome.EQUIVALENT, Outcome.UNDECIDED, Outcome.DIFFERENT)
    }
    equivalent, undecided, different = pairs.values()
    assert overall([equivalent, equivalent]) is Outcome.EQUIVALENT
    assert overall([equivalent, undecided]) is Outcome.UNDECIDED
    assert overall([equivalent, undecided, different]) is Outcome.DIFFERENT


def test_the_first_line_warns_of_missing_and_passing_controls():
    assert controls_hold([PAIR])
    assert "Every control came out different" in first_line([PAIR], Outcome.EQUIVALENT, 0.1)
    bare = replace(PAIR, controls=())
    assert not controls_hold([bare])
    assert first_line([bare], Outcome.EQUIVALENT, 0.1).startswith("WARNING: no pair has a control")
    assert f"no control for {PAIR.name}" in first_line([bare, PAIR], Outcome.EQUIVALENT, 0.1)
    control = PAIR.controls[0]
    blind = replace(control, as_expected=False, verdict=replace(control.verdict, outcome=Outcome.EQUIVALENT))
    passing = replace(PAIR, controls=(blind,))
    assert not controls_hold([passing])
    line = first_line([passing], Outcome.EQUIVALENT, 0.1)
    assert line.startswith("WARNING: a control that must come out different did not")
    assert f"{control.control} of {PAIR.name} is equivalent" in line
