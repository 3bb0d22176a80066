"""Antithetic members: pairs are the draws of every test, and single members keep their own statements."""

from dataclasses import replace

import numpy as np
import pytest
from simulated import World, draw, write_ensemble, write_study, write_theory

from eqntk_cli.errors import ConfigError, DataError
from eqntk_cli.report.analysis import analyse
from eqntk_cli.report.findings.comparison import Settings
from eqntk_cli.report.findings.invariance import OrbitStatistics
from eqntk_cli.report.findings.means import Comparison
from eqntk_cli.report.findings.members import MemberScaling
from eqntk_cli.report.findings.metrics import task_metrics
from eqntk_cli.report.findings.trajectories import Trajectory
from eqntk_cli.report.findings.variance import VarianceComparison, compare_variance
from eqntk_cli.report.read.reduce import IDENTITY, reduce_run
from eqntk_cli.report.read.runs import open_runs
from eqntk_cli.report.read.units import halves, members_per_unit, units
from eqntk_cli.report.statistics import samples
from eqntk_cli.report.statistics.samples import ArraySample, member_variance
from eqntk_cli.targets.scale import TargetScale
from eqntk_cli.targets.task import REGRESSION

WORLD = World(n_train=2, n_test=10, n_ood=1, steps=(0, 30), directions=3)


def ensemble(folder, model="augmented_ensemble", members=12, *, world=WORLD, **more):
    return open_runs([str(write_ensemble(folder, world, model, members, antithetic=True, **more))])[0]


def test_units_are_the_means_of_pairs_and_halves_what_is_left(tmp_path):
    run = ensemble(tmp_path / "a")
    values = draw(WORLD, "augmented_ensemble", 12, 64, antithetic=True)
    pairs, rest = units(values, run.record), halves(values, run.record)
    assert members_per_unit(run.record) == 2
    np.testing.assert_allclose(np.stack([pairs + rest, pairs - rest], axis=1).reshape(values.shape), values, atol=1e-6)
    alone = replace(run.record, antithetic=False)
    assert (units(values, alone) is values, halves(values, alone), members_per_unit(alone)) == (True, None, 1)


@pytest.mark.parametrize("most", [200, 2])
def test_the_pass_over_a_run_keeps_pairs_together_across_blocks(tmp_path, monkeypatch, most):
    """Blocks of 4 members, in batches of one pair or of three pairs."""
    monkeypatch.setattr(samples, "MAX_UNITS", most)
    run = ensemble(tmp_path / "a", block_size=4)
    (tmp_path / "scratch").mkdir()
    reduced = reduce_run(run, range(12), tmp_path / "scratch", symmetrise=False)
    values = draw(WORLD, "augmented_ensemble", 12, 64, antithetic=True).astype(np.float64)
    pairs = (values[0::2] + values[1::2]) / 2
    plain = pairs[:, :, 0]
    np.testing.assert_allclose(reduced.mean, values[:, :, 0].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(reduced.mean_variance, plain.var(axis=0, ddof=1) / 6, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(reduced.variance, member_variance(values[:, :, 0], 2), rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(reduced.orbit_variance, values.var(axis=2).mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(reduced.draw_orbit_variance, pairs.var(axis=2).mean(axis=0), rtol=1e-4)
    sample, count = reduced.samples["test", IDENTITY], min(most, 6)
    assert (sample.members, sample.draws, sample.units, reduced.draws) == (12, 6, count, 6)
    for seen, members in ((sample.slab, plain), (sample.half, (values[0::2] - values[1::2])[:, :, 0] / 2)):
        expected = members[:, 1, 2:12].reshape(count, 6 // count, -1).mean(axis=1)
        np.testing.assert_allclose(seen(1, 0, sample.points), expected, atol=1e-6)


def test_the_variance_of_a_member_is_unbiased_however_its_pair_moves():
    generator = np.random.default_rng(5)
    for common in (0.0, 0.5, 1.0):
        even, odd = generator.normal(size=(2, 4000, 3))
        even, odd = common * even, np.sqrt(1 - common**2) * odd
        values = np.stack([even + odd, even - odd], axis=1)  # 3 pairs each
        variances = np.array([member_variance(one.reshape(6), 2) for one in values.transpose(0, 2, 1)])
        assert variances.mean() == pytest.approx(1.0, abs=4 * variances.std() / np.sqrt(len(variances)))
    members = generator.normal(size=7)
    assert member_variance(members, 1) == pytest.approx(members.var(ddof=1))


def law(repeat, members=24, coupled=False):
    """One ensemble of each kind as samples of pairs, with the values of single members (member, sample, output)."""
    for model in ("augmented_ensemble", "gcnn_ensemble"):
        values = draw(WORLD, model, members, 64, repeat, coupled=coupled, antithetic=True)[:, -1].mean(axis=1)
        flat = values.reshape(members // 2, 2, -1).astype(np.float64)
        yield values, ArraySample(flat.mean(axis=1)[None], members, (flat[:, 0] - flat[:, 1])[None] / 2)


def test_the_noise_floor_of_the_means_is_that_of_pairs():
    """Over repeated ensembles the distance of means with equal expectation has the floor that each one states."""
    squares, floors, per_member = [], [], []
    for repeat in range(30):
        (_, a), (_, b) = law(repeat)
        comparison = Comparison("independent", a, b, None, Settings(resamples=9)).run("a - b", "test", (5,))
        squares.append(comparison.rms_distance[0] ** 2)
        floors.append(comparison.noise_floor[0] ** 2)
        per_member.append(comparison.member_rms[0] ** 2)
    assert np.mean(floors) == pytest.approx(np.mean(squares), abs=4 * np.std(squares) / np.sqrt(30))
    singles = [np.concatenate([v for v, _ in law(repeat)], axis=1) for repeat in range(30)]
    expected = [np.mean(values.var(axis=0, ddof=1)) * 2 for values in singles]  # var_A + var_B
    assert np.mean(per_member) == pytest.approx(np.mean(expected), rel=0.06)
    assert np.mean(per_member) / 24 > 10 * np.mean(floors)  # what independent members would have left


def test_the_difference_of_coupled_members_is_over_all_of_them():
    (one, a), (other, b) = law(3, coupled=True)
    comparison = Comparison("paired", a, b, None, Settings(resamples=9)).run("a - b", "test", (5,))
    assert comparison.member_rms[0] == pytest.approx(np.sqrt(np.mean((one - other) ** 2)), rel=1e-5)


def test_the_variance_of_members_has_the_error_that_repetition_of_pairs_shows():
    ratios, errors = [], []
    for repeat in range(80):
        values, sample = next(law(repeat))
        measured = member_variance(values, 2)[None]
        comparison = compare_variance(("m", "k", "test"), (5,), sample, measured, np.full((1, len(measured[0])), 0.1))
        ratios.append(comparison.ratio[0])
        errors.append(comparison.ratio_error[0])
    assert np.median(errors) == pytest.approx(np.std(ratios), rel=0.2)


def test_the_error_of_a_members_metric_comes_from_pairs():
    generator = np.random.default_rng(9)
    target, means, errors, spreads = np.zeros((30, 1)), [], [], []
    for _ in range(150):
        shared = 1 + 0.5 * generator.normal(size=(8, 1, 1, 1))  # both of a pair err alike: 8 draws, not 16
        last = (shared * np.ones((8, 2, 30, 1))).reshape(16, 30, 1)
        (metric, *_) = task_metrics(
            ("m", "test"), (5,), last.mean(0)[None], REGRESSION, TargetScale("u0"), target, None, last=last, per_draw=2
        )
        means.append(metric.member)
        errors.append(metric.member_error)
        spreads.append(metric.member_spread)
    assert np.median(errors) == pytest.approx(np.std(means), rel=0.2)
    assert np.sqrt(np.mean(np.square(spreads))) == pytest.approx(0.5, rel=0.1)


def test_a_report_of_antithetic_runs_states_errors_of_pairs(tmp_path):
    for model in ("augmented_ensemble", "gcnn_ensemble"):
        ensemble(tmp_path / model, model, 16)
    write_theory(tmp_path / "ntk", WORLD)
    (pair,) = analyse([str(tmp_path)], resamples=99).pairs
    (scaling,) = pair.of(MemberScaling)
    assert scaling.members == (4, 8, 16)
    point = pair.of(Trajectory)[0]
    values = draw(WORLD, "gcnn_ensemble", 16, 64, antithetic=True)[:, :, 0, point.sample].astype(np.float64)
    values = values[..., WORLD.outputs.index(point.output)]
    assert point.error_b == pytest.approx(
        values.reshape(8, 2, -1).mean(axis=1).std(axis=0, ddof=1) / np.sqrt(8), rel=1e-4
    )
    assert max(point.error_b) < 0.5 * min(point.spread_b) / np.sqrt(16)
    for variance in pair.of(VarianceComparison):
        assert abs(variance.ratio[-1] - 1) < 4 * variance.ratio_error[-1]
    (orbit, _) = pair.of(OrbitStatistics)
    assert orbit.deviation[-1] == pytest.approx(orbit.deviation_floor[-1], rel=0.5)  # no members' floor: 5 times more


def test_coupled_antithetic_members_are_known_by_what_cancels_in_their_pairs(tmp_path):
    """At the start the mean of a pair is zero up to rounding, and two such roundings have nothing in common."""
    world = replace(WORLD, common=0.0)
    centre = world.mean()[:, None]
    for model in ("augmented_ensemble", "gcnn_ensemble"):
        values = draw(world, model, 8, 64, coupled=True, antithetic=True)
        values[:, 0] -= (centre + world.bias / 64 * world.shape(0))[0].astype(np.float32)
        write_ensemble(tmp_path / model, world, model, 8, coupled=True, antithetic=True, values=values)
    assert analyse([str(tmp_path)], resamples=19).pairs[0].coupled
    values = draw(world, "gcnn_ensemble", 8, 64, 1, coupled=True, antithetic=True)
    write_ensemble(tmp_path / "gcnn_ensemble", world, "gcnn_ensemble", 8, coupled=True, antithetic=True, values=values)
    with pytest.raises(DataError, match="do not start equal"):
        analyse([str(tmp_path)], resamples=19)


def test_coupled_runs_of_which_one_is_antithetic_are_no_pair(tmp_path):
    write_study(tmp_path, WORLD, members=4, control=False, theory=False, coupled=True)
    ensemble(tmp_path / "gcnn-64", "gcnn_ensemble", 4, coupled=True)
    with pytest.raises(ConfigError, match="antithetic False and True"):
        analyse([str(tmp_path)], resamples=19)


def test_independent_runs_of_which_one_is_antithetic_are_compared_draw_by_draw(tmp_path):
    """8 pairs of one with 16 members of the other: each enters the floor with its own variance."""
    write_ensemble(tmp_path / "augmented", WORLD, "augmented_ensemble", 16)
    ensemble(tmp_path / "gcnn", "gcnn_ensemble", 16)
    (pair,) = analyse([str(tmp_path)], resamples=99).pairs
    variances = []
    for model, antithetic in (("augmented_ensemble", False), ("gcnn_ensemble", True)):
        values = draw(WORLD, model, 16, 64, antithetic=antithetic)[:, :, 0, 2:12].astype(np.float64)
        draws = values.reshape(8, 2, *values.shape[1:]).mean(axis=1) if antithetic else values
        variances.append(draws.var(axis=0, ddof=1).mean(axis=(1, 2)) / len(draws))
    assert pair.test.noise_floor == pytest.approx(np.sqrt(sum(variances)), rel=1e-4)
    assert pair.test.test == "sign flips (unequal sizes)"


def test_two_antithetic_members_are_one_draw_and_too_few(tmp_path):
    with pytest.raises(DataError, match="2 complete members; at least 4 are needed"):
        ensemble(tmp_path / "a", members=2)
