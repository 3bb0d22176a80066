from dataclasses import replace
from math import nan

import pytest
from invented import analysis

from eqntk_cli.report.findings.comparison import Settings
from eqntk_cli.report.model import Outcome
from eqntk_cli.report.statistics.maximum import PValue
from eqntk_cli.report.verdict import controls_hold, first_line, judge, overall

PAIR = analysis().pairs[0]
STEPS = (0, 1, 10)
INSIDE = (9.0, 0.02, 0.02)
OPEN = (9.0, 0.02, 0.12)
NOWHERE = (nan, 0.0, 0.0)


def comparison(bounds=INSIDE, p_value=0.4, lower=NOWHERE, units=20, near=(None, 50, 70), far=(None, 60, 90)):
    """A comparison with margin 0.1 and reference 1 at every step; step 0 is far off and must not count."""
    return replace(
        PAIR.test,
        steps=STEPS,
        members_a=30,
        members_b=20,
        units=units,
        upper_bound=bounds,
        lower_bound=lower,
        point_bound=(9.0, 0.2, 0.3),
        margin=(0.1,) * 3,
        reference_rms=(1.0,) * 3,
        equivalent=tuple(bound < 0.1 for bound in bounds),
        unbiased_squared=(1.0, 0.0001, 0.0004),
        p_value=p_value,
        members_if_near=near,
        members_if_far=far,
    )


@pytest.mark.parametrize(
    ("bounds", "p_value", "lower", "outcome"),
    [
        (INSIDE, 0.4, NOWHERE, Outcome.EQUIVALENT),
        (INSIDE, 0.001, (nan, 0.01, 0.01), Outcome.EQUIVALENT),  # real but inside the margin everywhere
        (OPEN, 0.001, (nan, 0.01, 0.11), Outcome.DIFFERENT),
        (OPEN, 0.05, (nan, 0.01, 0.11), Outcome.DIFFERENT),
        (OPEN, 0.051, (nan, 0.01, 0.11), Outcome.UNDECIDED),  # the lower bound alone would rest on normal units
        (OPEN, 0.001, (nan, 0.01, 0.09), Outcome.UNDECIDED),  # a difference is detected, but not beyond the margin
        (OPEN, 0.4, NOWHERE, Outcome.UNDECIDED),
    ],
)
def test_verdicts_follow_the_contract(bounds, p_value, lower, outcome):
    verdict = judge(comparison(bounds, p_value, lower), Settings())
    assert verdict.outcome is outcome
    assert verdict.detected == (p_value <= 0.05)
    assert verdict.finite_width_difference == (outcome is Outcome.EQUIVALENT and p_value <= 0.05)
    assert verdict.sentence.startswith(str(outcome).capitalize())


def test_only_the_steps_of_the_plan_count():
    beyond = comparison(OPEN, 0.001, (nan, 0.01, 0.11))
    assert judge(beyond, Settings(steps=(1,))).outcome is Outcome.EQUIVALENT
    assert judge(beyond, Settings(steps=(10,))).outcome is Outcome.DIFFERENT


def test_the_sentence_of_a_finite_width_difference_has_its_size():
    verdict = judge(comparison(p_value=0.001, lower=(nan, 0.0, 0.013)), Settings())
    assert verdict.size == pytest.approx(0.02)  # the root of 0.0004 at step 10; the start does not count
    assert verdict.between == pytest.approx((0.013, 0.02))
    assert "a difference is detected" in verdict.sentence
    assert "between 1.3 % and 2 % of the RMS prediction" in verdict.sentence
    assert "finite-width difference" in verdict.sentence


def test_no_size_is_given_of_a_difference_that_was_not_detected():
    verdict = judge(comparison(OPEN), Settings())
    assert verdict.size is None
    assert "no difference is seen" in verdict.sentence


def test_a_detected_difference_that_is_not_beyond_the_margin_is_said_with_its_interval():
    sentence = judge(comparison(OPEN, 0.001, (nan, 0.0, 0.04)), Settings()).sentence
    assert sentence.startswith(
        "Undecided with 20 members: a difference is detected (p = 0.0010 over all counted steps)"
    )
    assert "between 4 % and 12 % of the RMS prediction" in sentence


def test_too_few_units_are_said_to_be_too_few():
    verdict = judge(comparison(OPEN, 0.0625, (nan, 0.0, 0.5), units=5), Settings())
    assert verdict.outcome is Outcome.UNDECIDED
    assert "5 independent units are too few for any test of equal means at level 5 %, which takes 6" in verdict.sentence
    assert "no difference is seen" not in verdict.sentence


def test_an_interval_beyond_the_margin_awaits_the_test_alone():
    """No true distance of it is inside the margin, so nothing is said of "equivalent" nor of the margin between."""
    beyond = {"bounds": (9.0, 0.02, 0.8), "p_value": 0.0625, "lower": (nan, 0.0, 0.5), "near": (None, 90, 12)}
    few = judge(comparison(**beyond, units=5, far=(None, None, 12)), Settings())
    assert few.members_to_decide == (12, 12)  # one step beyond the margin suffices
    assert few.sentence.endswith(
        "The whole interval (50 % to 80 %) is beyond the margin: different, once about 12 members per ensemble allow a "
        "test."
    )
    enough = judge(comparison(**beyond, units=6), Settings())
    assert (enough.outcome, enough.members_to_decide) == (Outcome.UNDECIDED, None)
    assert enough.sentence.endswith("different, once the test of equal means rejects.")


def test_a_p_value_at_the_floor_of_the_resampling_is_a_bound():
    at_floor = replace(comparison(OPEN, lower=(nan, 0.0, 0.11)), p_value=PValue(0.001, 0.001))
    assert "(p <= 0.0010 for equal means)" in judge(at_floor, Settings()).sentence
    above = replace(at_floor, p_value=PValue(0.002, 0.001))
    assert "(p = 0.0020 for equal means)" in judge(above, Settings()).sentence


def test_undecided_says_how_many_members_would_decide_at_both_ends_of_the_interval():
    verdict = judge(comparison((9.0, 0.02, 0.2)), Settings())
    assert verdict.members_to_decide == (70, 90)  # equivalence needs every step; step 10 alone may be beyond the margin
    assert "Undecided with 20 members" in verdict.sentence
    assert "at the lower end of its interval (0 %), about 70 members per ensemble would decide" in verdict.sentence
    assert "at the upper end (20 %), about 90 members per ensemble (different)" in verdict.sentence
    assert "no number decides" in verdict.sentence
    assert verdict.worst_step == 10
    both = comparison((9.0, 0.3, 0.3), far=(None, 40, 90))
    assert judge(both, Settings()).members_to_decide == (70, 40)  # one step beyond the margin suffices
    hopeless = judge(comparison((9.0, 0.2, 0.2), near=(None, 50, None)), Settings())
    assert hopeless.members_to_decide == (None, 60)
    assert "more than 10,000,000 members would decide (equivalent)" in hopeless.sentence


def test_the_worst_single_point_is_that_of_the_counted_steps():
    assert judge(comparison(), Settings()).point == pytest.approx(0.3)


def test_all_pairs_must_agree_to_be_equivalent():
    pairs = {
        outcome: replace(PAIR, verdict=replace(PAIR.verdict, outcome=outcome))
        for outcome in (Outcome.EQUIVALENT, Outcome.UNDECIDED, Outcome.DIFFERENT)
    }
    equivalent, undecided, different = pairs.values()
    assert overall([equivalent, equivalent]) is Outcome.EQUIVALENT
    assert overall([equivalent, undecided]) is Outcome.UNDECIDED
    assert overall([equivalent, undecided, different]) is Outcome.DIFFERENT


@pytest.mark.parametrize("outcome", [Outcome.EQUIVALENT, Outcome.UNDECIDED])
def test_the_first_line_warns_of_missing_controls_and_of_those_that_are_not_different(outcome):
    assert controls_hold([PAIR])
    assert "Every control came out different" in first_line([PAIR], Outcome.EQUIVALENT, Settings())
    bare = replace(PAIR, controls=())
    assert not controls_hold([bare])
    assert first_line([bare], Outcome.EQUIVALENT, Settings()).startswith("WARNING: no pair has a control")
    assert f"no control for {PAIR.name}" in first_line([bare, PAIR], Outcome.EQUIVALENT, Settings())
    control = PAIR.controls[0]
    blind = replace(control, as_expected=False, verdict=replace(control.verdict, outcome=outcome))
    passing = replace(PAIR, controls=(blind,))
    assert not controls_hold([passing])
    line = first_line([passing], Outcome.EQUIVALENT, Settings())
    assert line.startswith("WARNING: a control that must come out different did not")
    assert f"{control.control} of {PAIR.name} is {outcome}" in line
