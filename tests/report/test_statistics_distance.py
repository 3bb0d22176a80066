import numpy as np
import pytest
from laws import SPECTRA, Law

from eqntk_cli.report.statistics.distance import DistanceSums, combine
from eqntk_cli.report.statistics.reference import ReferenceSums
from eqntk_cli.report.statistics.samples import MAX_UNITS, batch_size, scheffe_weights


def two_samples(units_a=7, units_b=5, points=11, seed=0):
    generator = np.random.default_rng(seed)
    shared = generator.normal(size=(3, points))
    a = generator.normal(size=(units_a, 3)) @ shared + generator.normal(size=points)
    b = 0.5 * generator.normal(size=(units_b, points)) + generator.normal(size=points)
    return a, b


def distance_of(a, b=None, cut=4):
    sums = DistanceSums(len(a), None if b is None else len(b))
    for part in (slice(0, cut), slice(cut, None)):
        sums.add(a[:, part], None if b is None else b[:, part])
    return sums.result(len(a), None if b is None else len(b), 1.0)


def test_sums_over_slabs_agree_with_the_covariance_written_out():
    a, b = two_samples()
    distance, points = distance_of(a, b), a.shape[1]
    covariance = np.cov(a.T) / len(a) + np.cov(b.T) / len(b)
    difference = a.mean(0) - b.mean(0)
    top = np.linalg.eigvalsh(covariance)[-1]
    assert distance.squared == pytest.approx(np.mean(difference**2), rel=1e-12)
    assert distance.floor_squared == pytest.approx(np.trace(covariance) / points, rel=1e-12)
    assert distance.top == pytest.approx(top / points, rel=1e-10)
    assert distance.trace_of_square == pytest.approx(np.trace(covariance @ covariance) / points**2, rel=1e-10)
    along = difference @ covariance @ difference / (difference @ difference) / points
    assert distance.along == pytest.approx(along, rel=1e-10)
    assert distance.member_squared == pytest.approx((a.var(0, ddof=1) + b.var(0, ddof=1)).mean(), rel=1e-12)


def test_one_sample_of_differences():
    a, _ = two_samples()
    distance = distance_of(a)
    assert distance.floor_squared == pytest.approx(np.mean(a.var(0, ddof=1)) / len(a), rel=1e-12)
    assert distance.member_squared == pytest.approx(np.mean(a**2), rel=1e-12)
    assert distance.top_freedom == pytest.approx(len(a) - 1)


def test_freedom_of_the_top_direction_is_welchs_for_a_single_point():
    a, b = (sample[:, :1] for sample in two_samples(6, 9))
    one, two = a.var(ddof=1) / 6, b.var(ddof=1) / 9
    welch = (one + two) ** 2 / (one**2 / 5 + two**2 / 8)
    assert distance_of(a, b).top_freedom == pytest.approx(welch, rel=1e-10)


def test_unbiased_distance_is_unbiased():
    law_a, law_b = (Law.of(SPECTRA["falling"], spread, seed) for seed, spread in ((1, 0.6), (2, 0.3)))
    generator = np.random.default_rng(0)
    shift = generator.normal(size=30) * 0.1
    distances = [distance_of(law_a.draw(generator, 6, shift), law_b.draw(generator, 9)).unbiased for _ in range(800)]
    error = np.std(distances) / np.sqrt(len(distances))
    assert abs(np.mean(distances) - np.mean(shift**2)) < 3.5 * error
    assert 10 * error < 0.6**2 / 6 + 0.3**2 / 9  # a bias of the size of the noise floor would be seen


@pytest.mark.parametrize(("units_a", "units_b"), [(7, 5), (5, 7), (6, 6)])
def test_scheffe_differences_are_uncorrelated_with_the_right_mean_and_variance(units_a, units_b):
    a, b = two_samples(units_a, units_b)
    assert np.allclose(combine(a, b).mean(0), a.mean(0) - b.mean(0), atol=1e-12)
    of_a, of_b = scheffe_weights(units_a, units_b)
    smaller = min(units_a, units_b)
    covariance = 2.0 * of_a @ of_a.T + 0.7 * of_b @ of_b.T  # var_A = 2, var_B = 0.7
    expected = smaller * (2.0 / units_a + 0.7 / units_b)
    assert np.allclose(covariance, expected * np.eye(smaller), atol=1e-12)


def test_reference_is_the_precision_weighted_mean_without_its_noise():
    law_a, law_b = (Law.of(SPECTRA["two directions"], spread, seed) for seed, spread in ((1, 1.0), (2, 0.2)))
    generator = np.random.default_rng(0)
    mean = generator.normal(size=30)
    squares = []
    for _ in range(300):
        sums = ReferenceSums(paired=False)
        a, b = law_a.draw(generator, 6, mean), law_b.draw(generator, 6, mean)
        for part in (slice(0, 9), slice(9, None)):
            sums.add(a[:, part], b[:, part])
        squares.append(sums.squared())
    plain = np.mean(mean**2) + 0.25 * (1.0 + 0.04) / 6  # what an unweighted mean with its noise would give
    error = np.std(squares) / np.sqrt(len(squares))
    assert abs(np.mean(squares) - np.mean(mean**2)) < 4 * error
    assert abs(np.mean(squares) - plain) > 4 * error


def test_members_are_batched_evenly_only_beyond_the_limit():
    assert batch_size(MAX_UNITS) == 1
    assert batch_size(1000) == 5
    assert 1000 // batch_size(1000) <= MAX_UNITS
