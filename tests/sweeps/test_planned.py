"""The plan of a sweep: made from its runs, kept in its folder, and held against the runs that come later."""

from dataclasses import replace

import pytest

from eqntk_cli.errors import ConfigError
from eqntk_cli.files.atomic import names_in
from eqntk_cli.runs.plan import PLAN_FILE, read_plan, write_plan
from eqntk_cli.sweeps.begin import checked, new_manifest, new_sweep_folder, remove_if_unused
from eqntk_cli.sweeps.looks import PlannedRuns
from eqntk_cli.sweeps.planned import doubling, keep_plan, plan_of, sorted_words
from tests.report.simulated import World, write_ensemble

WORDS = ("experiment=digits_quick", "model.width=8", "dataset.n_train=6", "dataset.n_test=6", "dataset.n_ood=2")


@pytest.fixture(scope="module")
def study():
    manifest = new_manifest([*WORDS, "model.members=40", "training.steps=20"])
    return manifest, checked(manifest)


def test_looks_double_from_eight_units_on(study):
    assert doubling(8, 64) == (8, 16, 32, 64)
    assert doubling(8, 40) == (8, 16, 32, 40)
    assert doubling(8, 6) == (6,)
    assert plan_of(*study, {}, looks=True).looks == (16, 32, 40)  # antithetic: a unit is a pair
    assert plan_of(*study, {}, looks=False).looks == (40,)


def test_the_plan_knows_runs_controls_and_seeds(study):
    plan = plan_of(*study, {}, looks=True)
    assert list(plan.runs) == ["0_gcnn", "1_augmented", "2_ntk"]
    assert list(plan.controls) == ["3_no_augmentation", "4_other_group"]
    assert (plan.experiment, plan.members, plan.seeds) == ("digits_quick", 40, (0,))
    assert "model=gcnn_ensemble" in plan.runs["0_gcnn"].settings


def test_what_the_command_line_fixes_stands_in_the_plan(study):
    own, words = sorted_words(["margin=0.05", "seed=1", "steps=[1,20]", "looks=[12,24]", "level=0.01"])
    assert words == ["seed=1"]
    plan = plan_of(*study, own, looks=True)
    assert (plan.margin, plan.level, plan.steps, plan.looks) == (0.05, 0.01, (1, 20), (12, 24))


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("margin=0", "margin=0.0 is not possible"),
        ("margin=wide", "expected a number"),
        ("looks=[8,8]", "expected increasing"),
        ("looks=[8,80]", "expected at most members=40"),
        ("looks=[9,40]", "look at 9 members, run 0_gcnn: "),
        ("looks=[2,40]", "look at 2 members, run 0_gcnn: "),
        ("looks=8.5", "expected whole numbers"),
        ("steps=[1,999]", "step 999 is not recorded"),
    ],
)
def test_what_cannot_be_followed_is_refused(study, word, says):
    with pytest.raises(ConfigError, match=says.replace("[", r"\[")):
        plan_of(*study, sorted_words([word])[0], looks=True)


def test_runs_of_one_kind_need_no_plan(study):
    manifest, runs = study
    assert plan_of(manifest, runs[2:3], {}, looks=True) is None


def test_a_sweep_keeps_the_plan_that_was_made_before_it(study, tmp_path):
    manifest, runs = study
    before = plan_of(*study, {"margin": "0.05"}, looks=True)
    folder = tmp_path / "mine"
    folder.mkdir()
    write_plan(folder, before)
    (folder / ".sweep.json.7.tmp").touch()  # of a process that was killed
    made, _ = new_sweep_folder(manifest, folder, plan_of(*study, {}, looks=False))
    assert (made, read_plan(made)) == (folder, before)
    remove_if_unused(folder, keep_plan=True)
    assert names_in(folder) == {PLAN_FILE}


def test_the_plan_of_another_experiment_is_refused(study, tmp_path):
    plan = plan_of(*study, {}, looks=False)
    write_plan(tmp_path, replace(plan, experiment="other"))
    with pytest.raises(ConfigError, match="the plan of experiment=other, not of digits_quick"):
        keep_plan(tmp_path, plan)
    changed = replace(plan, runs={**plan.runs, "0_gcnn": replace(plan.runs["0_gcnn"], sha256="f" * 64)})
    write_plan(tmp_path, changed)
    with pytest.raises(ConfigError, match="other runs or settings .0_gcnn."):
        keep_plan(tmp_path, plan)


@pytest.mark.parametrize(
    ("members", "state", "words"), [(40, "preempted", 40), (16, "preempted", 16), (40, "done", None)]
)
def test_a_look_goes_on_with_what_a_stopped_sweep_began_for_more_members(study, tmp_path, members, state, words):
    manifest, runs = study
    configs = {job.folder: config for job, config in runs}
    planned = PlannedRuns(tmp_path, plan_of(*study, {}, looks=True), manifest, configs)
    done = members if state == "done" else 0
    write_ensemble(tmp_path / "0_gcnn", World(steps=(0, 1)), "gcnn_ensemble", members, done=done, state=state)
    jobs = {job.folder: job.overrides for job in planned.prepare(16, configs)}
    assert "model.members=16" in jobs["1_augmented"]
    assert [word for word in jobs.get("0_gcnn", ()) if "members" in word] == [f"model.members={words}"] * (
        words is not None
    )


def test_more_members_than_planned_are_refused_before_anything_is_made(study, tmp_path):
    manifest, _ = study
    plan = plan_of(*study, {}, looks=False)
    write_plan(tmp_path, replace(plan, members=20, looks=(20,)))
    with pytest.raises(ConfigError, match="model.members=40 is not possible; .* at most 20"):
        new_sweep_folder(manifest, tmp_path, plan)
    assert [path.name for path in tmp_path.iterdir()] == [PLAN_FILE]
