import json
from dataclasses import replace

import numpy as np
import pytest
from simulated import World, draw, write_control, write_ensemble, write_study

from eqntk_cli.errors import DataError
from eqntk_cli.report.analysis import analyse
from eqntk_cli.report.findings.extrapolation import Extrapolation
from eqntk_cli.report.findings.invariance import OrbitStatistics
from eqntk_cli.report.findings.learning_curve import LearningCurve
from eqntk_cli.report.findings.members import MemberScaling
from eqntk_cli.report.findings.metrics import TaskMetrics
from eqntk_cli.report.findings.orbit_examples import OrbitExample
from eqntk_cli.report.findings.parity import Parity
from eqntk_cli.report.findings.trajectories import Trajectory
from eqntk_cli.report.findings.variance import VarianceComparison
from eqntk_cli.report.findings.width import WidthScaling
from eqntk_cli.report.model import SCHEMA, Outcome
from eqntk_cli.report.page.entries import analysis_entries
from eqntk_cli.report.read.runs import open_runs
from eqntk_cli.runs.record import write_record

WORLD = World(n_train=4, n_test=12, n_ood=5, steps=(0, 30, 100))


def test_coupled_wide_ensembles_are_equivalent_and_the_control_is_not(tmp_path):
    report = analyse([str(write_study(tmp_path, WORLD, widths=(4096,), coupled=True))], resamples=199)
    (pair,) = report.pairs
    assert report.outcome is Outcome.EQUIVALENT
    assert report.controls_ok
    assert report.first_line.startswith("Equivalent: 1 of 1 pair equivalent (margin 10 % of the RMS prediction")
    assert (pair.test.test, pair.test.paired) == ("sign flips", True)
    assert pair.controls[0].comparison.paired
    assert [comparison.name for comparison in pair.theory] == ["augmented - theory", "gcnn - theory"] * 2
    assert [(row.model, row.split) for row in pair.of(OrbitStatistics)] == [
        ("augmented_ensemble", "test"),
        ("augmented_ensemble", "ood"),
    ]
    assert {row.model for row in pair.of(TaskMetrics)} == {"augmented_ensemble", "gcnn_ensemble", "ntk"}


def test_step_zero_is_no_step_of_the_verdict(tmp_path):
    (pair,) = analyse([str(write_study(tmp_path, WORLD, control=False))], resamples=99).pairs
    assert pair.test.steps[0] == 0
    assert pair.test.equivalent[0] is None
    assert pair.test.members_if_near[0] is None
    assert np.isnan(pair.test.lower_bound[0])
    assert None not in pair.test.equivalent[1:]


def test_coupled_pairs_show_orbit_means_and_unmoved_inputs_side_by_side(tmp_path):
    (pair,) = analyse([str(write_study(tmp_path, WORLD, members=30, coupled=True))], resamples=99).pairs
    a, b = (
        draw(WORLD, model, 30, 64, coupled=True).astype(np.float64)[:, :, :, 4:16]
        for model in ("augmented_ensemble", "gcnn_ensemble")
    )
    for comparison, of_a in ((pair.test, a.mean(axis=2)), (pair.unmoved, a[:, :, 0])):
        expected = np.sqrt(np.mean((of_a - b[:, :, 0]).mean(axis=0) ** 2, axis=(1, 2)))
        assert comparison.paired
        assert comparison.rms_distance == pytest.approx(expected, rel=1e-4, abs=1e-7)
    values = {row.inputs: row.ensemble for row in pair.of(TaskMetrics) if _is_accuracy_of_augmented_on_test(row)}
    label = WORLD.points().label[4:16, 0]
    for inputs, of_a in (("orbit mean", a.mean(axis=2)), ("unmoved", a[:, :, 0])):
        assert values[inputs] == pytest.approx(np.mean(of_a.mean(axis=0).argmax(axis=2) == label, axis=1))


def _is_accuracy_of_augmented_on_test(row):
    return (row.model, row.split, row.metric) == ("augmented_ensemble", "test", "acc")


def test_a_variance_many_errors_off_is_named_as_finite_width(tmp_path):
    study = write_study(tmp_path, WORLD, members=60)
    (pair,) = analyse([str(study)], resamples=99).pairs
    assert not [note for note in pair.notes if "finite width" in note]
    values = draw(WORLD, "gcnn_ensemble", 60, 64)
    mean = values.mean(axis=0)
    write_ensemble(study / "gcnn-64", WORLD, "gcnn_ensemble", 60, values=mean + 0.4 * (values - mean))
    (pair,) = analyse([str(study)], resamples=99).pairs
    named = [note for note in pair.notes if "finite width" in note]
    assert len(named) == 2  # test and ood points of the group ensemble
    assert all("variance over members of gcnn_ensemble" in note and "width 64" in note for note in named)


def test_numbers_are_those_of_the_arrays(tmp_path):
    """Distances, floors and margins of a report against numpy on the whole predictions."""
    study = write_study(tmp_path, WORLD, members=30)
    (pair,) = analyse([str(study)], resamples=99).pairs
    a, b = (draw(WORLD, model, 30, 64)[:, :, 0].astype(np.float64) for model in ("augmented_ensemble", "gcnn_ensemble"))
    for split, places in (("test", slice(4, 16)), ("ood", slice(16, 21))):
        comparison = getattr(pair, split)
        one, two = a[:, :, places], b[:, :, places]
        difference = one.mean(0) - two.mean(0)
        noise = one.var(0, ddof=1) / 30 + two.var(0, ddof=1) / 30
        mu = WORLD.mean()[:, places]
        assert comparison.rms_distance == pytest.approx(np.sqrt(np.mean(difference**2, axis=(1, 2))), rel=1e-4)
        assert comparison.noise_floor == pytest.approx(np.sqrt(noise.mean(axis=(1, 2))), rel=1e-4)
        assert comparison.margin == pytest.approx(0.1 * np.sqrt(np.mean(mu**2, axis=(1, 2))), rel=1e-6)
    assert pair.train is not None
    predicted = next(row for row in pair.of(VarianceComparison) if (row.model, row.split) == ("gcnn_ensemble", "test"))
    assert predicted.measured == pytest.approx(b[:, :, 4:16].var(0, ddof=1).mean(axis=(1, 2)), rel=1e-4)
    assert all(abs(ratio - 1) < 4 * error for ratio, error in zip(predicted.ratio, predicted.ratio_error, strict=True))


def test_batches_of_many_members_give_the_same_distances(tmp_path):
    members = 420  # batches of three
    study = write_study(tmp_path, WORLD, members=members, control=False, theory=False)
    (pair,) = analyse([str(study)], resamples=99).pairs
    a, b = (
        draw(WORLD, model, members, 64)[:, :, 0, 4:16].astype(np.float64)
        for model in ("augmented_ensemble", "gcnn_ensemble")
    )
    difference, noise = a.mean(0) - b.mean(0), (a.var(0, ddof=1) + b.var(0, ddof=1)) / members
    assert pair.test.rms_distance == pytest.approx(np.sqrt(np.mean(difference**2, axis=(1, 2))), rel=1e-4)
    assert pair.test.noise_floor == pytest.approx(np.sqrt(noise.mean(axis=(1, 2))), rel=0.15)  # from 140 batches
    assert pair.test.members_a == members
    assert "no ntk run among the runs" in pair.notes[0]


def test_a_planted_difference_is_found(tmp_path):
    world = replace(WORLD, unlike=0.8)
    report = analyse([str(write_study(tmp_path, world, members=40, control=False))], resamples=199)
    assert report.outcome is Outcome.DIFFERENT
    assert report.first_line.startswith("WARNING: no pair has a control")
    assert report.pairs[0].verdict.size == pytest.approx(0.8, rel=0.3)


def test_a_control_that_passes_is_said_first(tmp_path):
    study = write_study(tmp_path, WORLD, widths=(4096,), coupled=True, control=False)
    blind = replace(WORLD, unlike=-0.8)  # write_control adds 0.8: the control then agrees
    write_control(study / "control", blind, 24, 4096, coupled=True)
    report = analyse([str(study)], resamples=199)
    assert not report.controls_ok
    assert "WARNING: a control that must come out different did not (no_augmentation" in report.first_line


def test_a_sweep_over_widths_shows_the_expected_slopes(tmp_path):
    report = analyse([str(write_study(tmp_path, WORLD, widths=(64, 256, 1024), coupled=True))], resamples=49)
    scalings = {row.quantity: row for row in report.of(WidthScaling)}
    member = scalings["difference per member"]
    assert member.widths == (64, 256, 1024)
    assert abs(member.exponent - member.expected) < 4 * member.exponent_error + 0.02
    assert set(scalings) == {
        "difference per member",
        "distance of the means",
        "augmented - theory",
        "gcnn - theory",
    }
    assert [row.name for row in report.of(Extrapolation)] == [
        "augmented - gcnn",
        "augmented - theory",
        "gcnn - theory",
    ]
    assert [pair.name for pair in report.pairs] == [f"breastmnist-c4-n{n}" for n in (64, 256, 1024)]


def test_centred_members_are_expected_to_approach_each_other_faster(tmp_path):
    study = write_study(tmp_path, WORLD, widths=(64, 256), members=8, coupled=True)
    for run in open_runs([str(study)]):
        write_record(run.folder, replace(run.record, training=run.record.training | {"centred": True}))
    scalings = {row.quantity: row for row in analyse([str(study)], resamples=49).of(WidthScaling)}
    assert scalings["difference per member"].expected == -1.0


def test_numbers_of_random_rotations_are_not_mixed_in_a_sweep_over_widths(tmp_path):
    for width in (64, 256):
        write_ensemble(tmp_path / f"gcnn-{width}", WORLD, "gcnn_ensemble", 6, width)
        for samples in (4, 16):
            values = {"augmentation": "haar", "haar_samples": samples}
            write_ensemble(tmp_path / f"haar-{samples}-{width}", WORLD, "augmented_ensemble", 6, width, **values)
    report = analyse([str(tmp_path)], resamples=49)
    assert [row.widths for row in report.of(WidthScaling)] == [(64, 256), (64, 256)]
    assert [row.widths for row in report.of(Extrapolation)] == [(64, 256), (64, 256)]
    assert [row.title.rpartition(", ")[2] for row in report.of(WidthScaling)] == [
        "4 random rotations",
        "16 random rotations",
    ]


def test_a_partial_run_is_compared_with_what_there_is(tmp_path):
    for model, done in (("gcnn_ensemble", 24), ("augmented_ensemble", 16)):
        state = "done" if done == 24 else "preempted"
        write_ensemble(tmp_path / model, WORLD, model, done=done, state=state, coupled=True)
    (pair,) = analyse([str(tmp_path)], resamples=49).pairs
    assert (pair.test.members_a, pair.test.members_b) == (16, 16)  # coupled: the members that both have
    assert "augmented_ensemble: 16 of 24 members are used (state preempted)" in pair.notes


def test_independent_ensembles_of_unequal_size_use_all_their_members(tmp_path):
    for model, members in (("gcnn_ensemble", 30), ("augmented_ensemble", 12)):
        write_ensemble(tmp_path / model, WORLD, model, members)
    (pair,) = analyse([str(tmp_path)], resamples=49).pairs
    assert (pair.test.members_a, pair.test.members_b) == (12, 30)
    assert pair.test.test == "sign flips (unequal sizes)"


def test_ensembles_whose_batches_differ_are_compared_but_not_with_fewer_members(tmp_path, monkeypatch):
    monkeypatch.setattr("eqntk_cli.report.statistics.samples.MAX_UNITS", 10)
    for model, members in (("gcnn_ensemble", 12), ("augmented_ensemble", 8)):  # 6 batches of two, 8 single ones
        write_ensemble(tmp_path / model, WORLD, model, members)
    report = analyse([str(tmp_path)], resamples=49)
    assert report.pairs[0].test.units == 8
    assert report.pairs[0].of(MemberScaling) == ()
    assert analysis_entries(report)["pairs"][0]["member_scaling"] is None
    assert MemberScaling.draw(report.pairs[0]) is None


def test_a_regression_has_errors_in_units_and_parity(tmp_path):
    world = replace(WORLD, task="regression", outputs=("u0",))
    (pair,) = analyse([str(write_study(tmp_path, world))], resamples=49).pairs
    test = [row for row in pair.of(TaskMetrics) if row.split == "test" and row.model == "gcnn_ensemble"]
    assert [(row.metric, row.unit) for row in test] == [("mae", "meV"), ("rmse", "meV")]
    gcnn = next(row for row in pair.of(Parity) if row.model == "gcnn_ensemble")
    assert test[0].ensemble[-1] == pytest.approx(np.mean(np.abs(np.subtract(gcnn.prediction, gcnn.target))), rel=1e-6)
    assert all(row.split != "ood" for row in pair.of(TaskMetrics))  # the truth is unknown there
    assert pair.of(OrbitStatistics)[0].same_prediction is None


def test_learning_curves_join_reports_that_differ_in_training_data(tmp_path):
    for seed, n_train in ((1, 4), (2, 8)):
        world = replace(WORLD, n_train=n_train, seed=seed)
        write_study(tmp_path / str(n_train), world, theory=False, control=False)
    report = analyse([str(tmp_path)], resamples=49)
    curve = next(row for row in report.of(LearningCurve) if (row.model, row.metric) == ("gcnn_ensemble", "acc"))
    assert curve.n_train == (4, 8)


def test_examples_show_images_orbits_and_trajectories(tmp_path):
    (pair,) = analyse([str(write_study(tmp_path, WORLD))], resamples=49).pairs
    example = pair.of(OrbitExample)[0]
    assert np.shape(example.image) == (8, 8)
    assert np.shape(example.augmented) == (4, 2)
    assert [example.split for example in pair.of(OrbitExample)] == ["test"] * 4 + ["ood"] * 2
    assert pair.of(OrbitExample)[-1].image is None
    assert pair.of(OrbitExample)[-1].label is None
    trajectory = pair.of(Trajectory)[0]
    place = trajectory.sample
    assert trajectory.mu == pytest.approx(
        WORLD.mean()[:, place, WORLD.points().outputs.index(trajectory.output)].tolist()
    )
    assert trajectory.mu_spread_a > trajectory.mu_spread_b


def test_a_report_is_strict_json_and_repeats(tmp_path):
    study = str(write_study(tmp_path, WORLD, coupled=True))
    one, two = (analyse([study], resamples=49) for _ in range(2))
    text = json.dumps(analysis_entries(one), allow_nan=False)
    assert json.loads(text)["schema"] == SCHEMA
    assert repr(one.pairs) == repr(two.pairs)  # nan is not equal to itself


def test_runs_without_test_samples_are_refused(tmp_path):
    world = replace(WORLD, n_test=0)
    write_study(tmp_path, world, theory=False, control=False)
    with pytest.raises(DataError, match="no test samples"):
        analyse([str(tmp_path)], resamples=49)


def test_nothing_to_report_yet(tmp_path):
    write_ensemble(tmp_path / "run", WORLD, "gcnn_ensemble", done=0, state="running")
    with pytest.raises(DataError, match="two complete members"):
        analyse([str(tmp_path)], partial=True)
