import numpy as np
import pytest
from laws import SPECTRA, Law, standard_error
from scipy import stats

from eqntk_cli.report.statistics.distance import DistanceSums
from eqntk_cli.report.statistics.equivalence import draw_noise, squared_interval, upper_bound


def distance_of(a, b):
    sums = DistanceSums(len(a), len(b))
    sums.add(a, b)
    return sums.result(len(a), len(b), 1.0)


def directions(covariance):
    """Shapes of RMS 1 along the largest variance, along a middle one, and anywhere."""
    vectors = np.linalg.eigh(covariance)[1]
    rank = np.linalg.matrix_rank(covariance)
    anywhere = np.random.default_rng(3).normal(size=len(covariance))
    for shape in (vectors[:, -1], vectors[:, -1 - rank // 2], anywhere):
        yield shape / np.sqrt(np.mean(shape**2))


def bounds_at(law_a, law_b, members_a, members_b, shift, trials, seed=0):
    generator = np.random.default_rng(seed)
    for trial in range(trials):
        distance = distance_of(law_a.draw(generator, members_a, shift), law_b.draw(generator, members_b))
        yield distance, draw_noise(distance, trial)


def rates_at_the_boundary(spectrum, members_a, members_b, trials):
    """How often equivalence is declared for a difference exactly on the margin, by direction and size of the margin."""
    law_a, law_b = Law.of(SPECTRA[spectrum], 0.6, 1), Law.of(SPECTRA[spectrum], 0.3, 2)
    covariance = law_a.covariance / members_a + law_b.covariance / members_b
    floor = np.sqrt(np.trace(covariance) / len(covariance))
    for ratio in (2.5, 5.0):
        for shape in directions(covariance):
            margin = ratio * floor
            pairs = bounds_at(law_a, law_b, members_a, members_b, margin * shape, trials)
            yield np.mean([upper_bound(distance, noise, 0.05) < margin for distance, noise in pairs])


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize(("members_a", "members_b"), [(5, 5), (20, 20)])
def test_equivalence_is_not_declared_on_the_margin_more_often_than_the_level(spectrum, members_a, members_b):
    trials = 80
    for rate in rates_at_the_boundary(spectrum, members_a, members_b, trials):
        assert rate <= 0.05 + 3.5 * standard_error(0.05, trials)


@pytest.mark.slow
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize(("members_a", "members_b"), [(4, 4), (5, 5), (20, 20), (8, 24), (60, 60)])
def test_equivalence_is_not_declared_on_the_margin_more_often_than_the_level_at_length(spectrum, members_a, members_b):
    trials = 2000
    for rate in rates_at_the_boundary(spectrum, members_a, members_b, trials):
        assert rate <= 0.05 + 3 * standard_error(0.05, trials)


def test_the_level_is_used_up_where_all_points_move_together():
    """A bound that is merely large would pass the tests above: along one direction the test must be exact."""
    law_a, law_b = Law.of(SPECTRA["one direction"], 0.6, 1), Law.of(SPECTRA["one direction"], 0.3, 1)
    members, trials = 12, 600
    covariance = (law_a.covariance + law_b.covariance) / members
    margin = 4 * np.sqrt(np.trace(covariance) / len(covariance))
    shape = next(directions(covariance))
    pairs = bounds_at(law_a, law_b, members, members, margin * shape, trials)
    rate = np.mean([upper_bound(distance, noise, 0.05) < margin for distance, noise in pairs])
    assert abs(rate - 0.05) < 3.5 * standard_error(0.05, trials)


def test_one_point_gives_the_two_one_sided_t_tests():
    generator = np.random.default_rng(5)
    a, b = generator.normal(1.0, 0.6, size=(9, 1)), generator.normal(0.0, 0.3, size=(9, 1))
    distance = distance_of(a, b)
    error = np.sqrt(a.var(ddof=1) / 9 + b.var(ddof=1) / 9)
    expected = abs(a.mean() - b.mean()) + stats.t.ppf(0.95, distance.top_freedom) * error
    assert upper_bound(distance, draw_noise(distance, 0), 0.05) == pytest.approx(expected, rel=0.02)


def test_equal_means_are_declared_equivalent_inside_a_wide_margin():
    law_a, law_b = Law.of(SPECTRA["falling"], 0.6, 1), Law.of(SPECTRA["falling"], 0.3, 2)
    margin = 4 * np.sqrt((0.6**2 + 0.3**2) / 20)
    pairs = bounds_at(law_a, law_b, 20, 20, 0.0, 60)
    assert np.mean([upper_bound(distance, noise, 0.05) < margin for distance, noise in pairs]) > 0.9


def test_luck_alone_never_gives_a_bound_of_zero():
    a = np.random.default_rng(0).normal(size=(8, 3))
    distance = distance_of(a - a.mean(0), a - a.mean(0))
    assert distance.squared == pytest.approx(0, abs=1e-30)
    assert upper_bound(distance, draw_noise(distance, 0), 0.05) > np.sqrt(distance.floor_squared)


@pytest.mark.parametrize("size", [0.0, 1.5])
def test_interval_holds_the_true_distance(size):
    law_a, law_b = Law.of(SPECTRA["falling"], 0.6, 1), Law.of(SPECTRA["falling"], 0.3, 2)
    covariance = (law_a.covariance + law_b.covariance) / 16
    truth = size * np.sqrt(np.trace(covariance) / len(covariance))
    trials = 150
    inside = []
    for distance, noise in bounds_at(law_a, law_b, 16, 16, truth * next(directions(covariance)), trials):
        low, high = squared_interval(distance, noise, 0.05)
        inside.append(low <= truth**2 <= high)
        assert low <= max(distance.unbiased, 0.0) <= high
    assert np.mean(inside) >= 0.95 - 3.5 * standard_error(0.05, trials)
