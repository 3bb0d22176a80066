import numpy as np
import pytest
from laws import SPECTRA, Law, standard_error

from eqntk_cli.report.findings.comparison import Settings
from eqntk_cli.report.findings.means import FEWEST_SHUFFLED, Comparison
from eqntk_cli.report.statistics.maximum import maximum_test
from eqntk_cli.report.statistics.onesample import fewest_units, flipped, signs
from eqntk_cli.report.statistics.permutation import shuffled, shuffles
from eqntk_cli.report.statistics.samples import ArraySample

SPECTRUM = SPECTRA["falling"]
LEVEL = 0.05
SHAPE = 1 + np.random.default_rng(9).normal(size=30)


def studentised_naively(a, b):
    difference = a.mean(0) - b.mean(0)
    variance = a.var(0, ddof=1) / len(a) + b.var(0, ddof=1) / len(b)
    return difference / np.sqrt(variance), np.sqrt(variance)


def test_shuffled_sums_agree_with_every_shuffle_written_out():
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(5, 7)) + 3, 2 * generator.normal(size=(5, 7)) + 3
    assignment = shuffles(5, 20, seed=4)
    computed = shuffled(a, b, assignment, SHAPE[:7])
    pooled = np.concatenate([a, b])
    assert assignment[0].tolist() == [1.0] * 5 + [0.0] * 5
    naive = [studentised_naively(pooled[row == 1], pooled[row == 0]) for row in assignment]
    # the average excess of the shuffled variances, which a true difference causes, is taken out of what is planted
    excess = np.sqrt(np.mean([error**2 for _, error in naive[1:]], axis=0)) / naive[0][1]
    for (z, error), sums in zip(naive, computed, strict=True):
        h = SHAPE[:7] / error * excess
        assert sums == pytest.approx([np.sum(z**2), np.sum(z * h), np.sum(h**2)], rel=2e-5, abs=1e-5)


def test_flipped_sums_agree_with_every_choice_of_signs_written_out():
    differences = np.random.default_rng(1).normal(size=(6, 5)) + 0.3
    flips = signs(6, 20, seed=4)
    assert flips[0].tolist() == [1.0] * 6
    for row, sums in zip(flips, flipped(differences, flips, SHAPE[:5]), strict=True):
        turned = row[:, None] * differences
        z = turned.mean(0) / np.sqrt(turned.var(0, ddof=1) / 6)
        assert sums[0] == pytest.approx(np.sum(z**2), rel=1e-5)


def test_points_without_scatter_carry_no_weight():
    generator = np.random.default_rng(1)
    a, b = generator.normal(size=(5, 4)), generator.normal(size=(5, 4))
    a[:, 2] = b[:, 2] = 7.0
    assignment = shuffles(5, 10, seed=0)
    kept = [0, 1, 3]
    whole, part = (shuffled(a[:, i], b[:, i], assignment, SHAPE[i]) for i in (np.arange(4), np.array(kept)))
    assert np.allclose(whole, part)


def samples(generator, members_a, members_b, planted=0.0, steps=2):
    """Two ensembles of equal mean and unequal covariance at several steps; the noise of the steps is shared."""
    law_a, law_b = Law.of(SPECTRUM, 0.6, 1), Law.of(SPECTRUM, 0.3, 2)
    floor = np.sqrt(0.6**2 / members_a + 0.3**2 / members_b)
    shift = planted * floor * SHAPE / np.sqrt(np.mean(SHAPE**2))
    a, b = law_a.draw(generator, members_a, SHAPE + shift), law_b.draw(generator, members_b, SHAPE)
    growth = [1 + 0.05 * step for step in range(steps)]
    a, b = (np.stack([sample * factor for factor in growth]) for sample in (a, b))
    noise = [0.02 * generator.normal(size=sample.shape) for sample in (a, b)]
    return ArraySample(a + noise[0], members_a), ArraySample(b + noise[1], members_b)


def trial(generator, members_a, members_b, planted=0.0, seed=0):
    """p-value and predicted power, without the parts of a comparison that do not concern this test."""
    a, b = samples(generator, members_a, members_b, planted)
    mu = np.stack([SHAPE, 1.05 * SHAPE])
    comparison = Comparison("independent", a, b, mu, Settings(resamples=199, seed=seed))
    resampled = [comparison._at(step) for step in range(2)]
    test = comparison._maximum([sums for _, sums in resampled], [distance for distance, _ in resampled])
    return test.p_value, test.power


def rejections(members_a, members_b, trials, planted=0.0):
    generator = np.random.default_rng(7)
    results = [trial(generator, members_a, members_b, planted, seed) for seed in range(trials)]
    rejected = np.array([p <= LEVEL + 1e-9 for p, _ in results])
    return rejected.mean(), np.mean([power for _, power in results])


@pytest.mark.parametrize(("members_a", "members_b"), [(32, 32), (8, 8)])
def test_equal_means_with_unequal_variances_alarm_at_the_level(members_a, members_b):
    trials = 300
    rate, _ = rejections(members_a, members_b, trials)
    assert abs(rate - LEVEL) < 3.5 * standard_error(LEVEL, trials)


@pytest.mark.slow
@pytest.mark.parametrize(("members_a", "members_b"), [(24, 24), (32, 32), (100, 100), (8, 8), (10, 30)])
def test_equal_means_with_unequal_variances_alarm_at_the_level_at_length(members_a, members_b):
    trials = 2000 if members_a < 100 else 500  # a trial of so many members takes ten times as long
    rate, _ = rejections(members_a, members_b, trials)
    assert abs(rate - LEVEL) < 3 * standard_error(LEVEL, trials) + (0.01 if members_a < FEWEST_SHUFFLED else 0.005)


@pytest.mark.parametrize("members", [32])
def test_a_difference_of_one_floor_is_found_with_the_predicted_power(members):
    trials = 300
    rate, predicted = rejections(members, members, trials, planted=1.0)
    assert 0.1 < predicted < 0.99  # else the comparison would show nothing
    assert abs(rate - predicted) < 3.5 * standard_error(predicted, trials) + 0.02


@pytest.mark.slow
@pytest.mark.parametrize(("members_a", "members_b"), [(32, 32), (100, 100), (16, 16), (20, 40)])
def test_a_difference_of_one_floor_is_found_with_the_predicted_power_at_length(members_a, members_b):
    trials = 1500 if members_a < 100 else 400
    rate, predicted = rejections(members_a, members_b, trials, planted=1.0)
    assert abs(rate - predicted) < 3 * standard_error(predicted, trials) + 0.03


def test_no_power_is_predicted_for_differences_that_are_not_there():
    statistic = np.random.default_rng(0).chisquare(5, size=(3, 1000)) / 5
    test = maximum_test(statistic, statistic, LEVEL)
    assert test.power == pytest.approx(LEVEL, abs=0.01)


def test_paired_members_are_compared_by_their_differences():
    generator = np.random.default_rng(3)
    common = generator.normal(size=(1, 20, 30))
    a = common + 0.05 + 0.01 * generator.normal(size=(1, 20, 30))
    coupled = Comparison("paired", ArraySample(a, 20), ArraySample(common, 20), None, Settings(resamples=199))
    comparison = coupled.run("x", "test", (1,))
    assert (comparison.test, comparison.paired) == ("sign flips", True)
    assert comparison.p_value == comparison.p_step[0] == pytest.approx(1 / 200)  # (1 + 0) / (1 + 199)
    assert comparison.member_rms[0] == pytest.approx(np.sqrt(np.mean((a - common) ** 2)), rel=1e-6)
    unpaired = Comparison("independent", ArraySample(a, 20), ArraySample(common, 20), None, Settings(resamples=199))
    assert unpaired.run("x", "test", (1,)).noise_floor[0] > 20 * comparison.noise_floor[0]


def test_the_test_over_steps_leaves_the_start_out():
    generator = np.random.default_rng(3)
    values = generator.normal(size=(2, 30, 8))
    apart = values.copy()
    apart[0] += 5  # a difference at the start only
    again = generator.permutation(apart, axis=1)
    a, b = ArraySample(values, 30), ArraySample(again, 30)
    comparison = Comparison("independent", a, b, None, Settings(resamples=199)).run("x", "test", (0, 1))
    assert np.isnan(comparison.p_step[0])
    assert comparison.p_value > 0.2
    assert comparison.test == "permutation"


def test_results_depend_on_the_seed_only():
    a, b = samples(np.random.default_rng(0), 26, 26)
    one, two, other = (
        Comparison("independent", a, b, None, Settings(resamples=99, seed=seed)).run("x", "test", (1, 2))
        for seed in (1, 1, 2)
    )
    assert one == two
    assert one.p_step != other.p_step


@pytest.mark.parametrize(("level", "fewest"), [(0.05, 6), (0.0625, 5), (0.0125, 8)])
def test_fewer_units_cannot_reject_and_so_many_can(level, fewest):
    assert fewest_units(level) == fewest
    for units, rejects in ((fewest - 1, False), (fewest, True)):
        values = 5 + np.random.default_rng(0).normal(size=(1, units, 3))
        sample = ArraySample(values, units)
        comparison = Comparison("theory", sample, None, np.zeros((1, 3)), Settings(level=level)).run("x", "test", (1,))
        assert (comparison.p_value <= level) == rejects
        assert (comparison.units, comparison.fewest_units) == (units, fewest)
        assert comparison.members_if_far == (fewest,)  # far beyond the margin, but fewer could not show it
        assert comparison.members_if_near[0] >= fewest  # the lower end is beyond it, too


@pytest.mark.parametrize(("halves", "members"), [(False, (256, 200)), (True, (512, 300))])
def test_batches_of_the_larger_ensemble_may_be_fewer_than_the_units_of_the_smaller(halves, members):
    """256 draws stand in 128 batches of two, 200 draws one by one."""
    generator = np.random.default_rng(5)
    units = (128, members[1] // (2 if halves else 1))
    a, b = (
        ArraySample(values := generator.normal(size=(1, count, 4)), size, 0 * values if halves else None)
        for count, size in zip(units, members, strict=True)
    )
    for one, two in ((a, b), (b, a)):
        comparison = Comparison("independent", one, two, None, Settings(resamples=9))
        _, sums = comparison._at(0)
        assert comparison.test == "sign flips (unequal sizes)"
        assert (sums.shape, bool((sums[:, 0] > 0).all())) == ((10, 3), True)
