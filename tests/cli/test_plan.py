import pytest

from eqntk_cli.files.atomic import names_in
from eqntk_cli.runs.plan import read_plan


def test_a_plan_is_made_before_anything_is_trained(eqntk, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / ".plan.yaml.7.tmp").touch()  # of a process that was killed
    answer = eqntk("plan", "experiment=digits_quick", "margin=0.05", "model.members=40", "--out", "mine")
    assert (answer.status, answer.err) == (0, "")
    assert "3 runs and 2 controls; margin 5 % of the RMS prediction" in answer.out
    assert "looks at 16, 32, 40 members" in answer.out
    assert names_in(tmp_path / "mine") == {"plan.yaml"}
    assert read_plan(tmp_path / "mine").margin == 0.05


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["margin=0.05"], "expected experiment=NAME"),
        (["experiment=learning_curve", "dataset.n_train=16", "dataset.split_seed=0"], "nothing to plan"),
        (["experiment=digits_quick", "runs=gcnn,augmented"], "no run with role=control"),
        (["experiment=digits_quick", "margin=0"], "margin=0.0 is not possible"),
        (["experiment=digits_quick", "looks=[32,16]"], "expected increasing"),
        (["experiment=digits_quick", "looks=[32,128]"], "at most members=64"),
        (["experiment=digits_quik"], "nearest is digits_quick"),
    ],
)
def test_a_bad_plan_is_one_line_and_leaves_nothing(eqntk, tmp_path, words, says):
    answer = eqntk("plan", *words, "--out", "mine")
    assert answer.status == 2
    assert says in answer.err
    assert answer.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_plan_is_never_written_over(eqntk, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "plan.yaml").write_text("x")
    answer = eqntk("plan", "experiment=digits_quick", "--out", "mine")
    assert answer.status == 2
    assert "not empty" in answer.err
