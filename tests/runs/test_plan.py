"""Plans on the disk: what they hold, which ones are refused, and what a run that begins beside one records."""

from dataclasses import replace

import pytest
from fake_runs import FakeEnsemble, config, load

from eqntk_cli.errors import ConfigError, StorageError
from eqntk_cli.runs.execute import execute
from eqntk_cli.runs.plan import (
    Plan,
    PlannedRun,
    plan_digest,
    read_plan,
    require_controls,
    settings_digest,
    write_plan,
)
from eqntk_cli.runs.record import read_record


def plan(**changes):
    run = PlannedRun(("model=gcnn_ensemble", "architecture.W_std=[1.3,1.1]", "label=a b: c"), settings_digest(config()))
    made = Plan(
        experiment="mine",
        fixed="2026-11-21T10:00:00+00:00",
        members=64,
        looks=(16, 32, 64),
        seeds=(5,),
        runs={"0_gcnn": run},
        controls={"1_none": run},
    )
    return replace(made, **changes)


@pytest.mark.parametrize("changes", [{}, {"steps": (1, 10)}, {"margin": 0.05, "controls": {}}])
def test_a_plan_is_read_as_it_was_written(tmp_path, changes):
    write_plan(tmp_path, plan(**changes))
    assert read_plan(tmp_path) == plan(**changes)


def test_flat_keys_stand_first_one_a_line(tmp_path):
    write_plan(tmp_path, plan())
    lines = (tmp_path / "plan.yaml").read_text().splitlines()[1:]
    keys = [line.partition(":")[0] for line in lines if not line.startswith(" ")]
    assert keys == [
        *("schema", "experiment", "fixed", "margin", "level", "steps", "statistics", "looks", "members", "seeds"),
        *("config_dir", "runs", "controls"),
    ]
    assert "looks: [16, 32, 64]" in lines
    assert "steps: all" in lines
    assert "margin: 0.1" in lines


def test_the_level_is_divided_among_the_looks():
    assert plan().level_of_a_look == pytest.approx(0.05 / 3)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("margin: 0.1", "margin: 0", "margin=0.0 is not possible"),
        ("margin: 0.1", "margin: .nan", "margin=nan is not possible"),
        ("margin: 0.1", "margin: a tenth", "damaged"),
        ("level: 0.05", "level: 1", "level=1.0 is not possible"),
        ("looks: [16, 32, 64]", "looks: [16, 64, 32]", "looks=[16, 64, 32] is not possible; expected increasing"),
        ("looks: [16, 32, 64]", "looks: [16, 16]", "expected increasing"),
        ("looks: [16, 32, 64]", "looks: []", "expected increasing"),
        ("looks: [16, 32, 64]", "looks: [16, 128]", "expected at most members=64"),
        ("steps: all", "steps: [0, 1]", "steps=[0, 1] is not possible"),
        ("steps: all", "steps: some", "damaged"),
        ("schema: 1", "schema: 7", "no plan of schema 1"),
        ("runs:", "walks:", "damaged"),
        ("margin", "[", "cannot be read"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused_in_one_line(tmp_path, old, new, says):
    write_plan(tmp_path, plan())
    path = tmp_path / "plan.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as refused:
        read_plan(tmp_path)
    assert says in str(refused.value)
    assert ("damaged" in str(refused.value)) == (says == "damaged")  # one reason, not wrapped in another
    assert "\n" not in str(refused.value)


def test_a_plan_without_a_control_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no run with role=control"):
        require_controls(plan(controls={}), "plan")
    with pytest.raises(ConfigError, match="holds no plan.yaml"):
        read_plan(tmp_path)


def test_a_run_records_the_plan_beside_it_before_its_first_step(tmp_path):
    write_plan(tmp_path, plan())
    seen = []

    class Looking(FakeEnsemble):
        def run_block(self, start, stop, on_progress):
            seen.append(read_record(tmp_path / "0_gcnn").plan)
            return super().run_block(start, stop, on_progress)

    execute(config(), tmp_path / "0_gcnn", load, Looking)
    assert seen[0] == plan_digest(tmp_path)
    assert execute(config(), tmp_path / "another", load, FakeEnsemble)
    assert read_record(tmp_path / "another").plan is None  # the plan does not know it


def test_a_run_with_other_settings_than_planned_is_refused(tmp_path):
    write_plan(tmp_path, plan())
    with pytest.raises(ConfigError, match="holds 0_gcnn with other settings"):
        execute(config(seed=6), tmp_path / "0_gcnn", load, FakeEnsemble)
    write_plan(tmp_path, plan(members=4, looks=(4,)))
    with pytest.raises(ConfigError, match=r"model.members=7 .* at most 4"):
        execute(config(), tmp_path / "0_gcnn", load, FakeEnsemble)
    assert not (tmp_path / "0_gcnn").exists()


@pytest.mark.parametrize("gone", [False, True])
def test_a_run_does_not_go_on_under_an_edited_plan(tmp_path, gone):
    write_plan(tmp_path, plan())
    execute(config(), tmp_path / "0_gcnn", load, FakeEnsemble)
    if gone:
        (tmp_path / "plan.yaml").unlink()
    else:
        write_plan(tmp_path, plan(margin=0.5))
    with pytest.raises(StorageError, match="is gone" if gone else "was edited"):
        execute(config(), tmp_path / "0_gcnn", load, FakeEnsemble)
