import pytest

from eqntk_cli.errors import ConfigError
from eqntk_cli.sweeps.expand import expand, parse

EXPERIMENT = """
question: Is it so?
claim: It is.
settings: {group: c4, model.width: 32, training.record_steps: [0, 10], dataset.normalise: true, label: null}
grid: {seed: [0, 1]}
runs:
  one: {model: gcnn_ensemble}
  two: {model: augmented_ensemble}
  wrong: {model: gcnn_ensemble, group: c2, role: control, control: other_group}
"""


@pytest.fixture
def experiment(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(EXPERIMENT)
    return f"experiment={file}"


def jobs_of(*words):
    return expand(parse(list(words)))[1]


def test_a_grid_is_the_product_in_order():
    jobs = jobs_of("group=c4,d4", "model.width=16,32", "seed=3")
    assert [job.overrides for job in jobs] == [
        ("seed=3", "group=c4", "model.width=16"),
        ("seed=3", "group=c4", "model.width=32"),
        ("seed=3", "group=d4", "model.width=16"),
        ("seed=3", "group=d4", "model.width=32"),
    ]
    assert [job.folder for job in jobs] == ["0_c4-width16", "1_c4-width32", "2_d4-width16", "3_d4-width32"]


def test_a_list_in_brackets_is_one_value_and_a_range_is_several():
    jobs = jobs_of("training.record_steps=[0,10]", "seed=range(3)")
    assert [job.overrides[1] for job in jobs] == ["seed=0", "seed=1", "seed=2"]
    assert jobs[0].overrides[0] == "training.record_steps=[0,10]"


def test_one_run_is_a_sweep_too():
    assert [job.folder for job in jobs_of("seed=1")] == ["0"]


def test_every_run_of_an_experiment_for_every_point_of_its_grid(experiment):
    own, jobs = expand(parse([experiment]))
    assert (own.name, own.question, own.claim) == ("mine", "Is it so?", "It is.")
    assert [job.name for job in jobs] == [f"{run}-seed{seed}" for seed in (0, 1) for run in ("one", "two", "wrong")]
    assert set(jobs[0].overrides) == {
        "group=c4",
        "model.width=32",
        "training.record_steps=[0,10]",
        "dataset.normalise=true",
        "label=one",
        "seed=0",
        "model=gcnn_ensemble",
    }


def test_the_command_line_wins_over_settings_and_grid_but_not_over_what_makes_a_run(experiment):
    jobs = jobs_of(experiment, "group=d4", "seed=5", "model.width=64,128", "label=mine")
    assert [job.name for job in jobs] == [f"{run}-width{w}" for w in (64, 128) for run in ("one", "two", "wrong")]
    assert {"group=d4", "seed=5", "model.width=64", "label=mine"} <= set(jobs[0].overrides)
    assert {"group=c2", "role=control"} <= set(jobs[2].overrides)


def test_a_run_that_pins_an_axis_is_made_once(experiment):
    jobs = jobs_of(experiment, "group=c4,d4", "seed=0")
    groups = [override for job in jobs for override in job.overrides if override.startswith("group=")]
    assert groups == ["group=c4", "group=c4", "group=c2", "group=d4", "group=d4"]


def test_a_control_keeps_the_step_of_the_group_and_of_its_order(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(EXPERIMENT.replace("group: c2,", "group: octahedral, group.order: null, training.step_group: c4,"))
    words = (f"experiment={file}", "seed=0")
    cyclic, finite = jobs_of("group=cn", "group.order=3", *words)[-1], jobs_of("group=d4", *words)[-1]
    step = {"training.step_group=cn", "training.step_group_order=3"}
    assert step | {"group=octahedral", "group.order=null"} <= set(cyclic.overrides)
    assert {"training.step_group=d4", "training.step_group_order=null"} <= set(finite.overrides)


def test_part_of_an_experiment(experiment):
    assert [job.name for job in jobs_of(experiment, "runs=two", "seed=0")] == ["two"]


def test_names_that_no_folder_takes():
    assert [job.folder for job in jobs_of("label='a b/c','../d'")] == ["0_a_b_c", "1_d"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["experiment=nothing"], "nothing is not there"),
        (["experiment=digits_quik"], "nearest is digits_quick"),
        (["runs=one"], "experiment=NAME"),
        (["model.widht=1,2"], "nearest is model.width"),
        (["group=c4,c5"], "group=c5 is not known"),
        (["seed=range(3"], "no viable alternative"),
    ],
)
def test_wrong_words(words, says):
    with pytest.raises(ConfigError, match=".") as caught:
        jobs_of(*words)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["runs=three"], "one | two | wrong"),
        (["model=ntk"], "tells the runs of mine apart"),
        (["model=ntk,gcnn_ensemble"], "tells the runs of mine apart"),
        (["group=c2"], "runs=one,two"),
        (["group=c4,c2"], "runs=one,two"),
    ],
)
def test_words_that_would_make_the_experiment_another(experiment, words, says):
    with pytest.raises(ConfigError, match=".") as caught:
        jobs_of(experiment, *words)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", "list"),
        ("questoin: why", "questoin"),
        ("grid: {seed: 3}", "expected a list"),
        ("runs: [gcnn]", "key: value"),
        ("runs: {a: gcnn}", "run a"),
        ("grid: {seed: [1", "not yaml"),
    ],
)
def test_a_file_that_is_no_experiment(tmp_path, text, says):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigError, match=".") as caught:
        jobs_of(f"experiment={tmp_path / 'bad.yaml'}")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
