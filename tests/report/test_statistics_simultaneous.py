"""Bounds that hold at all steps, or at all points and steps, at once: coverage where the truth is known."""

import numpy as np
import pytest
from laws import SPECTRA, Law, standard_error

from eqntk_cli.report.statistics.band import BandSums
from eqntk_cli.report.statistics.distance import DistanceSums
from eqntk_cli.report.statistics.equivalence import draw_noise, lower_bound
from eqntk_cli.report.statistics.simultaneous import joint_noise, lower_bounds

GROWTH = (1.0, 0.8, 0.5)


def steps_of(generator, law, units, shift, together):
    """Units at several steps; the noise of one step is `together` that of the one before."""
    latent = generator.normal(size=(units, len(law.loadings)))
    for growth in GROWTH:
        yield growth * latent @ law.loadings + growth * shift
        latent = together * latent + np.sqrt(1 - together**2) * generator.normal(size=latent.shape)


def distance_of(values):
    sums = DistanceSums(len(values), None)
    slab = sums.add(values)
    return sums.result(len(values), None, 1.0), slab


def along_top(law, size):
    shape = np.linalg.eigh(law.covariance)[1][:, -1]
    return size * shape / np.sqrt(np.mean(shape**2))


def wrong_differences(spectrum, units, together, trials):
    """How often some lower bound is above the margin, for a true distance on the margin at every step."""
    law, generator = Law.of(SPECTRA[spectrum], 1.0, 1), np.random.default_rng(4)
    size = 3 / np.sqrt(units)
    margins = [growth * size for growth in GROWTH]
    for trial in range(trials):
        values = steps_of(generator, law, units, along_top(law, size), together)
        lower = lower_bounds([distance_of(sample)[0] for sample in values], margins, 0.05, trial)
        yield any(bound > margin for bound, margin in zip(lower.bounds, margins, strict=True))


@pytest.mark.parametrize("together", [1.0, 0.5])
def test_a_difference_on_the_margin_is_not_put_beyond_it_more_often_than_the_level(together):
    rate = np.mean(list(wrong_differences("one direction", 8, together, 40)))
    assert rate <= 0.05 + 3.5 * standard_error(0.05, 40)


@pytest.mark.slow
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("units", [8, 16, 32])
@pytest.mark.parametrize("together", [1.0, 0.5])
def test_lower_bounds_hold_their_level_at_length(spectrum, units, together):
    rate = np.mean(list(wrong_differences(spectrum, units, together, 600)))
    assert rate <= 0.05 + 3 * standard_error(0.05, 600)


def test_steps_that_move_together_cost_no_correction():
    law, generator = Law.of(SPECTRA["falling"], 1.0, 1), np.random.default_rng(0)
    levels = []
    for together in (1.0, 0.0):
        distances = [distance_of(sample)[0] for sample in steps_of(generator, law, 16, 0.0, together)]
        levels.append(lower_bounds(distances, [2.0, 1.6, 1.0], 0.05, 0).level)
    same, apart = levels
    assert same > 0.04
    assert 0.05 / 3 - 0.003 < apart < 0.025  # near that of independent steps, Bonferroni at the least


def test_a_difference_far_beyond_the_margin_is_shown():
    law, generator = Law.of(SPECTRA["falling"], 1.0, 1), np.random.default_rng(0)
    distances = [distance_of(sample)[0] for sample in steps_of(generator, law, 8, along_top(law, 6.0), 1.0)]
    assert lower_bounds(distances, [1.0] * 3, 0.05, 0).bounds[0] > 2


def test_equal_means_have_no_lower_bound():
    law, generator = Law.of(SPECTRA["falling"], 1.0, 1), np.random.default_rng(0)
    bounds = [lower_bounds([distance_of(law.draw(generator, 8))[0]], [1.0], 0.05, 0).bounds[0] for _ in range(40)]
    assert np.mean(np.array(bounds) > 0) <= 0.05 + 3.5 * standard_error(0.05, 40)


def test_one_step_is_the_bound_of_that_step():
    distance, _ = distance_of(Law.of(SPECTRA["falling"], 1.0, 1).draw(np.random.default_rng(0), 12, 1.0))
    lower = lower_bounds([distance], [0.5], 0.05, 0)
    assert lower.level == pytest.approx(0.05)
    assert lower.bounds[0] == pytest.approx(lower_bound(distance, draw_noise(distance, 0), 0.05), rel=0.01)


def test_putting_draws_in_order_keeps_the_law_of_every_step():
    distance, _ = distance_of(Law.of(SPECTRA["falling"], 1.0, 1).draw(np.random.default_rng(0), 12))
    (ordered,), plain = joint_noise([distance], 3), draw_noise(distance, 3)
    assert np.array_equal(np.sort(ordered.along), np.sort(plain.along))
    assert np.array_equal(np.sort(ordered.rest), np.sort(plain.rest))


def covered(spectrum, units, trials, two_samples=False):
    """How often all points of all steps lie inside the band."""
    law, generator = Law.of(SPECTRA[spectrum], 1.0, 1), np.random.default_rng(6)
    shift = np.random.default_rng(7).normal(size=30)
    for trial in range(trials):
        band, floors, freedoms, off, largest = BandSums(units * (1 + two_samples), trial), [], [], [], []
        values = steps_of(generator, law, units, shift, 0.7)
        others = steps_of(generator, law, units, 0.0, 0.7)
        for growth, a, b in zip(GROWTH, values, others, strict=True):
            sums = DistanceSums(units, units if two_samples else None)
            band.begin()
            slab = sums.add(a, b if two_samples else None)
            band.add(slab)
            distance = sums.result(units, units if two_samples else None, 1.0)
            floors.append(np.sqrt(distance.floor_squared))
            freedoms.append(distance.top_freedom)
            off.append(np.abs(slab.difference - growth * shift).max())
            largest.append(np.abs(slab.difference).max())
        bounds = band.bounds([0, 1, 2], floors, min(freedoms), 0.05)
        # the band itself, |delta - d| <= c F, is narrower than what follows from it for the largest difference
        yield all(deviation <= bound - most for deviation, bound, most in zip(off, bounds, largest, strict=True))


@pytest.mark.parametrize("two_samples", [False, True])
def test_no_point_lies_beyond_the_band(two_samples):
    rate = np.mean(list(covered("one direction", 8, 80, two_samples)))
    assert rate >= 0.95 - 3.5 * standard_error(0.05, 80)


@pytest.mark.slow
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("units", [8, 16, 32])
@pytest.mark.parametrize("two_samples", [False, True])
def test_the_band_covers_at_length(spectrum, units, two_samples):
    rate = np.mean(list(covered(spectrum, units, 1000, two_samples)))
    assert rate >= 0.95 - 3 * standard_error(0.05, 1000)


def test_the_band_is_as_wide_as_students_interval_where_there_is_one_point():
    from scipy import stats

    values = np.random.default_rng(2).normal(size=(9, 1))
    distance, slab = distance_of(values)
    band = BandSums(9, 0)
    band.begin()
    band.add(slab)
    (bound,) = band.bounds([0], [np.sqrt(distance.floor_squared)], 8, 0.05)
    expected = abs(values.mean()) + stats.t.ppf(0.975, 8) * values.std(ddof=1) / 3
    assert bound == pytest.approx(expected, rel=0.06)


def test_steps_that_do_not_count_do_not_widen_the_band():
    generator, band = np.random.default_rng(0), BandSums(8, 0)
    floors = []
    for size in (1.0, 100.0):
        values = generator.normal(size=(8, 40))
        values[:, 0] *= size  # one point far noisier than the floor of its step
        distance, slab = distance_of(values)
        band.begin()
        band.add(slab)
        floors.append(np.sqrt(distance.floor_squared))
    first, both = (band.bounds(counted, floors, 7, 0.05)[0] for counted in ([0], [0, 1]))
    assert both > 1.5 * first
