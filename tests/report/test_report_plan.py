"""What a report says of when margin and steps were chosen, and the plans that it refuses."""

import json
import re
from dataclasses import replace

import pytest
from simulated import World, write_control, write_study

from eqntk_cli.errors import ConfigError, StorageError
from eqntk_cli.report.analysis import analyse
from eqntk_cli.report.findings.distance import Distances
from eqntk_cli.report.findings.verdicts import VerdictRow
from eqntk_cli.report.page.export import json_text
from eqntk_cli.report.page.html import html_page
from eqntk_cli.report.page.markdown import markdown_page
from eqntk_cli.runs.plan import Plan, PlannedRun, plan_digest, write_plan
from eqntk_cli.runs.record import read_record, write_record

WORLD = World(n_train=4, n_test=6, n_ood=2, steps=(0, 3, 30))
NAMES = ("gcnn-64", "augmented-64", "ntk")
PLAN = Plan(
    experiment="mine",
    fixed="2026-11-21T09:00:00+00:00",
    members=24,
    looks=(12, 24),
    seeds=(0,),
    runs={name: PlannedRun((), "") for name in NAMES},
    controls={"control-64": PlannedRun((), "")},
    margin=0.2,
    steps=(30,),
)


def planned(folder, plan=PLAN):
    """The study as if its runs had begun under the plan."""
    write_plan(folder, plan)
    for run in (*NAMES, "control-64"):
        write_record(folder / run, replace(read_record(folder / run), plan=plan_digest(folder)))
    return folder


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path, WORLD)


def test_a_report_follows_the_plan_and_says_when_it_was_fixed(study):
    report = analyse([str(planned(study))], resamples=99)
    assert (report.margin, report.level) == (0.2, 0.025)
    assert report.pairs[0].test.equivalent[1] is None  # step 3 does not count
    assert report.pairs[0].test.fewest_units == 7  # at the level of one of two looks
    said = f"fixed at 2026-11-21T09:00:00+00:00, before the first member was trained (plan {plan_digest(study)[:12]})"
    assert report.fixing.words.startswith(said)
    assert "level 5 % over 2 looks" in report.fixing.words
    for page in (html_page(report, [], []), markdown_page(report, [])):
        assert said.partition(" (")[0] in page
    assert "with other seeds or under another plan" in html_page(report, [], [])
    assert json.loads(json_text(report, []))["fixing"]["plan"] == plan_digest(study)


def test_bounds_are_not_said_to_be_of_95_percent_under_a_plan_of_several_looks(study):
    report = analyse([str(planned(study))], resamples=19)
    (pair,) = report.pairs
    tables = [table for kind in (Distances, VerdictRow) for table in kind.tables(report)]
    words = [table.note for table in tables] + [column.heading for table in tables for column in table.columns]
    figure = Distances.draw(pair)
    assert figure is not None
    words += [Distances.caption(pair), *(axes.get_ylabel() for axes in figure.axes)]
    assert "upper bound\n/ margin" in words
    assert not [one for one in words if re.search(r"95 % (bound|confidence)", one)]


def test_a_verdict_speaks_of_the_steps_that_count(study):
    (pair,) = analyse([str(planned(study, replace(PLAN, margin=5.0)))], resamples=19).pairs
    assert pair.verdict.sentence.startswith(
        "Equivalent: the difference of the means is below the margin of 500 % at every"
    )
    assert "at every counted step" in pair.verdict.sentence


def test_without_a_plan_everything_was_chosen_late(study):
    report = analyse([str(study)], resamples=19)
    assert report.fixing.words == "margin and steps chosen when the report was made"
    assert (report.margin, report.level) == (0.1, 0.05)


def test_a_margin_beside_a_plan_was_chosen_late(study):
    report = analyse([str(planned(study))], margin=0.3, resamples=19)
    assert report.fixing.words.startswith("margin and steps chosen when the report was made (--margin 30 %")
    assert (report.margin, report.fixing.plan) == (0.3, None)


def test_members_that_are_no_look_are_named(study):
    report = analyse([str(planned(study, replace(PLAN, looks=(8, 16), members=24)))], resamples=19)
    assert "24 members are no look of the plan" in report.fixing.words


@pytest.mark.parametrize(("looks", "members"), [((8, 16), (8, 8)), ((12, 24), (8, 24))])
def test_a_partner_that_went_on_alone_does_not_change_the_last_look(study, looks, members):
    """A control that was decided with its first members stays there; a number that is no look takes all there are."""
    write_control(study / "control-64", WORLD, 8, 64)
    (pair,) = analyse([str(planned(study, replace(PLAN, looks=looks)))], resamples=19).pairs
    (control,) = pair.controls
    assert (control.comparison.members_a, control.comparison.members_b) == members


def test_runs_of_which_only_some_are_planned_have_no_plan(study):
    planned(study)
    write_record(study / "ntk", replace(read_record(study / "ntk"), plan=None))
    words = analyse([str(study)], resamples=19).fixing.words
    assert words.startswith("margin and steps chosen when the report was made; only some of the runs are of a plan")


def test_the_plan_of_downloaded_runs_is_not_at_hand(study, monkeypatch):
    planned(study)
    (study / "plan.yaml").unlink()
    monkeypatch.setattr("eqntk_cli.report.plan.cache_folder", lambda: study)
    report = analyse([str(study)], resamples=19)
    assert "the plan of runs that were downloaded is not at hand" in report.fixing.words


@pytest.mark.parametrize("margin", [None, 0.3])
@pytest.mark.parametrize("gone", [False, True])
def test_an_edited_plan_is_refused(study, margin, gone):
    planned(study)
    if gone:
        (study / "plan.yaml").unlink()
    else:
        write_plan(study, replace(PLAN, margin=0.5))
    with pytest.raises(StorageError, match="is gone" if gone else "was edited"):
        analyse([str(study)], margin=margin)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"runs": {"gcnn-64": PlannedRun((), "")}}, "has no subject"),
        ({"controls": {}}, "has no control control-64"),
        ({"members": 16, "looks": (16,)}, "its plan allows 16"),
        ({"steps": (7,)}, "step 7 of its plan is not recorded"),
    ],
)
def test_runs_that_are_not_as_planned_are_refused(study, changes, says):
    with pytest.raises(ConfigError, match=says):
        analyse([str(planned(study, replace(PLAN, **changes)))], resamples=19)
