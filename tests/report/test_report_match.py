from dataclasses import replace

import pytest
from simulated import World, write_ensemble, write_study, write_theory

from eqntk_cli.errors import ConfigError
from eqntk_cli.report.analysis import analyse
from eqntk_cli.report.read.match import match
from eqntk_cli.report.read.runs import Run, open_runs

WORLD = World(n_train=2, n_test=3, n_ood=1, steps=(0, 10))
MLP = {"name": "mlp", "hidden_layers": 2, "activation": "relu", "group_support": "identity"}
TRAINING = {"optimizer": "gd", "loss": "mse", "centred": False, "steps": 10, "step_size": "auto"}
OTHER = {"train": "aa" * 32, "test": "dd" * 32, "ood": "cc" * 32, "all": "ee" * 32}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    study = write_study(tmp_path_factory.mktemp("study"), WORLD, widths=(64, 256), members=4)
    return open_runs([str(study)])


def changed(runs, name, **record):
    return [Run(run.folder, replace(run.record, **record)) if run.name == name else run for run in runs]


def test_runs_are_matched_by_width_with_their_theory_and_control(runs):
    pairs, unmatched = match(runs)
    assert unmatched == []
    assert [(pair.augmented.name, pair.gcnn.name) for pair in pairs] == [
        ("augmented-64", "gcnn-64"),
        ("augmented-256", "gcnn-256"),
    ]
    assert [pair.theory.name for pair in pairs] == ["ntk", "ntk"]
    assert [[control.run_a.name for control in pair.controls] for pair in pairs] == [["control-64"], ["control-256"]]
    assert pairs[0].controls[0].changed == "augmentation none instead of orbit"


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"fingerprint": OTHER}, "other test data by fingerprint"),
        ({"fingerprint": OTHER, "dataset": "pneumoniamnist"}, r"\((pneumoniamnist and breastmnist|breast.*)\)"),
        ({"architecture": MLP | {"hidden_layers": 3}}, "architecture.hidden_layers (3 and 2|2 and 3)"),
        ({"training": TRAINING | {"centred": True}}, "training.centred"),
        ({"record_steps": [0, 20]}, "steps 0,(10|20) and 0,(10|20)"),
        ({"step_size": 0.25}, "step_size 0.25 and 0.5"),
        ({"group": "c2"}, "group c2 and c4"),
        ({"width": 32}, "width 32 and"),
        ({"coupling": "shared"}, "coupling shared and independent"),
        ({"precision": "float64"}, "precision float64 and float32"),
        ({"augmentation": "none"}, "augmentation none instead of orbit"),
        ({"fingerprint": None}, "not on record"),
    ],
)
def test_what_is_not_comparable_is_refused_and_the_difference_named(runs, record, words):
    with pytest.raises(ConfigError, match=words) as refusal:
        match(changed(runs, "augmented-64", **record))
    assert "augmented-64" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_kernel_in_double_precision_serves_ensembles_in_single_precision(runs):
    pairs, unmatched = match(changed(runs, "ntk", precision="float64"))
    assert unmatched == []
    assert {pair.theory.name for pair in pairs} == {"ntk"}


def test_no_pair_at_all_is_refused_even_when_partial(runs):
    with pytest.raises(ConfigError, match="no pair"):
        match([run for run in runs if run.name.startswith("augmented")], partial=True)


def test_partial_lists_what_fits_nowhere(runs):
    pairs, unmatched = match(changed(runs, "gcnn-64", width=32), partial=True)
    assert len(pairs) == 1
    assert {run.run_id for run in unmatched} == {"gcnn-64", "augmented-64", "control-64"}


def test_a_prediction_that_was_made_twice_is_used_once(runs, tmp_path):
    again = open_runs([str(write_theory(tmp_path / "again", WORLD))])
    pairs, unmatched = match([*runs, *again])
    assert unmatched == []
    assert {pair.theory.name for pair in pairs} == {"ntk"}


def test_a_group_ensemble_meets_one_augmented_ensemble_per_number_of_random_rotations(tmp_path):
    write_study(tmp_path, WORLD, members=4)
    for samples in (16, 4):
        values = {"augmentation": "haar", "haar_samples": samples}
        write_ensemble(tmp_path / f"haar-{samples}", WORLD, "augmented_ensemble", 4, 64, **values)
    subjects = [run for run in open_runs([str(tmp_path)]) if run.name != "augmented-64"]
    pairs, unmatched = match(subjects)
    assert unmatched == []
    assert [(pair.augmented.name, pair.gcnn.name) for pair in pairs] == [("haar-4", "gcnn-64"), ("haar-16", "gcnn-64")]
    assert all(pair.theory is not None and len(pair.controls) == 1 for pair in pairs)
    report = analyse([str(run.folder) for run in subjects], resamples=99)
    assert [pair.name for pair in report.pairs] == ["breastmnist-c4-n64-haar4", "breastmnist-c4-n64-haar16"]
    assert report.pairs[0].title.endswith("4 random rotations")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"augmentation": "orbit"}, "does not differ from .* in augmentation"),
        ({"seed": 3, "step_size": 0.1}, "differs from .* also in step_size"),
        ({"control": "other_group"}, "does not differ from .* in group"),
    ],
)
def test_a_control_must_differ_in_what_it_declares_and_nothing_else(runs, record, words):
    with pytest.raises(ConfigError, match=words):
        match(changed(runs, "control-64", **record))


def group_control(tmp_path, **record):
    values = {"role": "control", "control": "other_group", "group": "c2"} | record
    return open_runs([str(write_ensemble(tmp_path / "c2", WORLD, "gcnn_ensemble", 4, 64, **values))])


def test_a_control_of_another_group_stands_against_the_augmented_subject(runs, tmp_path):
    pairs, _ = match([*runs, *group_control(tmp_path)])
    control = pairs[0].controls[1]
    assert (control.run_a.name, control.run_b.name, control.changed) == ("augmented-64", "c2", "group c2 and c4")


def test_a_step_size_that_follows_from_the_other_group_is_named_but_not_refused(runs, tmp_path):
    pairs, _ = match([*runs, *group_control(tmp_path, step_size=0.52)])
    assert pairs[0].controls[1].changed == "group c2 and c4; step_size 0.52 and 0.5"
    fixed = group_control(tmp_path, step_size=0.52, training=TRAINING | {"step_size": 0.52})
    with pytest.raises(ConfigError, match="also in step_size"):
        match([*runs, *fixed])


def test_a_control_with_another_step_size(runs, tmp_path):
    values = {"role": "control", "control": "other_step_size", "step_size": 0.125}
    folder = write_ensemble(tmp_path / "slow", WORLD, "augmented_ensemble", 4, 256, **values)
    pairs, _ = match([*runs, *open_runs([str(folder)])])
    assert pairs[1].controls[1].kind == "other_step_size"


def test_equal_runs_pair_by_seed(tmp_path):
    for seed in (0, 1):
        for model in ("gcnn_ensemble", "augmented_ensemble"):
            write_ensemble(tmp_path / f"{model}-{1 - seed}", WORLD, model, 4, seed=1 - seed)
    pairs, _ = match(open_runs([str(tmp_path)]))
    assert [pair.augmented.record.seed for pair in pairs] == [pair.gcnn.record.seed for pair in pairs]
    assert len(pairs) == 2


def test_coupled_runs_of_other_seeds_are_not_a_pair(tmp_path):
    write_ensemble(tmp_path / "a", WORLD, "gcnn_ensemble", 4, coupled=True, seed=0)
    write_ensemble(tmp_path / "b", WORLD, "augmented_ensemble", 4, coupled=True, seed=1)
    with pytest.raises(ConfigError, match="seed 1 and 0|seed 0 and 1"):
        match(open_runs([str(tmp_path)]))


def test_a_theory_for_other_steps_is_refused(runs, tmp_path):
    other = open_runs([str(write_theory(tmp_path / "other", replace(WORLD, steps=(0, 20))))])
    with pytest.raises(ConfigError, match=r"other: differs from .* steps 0,20 and 0,10"):
        match([*runs, *other])


def test_a_run_that_does_not_know_a_later_setting_has_its_default(runs):
    """average_pool came later: a new run with 1 still belongs to an old one, a new run with 2 does not."""
    alike, other = (changed(runs, "augmented-64", architecture=MLP | {"average_pool": side}) for side in (1, 2))
    pairs, unmatched = match(alike)
    assert [pair.augmented.name for pair in pairs] == ["augmented-64", "augmented-256"]
    assert unmatched == []
    with pytest.raises(ConfigError, match=r"architecture.average_pool (2 and 1|1 and 2)"):
        match(other)


def test_a_kernel_has_no_members_that_could_be_antithetic(runs):
    coupled = [Run(run.folder, replace(run.record, coupling="shared", antithetic=run.is_ensemble)) for run in runs]
    pairs, _ = match(coupled)
    assert [pair.theory.name for pair in pairs] == ["ntk", "ntk"]
