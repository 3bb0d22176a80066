import numpy as np
import pytest

from eqntk_cli.report.statistics.distance import DistanceSums, skewness


def distance_of(a, b=None):
    sums = DistanceSums(len(a), None if b is None else len(b))
    for part in (slice(0, 3), slice(3, None)):
        sums.add(a[:, part], None if b is None else b[:, part])
    return sums.result(len(a), None if b is None else len(b), 1.0)


def warned(law, units, trials=60):
    generator = np.random.default_rng(8)
    return np.mean([skewness([distance_of(law(generator, (units, 20)))]) is not None for _ in range(trials)])


def test_skewed_units_are_named_and_normal_ones_are_not():
    assert warned(_lognormal, 16) > 0.95
    assert warned(_normal, 16) < 0.05


@pytest.mark.parametrize("units", [8, 32])
def test_even_eight_lognormal_units_are_named_where_many_points_are_skewed(units):
    assert warned(_lognormal, units) > 0.8


def test_the_skewness_of_a_mean_is_that_of_a_unit_over_the_root_of_their_number():
    generator = np.random.default_rng(0)
    a, b = generator.exponential(size=(300, 40)), generator.exponential(size=(300, 40))
    one = distance_of(a)
    assert np.sqrt(one.skewness.seen) == pytest.approx(2 / np.sqrt(300), rel=0.25)  # that of an exponential law is 2
    two = distance_of(a, b)  # alike on both sides: it cancels in the difference
    assert two.skewness.seen < 0.2 * one.skewness.seen
    opposite = distance_of(a, -b)
    assert np.sqrt(opposite.skewness.seen) == pytest.approx(2 / np.sqrt(600), rel=0.25)


def test_normal_units_show_what_is_said_of_them():
    generator = np.random.default_rng(1)
    skewnesses = [distance_of(_normal(generator, (9, 6)), _normal(generator, (7, 6))).skewness for _ in range(600)]
    seen, normal = np.mean(skewnesses, axis=0)
    assert seen == pytest.approx(normal, rel=0.1)


def _lognormal(generator, shape):
    return np.exp(generator.normal(size=shape))


def _normal(generator, shape):
    return generator.normal(size=shape)
