"""Whole studies under optional stopping, by the report's own comparison and judgement (bench_verdict.py: at length)."""

import numpy as np
import pytest
from laws import SPECTRA, Law, standard_error

from eqntk_cli.report.findings.comparison import Settings
from eqntk_cli.report.findings.means import Comparison
from eqntk_cli.report.model import Outcome
from eqntk_cli.report.statistics.samples import ArraySample
from eqntk_cli.report.verdict import judge

LAW = Law.of(SPECTRA["one direction"], 0.06, 1)  # the least favourable law; one unit scatters by 0.6 margins
SHAPE = LAW.loadings[0] / np.sqrt(np.mean(LAW.loadings[0] ** 2))
LOOKS = (8, 16)
SETTINGS = Settings(margin=0.1, level=0.05 / len(LOOKS), resamples=199)


def study(distance, seed, looks=LOOKS):
    """The verdict of the first look that decides, for a true distance in margins at both steps."""
    generator = np.random.default_rng([seed, int(10 * distance)])
    values = np.stack([1 + 0.1 * distance * SHAPE + LAW.draw(generator, looks[-1]) for _ in range(2)])
    mu = np.ones((2, 30))
    for look in looks:
        sample = ArraySample(values[:, :look], look)
        verdict = judge(Comparison("theory", sample, None, mu, SETTINGS).run("x", "test", (1, 2)), SETTINGS)
        if verdict.outcome is not Outcome.UNDECIDED:
            break
    return verdict.outcome


@pytest.mark.parametrize(("distance", "expected"), [(0.0, Outcome.EQUIVALENT), (3.0, Outcome.DIFFERENT)])
def test_what_is_far_from_the_margin_is_decided_rightly(distance, expected):
    assert {study(distance, seed) for seed in range(4)} == {expected}


def wrong(studies):
    outcomes = [study(1.0, seed) for seed in range(studies)]
    return [np.mean([answer is outcome for answer in outcomes]) for outcome in (Outcome.EQUIVALENT, Outcome.DIFFERENT)]


def test_neither_answer_is_given_on_the_margin_more_often_than_the_level():
    assert max(wrong(20)) <= 0.05 + 3.5 * standard_error(0.05, 20)


@pytest.mark.slow
def test_neither_answer_is_given_on_the_margin_more_often_than_the_level_at_length():
    assert max(wrong(400)) <= 0.05 + 3 * standard_error(0.05, 400)
