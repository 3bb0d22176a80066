import numpy as np
import pytest
from laws import SPECTRA, Law, standard_error

from eqntk_cli.report.statistics.distance import DistanceSums
from eqntk_cli.report.statistics.equivalence import draw_noise, lower_bound, upper_bound
from eqntk_cli.report.statistics.power import (
    MOST,
    POWER,
    members_for_difference,
    members_for_equivalence,
)

LAW_A, LAW_B = Law.of(SPECTRA["falling"], 0.6, 1), Law.of(SPECTRA["falling"], 0.3, 2)


def seen(generator, members, shift=0.0):
    a, b = LAW_A.draw(generator, members, shift), LAW_B.draw(generator, members)
    sums = DistanceSums(members, members)
    sums.add(a, b)
    distance = sums.result(members, members, 1.0)
    return distance, draw_noise(distance, 0)


@pytest.mark.parametrize("delta", [0.0, pytest.param(0.05, marks=pytest.mark.slow)])
def test_the_promised_number_of_members_passes_as_often_as_promised(delta):
    generator = np.random.default_rng(2)
    shape = np.random.default_rng(5).normal(size=30)
    shift = delta * shape / np.sqrt(np.mean(shape**2))
    margin, trials = 0.15, 150
    promised = [members_for_equivalence(*seen(generator, 40, shift), delta, 40, margin, 0.05) for _ in range(15)]
    members = int(np.median(promised))
    passed = np.mean([upper_bound(*seen(generator, members, shift), 0.05) < margin for _ in range(trials)])
    assert abs(passed - POWER) < 3.5 * standard_error(POWER, trials) + 0.05  # the estimate itself comes from 40 members
    fewer = np.mean([upper_bound(*seen(generator, members // 2, shift), 0.05) < margin for _ in range(trials)])
    assert fewer < passed - 0.1


def test_a_difference_outside_the_margin_never_becomes_equivalent():
    distance, noise = seen(np.random.default_rng(0), 10)
    assert members_for_equivalence(distance, noise, 0.2, 10, 0.15, 0.05) is None


def test_too_many_members_are_not_asked_for():
    distance, noise = seen(np.random.default_rng(0), 10)
    assert members_for_equivalence(distance, noise, 0.0, 10, 1e-5, 0.05) is None
    enough = members_for_equivalence(distance, noise, 0.0, 10, 1e-2, 0.05)
    assert enough is not None
    assert enough < MOST


def test_the_promised_number_of_members_shows_a_difference_beyond_the_margin():
    generator, delta, margin, trials = np.random.default_rng(2), 0.3, 0.15, 150
    shape = np.random.default_rng(5).normal(size=30)
    shift = delta * shape / np.sqrt(np.mean(shape**2))
    promised = [members_for_difference(*seen(generator, 20, shift), delta, 20, margin, 0.05) for _ in range(15)]
    members = int(np.median(promised))
    passed = np.mean([lower_bound(*seen(generator, members, shift), 0.05) > margin for _ in range(trials)])
    assert abs(passed - POWER) < 3.5 * standard_error(POWER, trials) + 0.05
    fewer = np.mean([lower_bound(*seen(generator, members // 2, shift), 0.05) > margin for _ in range(trials)])
    assert fewer < passed - 0.1


def test_no_number_of_members_decides_a_distance_that_is_the_margin():
    distance, noise = seen(np.random.default_rng(0), 10)
    assert members_for_difference(distance, noise, 0.15, 10, 0.15, 0.05) is None
    assert members_for_equivalence(distance, noise, 0.15, 10, 0.15, 0.05) is None
    near, far = (members_for_difference(distance, noise, 0.15 * share, 10, 0.15, 0.05) for share in (1.1, 3))
    assert near > 10 * far
