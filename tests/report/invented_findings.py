"""Invented findings of a report: plausible numbers without a statistic behind them."""

from math import nan

import numpy as np

from eqntk_cli.report.findings.base import Finding
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

STEPS = (0, 1, 3, 10, 30, 100, 300)
ELEMENTS = ("e", "r90", "r180", "r270")


def findings(title: str, regression: bool, images: bool, metric: str, unit: str) -> tuple[Finding, ...]:
    """The findings of a pair."""
    models, splits = ("augmented_ensemble", "gcnn_ensemble"), ("test", "ood")
    counts = (2, 6, 12, 24, 48, 96)
    return (
        *(_trajectory(sample, title) for sample in range(4)),
        _variance("augmented_ensemble", "plain", 0.30),
        _variance("gcnn_ensemble", "group", 0.11),
        *(_orbit(model, split, regression) for split in splits for model in models),
        *(_example(sample, images, title) for sample in range(2)),
        MemberScaling(300, counts, tuple(0.5 / np.sqrt(counts)), (0.05,) * 6),
        *(_metric(model, split, metric, unit) for split in splits for model in (*models, "ntk")),
        *(_parity(model) for model in models if regression),
    )


def across(title: str, regression: bool) -> tuple[Finding, ...]:
    """The findings over several pairs."""
    return (*_scalings(title), *_extrapolations(title), *(_learning(title) if regression else ()))


def _variance(model: str, kernel: str, level: float) -> VarianceComparison:
    points = np.random.default_rng(3).gamma(4, level / 4, 40)
    predicted = tuple(level * (1 - 0.5 * np.arange(7) / 7))
    return VarianceComparison(
        model=model,
        kernel=kernel,
        split="test",
        steps=STEPS,
        measured=tuple(1.04 * np.array(predicted)),
        measured_error=tuple(0.05 * np.array(predicted)),
        predicted=predicted,
        ratio=(1.04,) * 7,
        ratio_error=(0.05,) * 7,
        scatter_step=300,
        scatter_measured=tuple(points * np.random.default_rng(4).normal(1, 0.12, 40)),
        scatter_error=tuple(0.14 * points),
        scatter_predicted=tuple(points),
    )


def _orbit(model: str, split: str, regression: bool) -> OrbitStatistics:
    own = model == "augmented_ensemble"
    same = None if regression else (0.7, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99)
    return OrbitStatistics(
        model=model,
        split=split,
        elements=ELEMENTS if own else ("e",),
        steps=STEPS,
        deviation=(0.9, 0.5, 0.3, 0.12, 0.09, 0.08, 0.08) if own else (3e-7,) * 7,
        deviation_floor=(0.88, 0.48, 0.29, 0.12, 0.09, 0.07, 0.08) if own else (0.0,) * 7,
        member_deviation=(9.0, 5.0, 2.0, 1.1, 0.9, 0.8, 0.7) if own else (3e-7,) * 7,
        same_prediction=(same if own else (1.0,) * 7) if same else None,
        same_prediction_error=((0.02,) * 7 if own else (0.0,) * 7) if same else None,
    )


def _metric(model: str, split: str, metric: str, unit: str) -> TaskMetrics:
    theory = model == "ntk"
    values = (0.5, 0.55, 0.6, 0.7, 0.75, 0.8, 0.81) if not unit else (900.0, 800.0, 600.0, 300.0, 200.0, 150.0, 140.0)
    spread = (None,) * 4 if theory else (0.01, values[-1] * 0.96, 0.004, 0.03)
    return TaskMetrics(model, split, metric, unit, STEPS, values, *spread)


def _trajectory(sample: int, output: str) -> Trajectory:
    mu = np.sin(sample + 1) * (1 - np.exp(-np.array(STEPS) / 50))
    return Trajectory(
        sample=sample,
        split="test" if sample < 3 else "ood",
        output=output,
        target=1.0 if sample < 3 else None,
        steps=STEPS,
        mean_a=tuple(mu + 0.03),
        spread_a=(0.5,) * 7,
        error_a=(0.05,) * 7,
        mean_b=tuple(mu - 0.02),
        spread_b=(0.3,) * 7,
        error_b=(0.03,) * 7,
        mu=tuple(mu),
        mu_spread_a=(0.48,) * 7,
        mu_spread_b=(0.29,) * 7,
    )


def _example(sample: int, images: bool, output: str) -> OrbitExample:
    image = np.add.outer(np.arange(8.0), np.arange(8.0) ** 2) * (1 + sample)
    return OrbitExample(
        sample=sample,
        split="test" if sample == 0 else "ood",
        label=(1,),
        outputs=("benign", output),
        elements=ELEMENTS,
        augmented=tuple((0.1 + 0.02 * k, 0.9 - 0.02 * k) for k in range(4)),
        augmented_member=tuple((0.6 - 0.3 * k, 0.4 + 0.3 * k) for k in range(4)),
        gcnn=(0.13, 0.87),
        image=tuple(tuple(row) for row in image.tolist()) if images else None,
    )


def _parity(model: str) -> Parity:
    target = np.linspace(-400, 400, 30)
    spread = np.full(30, 40.0)
    return Parity(model, "test", "atomisation energy", "meV", tuple(target), tuple(0.9 * target + 5), tuple(spread))


def _scalings(title: str) -> tuple[WidthScaling, ...]:
    head, errors = (10, (64, 256, 1024)), ((0.003, 0.001, 0.0005), (0.01,) * 3)
    return (
        WidthScaling(title, "difference per member", *head, (0.083, 0.036, 0.016), *errors, -0.594, 0.02, -0.5),
        WidthScaling(title, "distance of the means", *head, (0.03, nan, 0.002), *errors, None, None, -1.0),
    )


def _extrapolations(title: str) -> tuple[Extrapolation, ...]:
    widths = (64, 256, 1024)
    bias = (nan, *(2.5,) * 6)
    return (Extrapolation(title, "augmented - gcnn", STEPS, widths, (0.02,) * 7, (0.021,) * 7, (-4e-5,) * 7, bias),)


def _learning(title: str) -> tuple[LearningCurve, ...]:
    return tuple(
        LearningCurve(title, model, "mae", "meV", (50, 100, 200), (400.0, 300.0, 200.0), (20.0, 12.0, 9.0), (1,) * 3)
        for model in ("augmented_ensemble", "gcnn_ensemble", "ntk")
    )
