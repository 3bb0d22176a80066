import numpy as np
import pytest

from eqntk_cli.report.findings.invariance import orbit_statistics
from eqntk_cli.report.findings.members import member_scaling
from eqntk_cli.report.findings.metrics import task_metrics
from eqntk_cli.report.findings.variance import compare_variance
from eqntk_cli.report.statistics.samples import ArraySample
from eqntk_cli.report.statistics.scaling import extrapolate, power_law
from eqntk_cli.targets.scale import TargetScale
from eqntk_cli.targets.task import MULTI_CLASS, REGRESSION

INDICATOR = TargetScale("class indicator")


def test_power_law_recovers_the_exponent_with_an_honest_error():
    generator = np.random.default_rng(0)
    widths, fits = (64, 128, 256, 512), []
    for _ in range(400):
        true = 3.0 * np.array(widths) ** -0.5
        errors = 0.05 * true
        fits.append(power_law(widths, true + errors * generator.normal(size=4), errors))
    exponents, stated = np.array(fits).T
    assert exponents.mean() == pytest.approx(-0.5, abs=4 * exponents.std() / 20 + 0.005)
    assert 0.9 < np.median(stated) / exponents.std() < 1.5


def test_no_exponent_is_claimed_where_nothing_is_seen():
    assert power_law((64, 256), (0.1, 0.1), (0.2, 0.2)) == (None, None)
    assert power_law((64, 256), (1.0, 0.0), (0.1, 0.1)) == (None, None)


def test_extrapolation_removes_a_bias_of_order_one_over_width():
    generator = np.random.default_rng(1)
    shape = generator.normal(size=2000)
    widths, floors = (32, 64, 256), (0.02, 0.02, 0.01)
    rows = np.stack(
        [5 / n * shape + floor * generator.normal(size=2000) for n, floor in zip(widths, floors, strict=True)]
    )
    distance, floor, unbiased, bias = extrapolate(widths, rows, floors)
    assert distance == pytest.approx(floor, rel=0.1)  # nothing but noise is left
    assert abs(unbiased) < 0.2 * floor**2
    assert bias == pytest.approx(5 * np.sqrt(np.mean(shape**2)), rel=0.1)
    shifted = extrapolate(widths, rows + 0.1, floors)
    assert shifted[2] == pytest.approx(0.01, rel=0.1)  # a difference that stays at infinite width is kept


@pytest.mark.parametrize(("units_b", "paired"), [(12, False), (12, True), (40, False)])
def test_distance_against_members_starts_from_the_first_and_ends_with_all(units_b, paired):
    """The floor is that of so many members of each, also where one ensemble has more than are taken."""
    generator = np.random.default_rng(2)
    a, b = generator.normal(size=(1, 12, 5)), 3 * generator.normal(size=(1, units_b, 5))
    scaling = member_scaling(ArraySample(a, 12), ArraySample(b, units_b), 0, 100, paired=paired)
    assert scaling.members == (2, 4, 8, 12)
    expected = np.sqrt(np.mean((a[0, :4].mean(0) - b[0, :4].mean(0)) ** 2))
    assert scaling.distance[1] == pytest.approx(expected)
    variance = (a - b).var(axis=1, ddof=1) if paired else a.var(axis=1, ddof=1) + b.var(axis=1, ddof=1)
    assert scaling.floor == pytest.approx([np.sqrt(variance.mean() / m) for m in scaling.members])


@pytest.mark.parametrize("batch", [1, 4])
def test_variance_comes_with_the_error_that_repetition_shows(batch):
    generator = np.random.default_rng(3)
    members, samples, outputs = 80, 6, 2
    loadings = generator.normal(size=(3, samples))
    predicted = np.square(loadings).sum(0)[None]
    ratios, errors = [], []
    for _ in range(150):
        latent = generator.normal(size=(members, 3, outputs))
        values = np.einsum("mko,ks->mso", latent, loadings)
        units = values.reshape(members // batch, batch, -1).mean(axis=1)[None]
        measured = values.var(axis=0, ddof=1)[None]
        labels = ("augmented_ensemble", "plain", "test")
        comparison = compare_variance(labels, (10,), ArraySample(units, members), measured, predicted)
        ratios.append(comparison.ratio[0])
        errors.append(comparison.ratio_error[0])
    assert np.mean(ratios) == pytest.approx(1.0, abs=4 * np.std(ratios) / np.sqrt(150))
    assert np.median(errors) == pytest.approx(np.std(ratios), rel=0.2)
    assert comparison.scatter_measured == pytest.approx(measured[0].mean(axis=1))


def orbit_of(values, task):
    """Statistics of an ensemble (member, element, sample, output) at one step."""
    return orbit_statistics(
        ("augmented_ensemble", "test"),
        (5,),
        tuple("e123"[: values.shape[1]]),
        values.mean(axis=0)[None],
        (values.var(axis=1).mean(axis=0)[None],) * 2,
        np.square(values[:, 0]).mean(axis=0)[None],
        len(values),
        task,
        INDICATOR,
    )


def test_orbit_deviation_of_an_invariant_ensemble_is_its_floor():
    generator = np.random.default_rng(4)
    task = MULTI_CLASS
    values = 1 + 0.5 * generator.normal(size=(50, 4, 300, 3))
    statistics = orbit_of(values, task)
    assert statistics.deviation[0] == pytest.approx(statistics.deviation_floor[0], rel=0.1)
    assert statistics.member_deviation[0] == pytest.approx(0.5 * np.sqrt(3 / 4) / np.sqrt(1.25), rel=0.05)
    values[:, 1] += 0.3  # one element of the orbit is treated differently
    assert orbit_of(values, task).deviation[0] > 1.5 * statistics.deviation_floor[0]


def test_orbit_same_prediction_counts_the_elements_that_agree():
    values = np.zeros((2, 4, 3, 2))
    values[..., 0] = 1
    values[:, 2, 1] = (0, 1)  # sample 1 changes class at one of four elements
    statistics = orbit_of(values + 1e-9 * np.arange(2)[:, None, None, None], MULTI_CLASS)
    assert statistics.same_prediction == (pytest.approx(11 / 12),)
    assert statistics.same_prediction_error[0] == pytest.approx(np.std([1, 0.75, 1]) / np.sqrt(3))


def test_metrics_have_the_error_that_repetition_shows():
    generator = np.random.default_rng(8)
    target, truth = generator.normal(size=(40, 1)), 0.3
    errors, values = [], []
    for _ in range(40):
        units = target.T + truth + 0.5 * generator.normal(size=(30, 1)) * np.ones(40)
        mean = units.mean(axis=0).reshape(1, 40, 1)
        labels = ("gcnn_ensemble", "test")
        last = units[:, :, None]
        metrics = task_metrics(
            labels, (5,), mean, REGRESSION, TargetScale("u0"), target, None, ArraySample(units[None], 30), last
        )
        values.append(metrics[0].ensemble[0])
        errors.append(metrics[0].ensemble_error)
    assert np.median(errors) == pytest.approx(np.std(values), rel=0.35)
    assert metrics[0].member_error == pytest.approx(metrics[0].member_spread / np.sqrt(30))
    assert [row.metric for row in metrics] == ["mae", "rmse"]


def test_unknown_truth_gives_no_metric():
    prediction = np.zeros((1, 4, 2))
    unknown = np.full((4, 1), -1)
    assert task_metrics(("ntk", "ood"), (5,), prediction, MULTI_CLASS, INDICATOR, prediction[0], unknown) == []
