"""Learning curves of kernel runs: averages, exponents, agreement and gain against what was planted in the runs."""

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from math import log

import numpy as np
import pytest
from kernel_runs import SIZES, TEST, Law, means, world, write_curves, write_kernel
from simulated import write_ensemble, write_study, write_theory

from eqntk_cli.errors import ConfigError
from eqntk_cli.report.analysis import analyse
from eqntk_cli.report.findings import catalogue
from eqntk_cli.report.findings.catalogue import tables_of
from eqntk_cli.report.findings.kernel_agreement import KernelAgreement
from eqntk_cli.report.findings.kernel_curve import KernelCurve, draw_kernel_learning
from eqntk_cli.report.findings.kernel_gain import KernelGain
from eqntk_cli.report.model import Outcome
from eqntk_cli.report.page.export import write_report
from eqntk_cli.report.paper.canvas import styled
from eqntk_cli.report.paper.drawing import render
from eqntk_cli.report.statistics.learning import decay, mean_and_error, ratio_of_means, relative_rms, size_for

MLP = {"name": "mlp", "hidden_layers": 3, "activation": "relu", "group_support": "identity"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_curves(tmp_path_factory.mktemp("curves"))


@pytest.fixture(scope="module")
def report(folder):
    return analyse([str(folder)])


def curve_of(report, kind, metric):
    (curve,) = (curve for curve in report.of(KernelCurve) if (curve.kind, curve.metric) == (kind, metric))
    return curve


def losses(n_train, law, step=-1):
    """The loss of every draw, from the predictions themselves."""
    values = []
    for seed in (0, 1, 2):
        drawn = world(n_train, seed)
        wrong = means(drawn, law)[step, n_train : n_train + TEST] - drawn.points().target[n_train : n_train + TEST]
        values.append(np.sum(wrong**2) / (2 * TEST))
    return np.array(values)


def test_values_are_means_over_draws_with_their_standard_errors(report):
    for kind, law in (("equivariant", Law()), ("augmented", Law()), ("plain", Law(factor=4.0))):
        curve = curve_of(report, kind, "loss")
        assert (curve.n_train, curve.draws, curve.step) == (SIZES, (3,) * 4, 1000)  # the same draw counts once
        expected = [losses(size, law) for size in SIZES]
        assert curve.value == pytest.approx([draws.mean() for draws in expected], rel=1e-12)
        assert curve.error == pytest.approx([draws.std(ddof=1) / np.sqrt(3) for draws in expected], rel=1e-9)
        assert curve.history[0] == pytest.approx([losses(16, law, step).mean() for step in range(3)], rel=1e-12)


def test_the_planted_exponent_is_found_and_positive_for_a_falling_error(report):
    curve = curve_of(report, "equivariant", "loss")
    assert abs(curve.beta - 0.5) < 4 * curve.beta_error
    assert 0.001 < curve.beta_error < 0.05
    assert curve.fitted == (16, 128)
    assert curve.amplitude == pytest.approx(2.0, rel=0.1)
    assert curve_of(report, "plain", "acc").beta is None  # a score does not fall


def test_accuracy_and_error_are_two_sides_of_one_thing(report):
    test = slice(16, 16 + TEST)
    right = np.mean([
        means(world(16, seed), Law())[-1, test].argmax(1) == world(16, seed).points().label[test, 0]
        for seed in (0, 1, 2)
    ])  # fmt: skip
    assert curve_of(report, "equivariant", "acc").value[0] == pytest.approx(right)
    assert curve_of(report, "equivariant", "error").value[0] == pytest.approx(1 - right)
    assert {curve.metric for curve in report.of(KernelCurve)} == {"loss", "error", "acc", "auc"}


def test_kernels_that_agree_are_said_to(report):
    (agreement,) = report.of(KernelAgreement)
    assert agreement.comparisons == 2 * 12  # within every equivariant run, and with the augmented one
    assert agreement.difference < 1e-12
    assert agreement.within
    assert agreement.allowed == pytest.approx(np.sqrt(np.finfo(np.float64).eps) * 100)
    assert "the same predictor up to" in report.first_line


def test_a_planted_disagreement_is_measured_and_said_first(tmp_path):
    write_curves(tmp_path, sizes=(16, 32), seeds=(0, 1))
    write_kernel(tmp_path / "wrong", world(64, 0), Law(), shift=0.02)
    report = analyse([str(tmp_path)])
    (agreement,) = report.of(KernelAgreement)
    assert agreement.difference == pytest.approx(0.02, rel=1e-9)  # of the RMS of the prediction over the test points
    assert (agreement.run_a, agreement.run_b, agreement.within) == ("wrong", "wrong", False)
    assert report.first_line.startswith("WARNING: the equivariant kernel and the plain kernel on the orbits of c4")
    assert "N = 64" in report.first_line


def test_networks_that_are_not_exactly_equivariant_are_not_expected_to_agree(tmp_path):
    kernel = {"group": {"condition_number": 100.0}, "plain": {"condition_number": 100.0}, "exact": False}
    for n_train in (16, 32):
        write_kernel(tmp_path / f"window-{n_train}", world(n_train, 0), Law(), shift=0.13, kernel=kernel)
    report = analyse([str(tmp_path)])
    assert report.of(KernelAgreement) == ()
    assert "WARNING" not in report.first_line


def test_the_gain_is_the_ratio_on_the_same_draws(report):
    (gain,) = (gain for gain in report.of(KernelGain) if gain.metric == "loss")
    assert gain.ratio == pytest.approx((0.5,) * 4, rel=1e-9)
    assert max(gain.ratio_error) < 1e-9  # the draws share their luck
    assert gain.samples[0] == pytest.approx(4, rel=0.2)  # 4 N^(-1/2) is 2 n^(-1/2) at N = 4 n
    assert gain.samples[-1] is None
    assert "C4 equivariant kernel 0.5 +- " in report.first_line


def test_a_report_of_curves_claims_nothing_about_ensembles(report):
    assert report.first_line.startswith("Learning curves of 3 kernels on breastmnist 8x8, mlp; no ensembles")
    assert (report.outcome, report.controls_ok, report.pairs) == (Outcome.UNDECIDED, False, ())
    assert report.unmatched == ()


def test_a_regression_has_errors_in_physical_units(tmp_path):
    report = analyse([str(write_curves(tmp_path, sizes=(16, 32), seeds=(0,), task="regression"))])
    curve = curve_of(report, "equivariant", "mae")
    wrong = [
        means(world(n, 0, "regression"), Law())[-1, n:] - world(n, 0, "regression").points().target[n:]
        for n in (16, 32)
    ]
    expected = [200.0 * np.abs(residuals).mean() for residuals in wrong]  # the scale of the target
    assert curve.unit == "meV"
    assert curve.value == pytest.approx(expected, rel=1e-9)
    assert curve.kcal_per_mol == pytest.approx([loss / 1000 * 23.0605 for loss in expected], rel=1e-4)
    assert all(np.isnan(curve.error))  # one draw
    assert curve.beta == pytest.approx(-log(expected[1] / expected[0]) / log(2))
    assert curve.beta_error is None
    assert {curve.metric for curve in report.of(KernelCurve)} == {"loss", "mae", "rmse"}


def test_everything_reaches_page_tables_and_json(report, tmp_path):
    page = write_report(report, tmp_path / "out")
    html, markdown = page.read_text(), page.with_name("report.md").read_text()
    written = json.loads(page.with_name("report.json").read_text())
    assert written["kernel_curves"][0]["beta"] == report.of(KernelCurve)[0].beta
    assert written["learning_curves"] == []
    for text in (html, markdown):
        assert "plain kernel on the C4 orbit" in text
        assert "How fast test errors fall" in text
        assert "Margin" not in text.split("Learning curves of kernels")[0]
    assert 'class="verdict curves"' in html
    assert (tmp_path / "out" / "figures" / "kernel-learning-1.pdf").is_file()
    tables = tables_of(report)
    assert len(tables["kernel_exponents"].rows) == 3 * 2
    assert len(tables["kernel_curves"].rows) == 3 * 4 * 4


def test_the_figure_draws_values_and_fitted_lines(report):
    with styled():
        figure = draw_kernel_learning(report.of(KernelCurve))
    assert [axes.get_xscale() + axes.get_yscale() for axes in figure.axes] == ["loglog", "loglog"]
    curve = curve_of(report, "equivariant", "loss")
    panel = figure.axes[0]
    bars = {container.get_label().split(",")[0]: container for container in panel.containers}
    np.testing.assert_array_equal(bars[curve.label].lines[0].get_ydata(), curve.value)
    assert f"{curve.beta:.2f} \\pm {curve.beta_error:.2f}" in " ".join(map(str, panel.get_legend_handles_labels()[1]))
    slopes = [
        np.log(line.get_ydata()[-1] / line.get_ydata()[0]) / log(8)
        for line in panel.lines
        if len(line.get_xdata()) == 2
    ]
    assert min(abs(slope + curve.beta) for slope in slopes) < 1e-9
    drawing = next(drawing for drawing in catalogue.drawings_of(report) if drawing.name == "kernel-learning-1")
    rendered = render(drawing)
    ElementTree.fromstring(rendered.svg)
    inline = re.sub(r"var\(--[\w-]+, #\w+\)", "", rendered.inline("f0"))
    inline = re.sub(r'(href|d|id|clip-path|aria-label)="[^"]*"', "", inline)
    assert re.findall(r"#[0-9a-f]{6}\b", inline) == []  # every colour has another one on a dark page


def test_one_curve_without_two_sizes_is_refused_and_said(tmp_path):
    write_curves(tmp_path, sizes=(16,))
    with pytest.raises(ConfigError, match="no learning curve either, which takes runs that differ in dataset.n_train"):
        analyse([str(tmp_path)])


def test_a_run_beside_the_curves_is_refused_and_listed_when_partial(tmp_path):
    write_curves(tmp_path, sizes=(16, 32), seeds=(0,))
    write_kernel(tmp_path / "stray", world(64, 0), Law(), architecture=MLP)
    with pytest.raises(ConfigError, match=r"not comparable with the other runs\. stray: "):
        analyse([str(tmp_path)])
    report = analyse([str(tmp_path)], partial=True)
    assert [run.run_id for run in report.unmatched] == ["stray"]
    assert curve_of(report, "equivariant", "loss").n_train == (16, 32)


def test_other_settings_are_other_curves_and_their_titles_tell(tmp_path):
    write_curves(tmp_path / "two", sizes=(16, 32), seeds=(0,))
    write_curves(tmp_path / "three", sizes=(16, 32), seeds=(1,), architecture=MLP)
    report = analyse([str(tmp_path)])
    titles = {curve.title for curve in report.of(KernelCurve)}
    assert titles == {f"breastmnist 8x8, mlp (architecture.hidden_layers {number})" for number in (2, 3)}
    assert all(curve.draws == (1, 1) for curve in report.of(KernelCurve))


def test_a_setting_that_older_runs_do_not_know_splits_no_curve(tmp_path):
    older = MLP | {"hidden_layers": 2}
    write_curves(tmp_path / "old", sizes=(16,), seeds=(0,), architecture=older)
    write_curves(tmp_path / "new", sizes=(32,), seeds=(0,), architecture=older | {"average_pool": 1})
    report = analyse([str(tmp_path)])
    assert {curve.n_train for curve in report.of(KernelCurve)} == {(16, 32)}


def test_images_of_another_size_are_another_curve(tmp_path):
    write_curves(tmp_path / "small", sizes=(16, 32), seeds=(0,))
    for run in write_curves(tmp_path / "large", sizes=(16, 32), seeds=(1,)).iterdir():
        path = run / "config.yaml"
        path.write_text(path.read_text().replace("image_size: 8", "image_size: 16"))
    report = analyse([str(tmp_path)])
    assert {curve.title for curve in report.of(KernelCurve)} == {"breastmnist 8x8, mlp", "breastmnist 16x16, mlp"}


def study(root, theory=True):
    """A pair of ensembles, with its kernel run."""
    drawn = replace(world(16, 5), n_ood=0)
    return write_study(root, drawn, theory=theory, control=False, members=6)


def test_curves_stand_beside_pairs_that_have_their_kernel(tmp_path):
    study(tmp_path / "study")
    write_curves(tmp_path / "curves", sizes=(16, 32), seeds=(0, 1))
    report = analyse([str(tmp_path)], resamples=49)
    assert len(report.pairs) == 1
    assert report.pairs[0].run_ntk == "ntk"
    assert report.first_line.startswith("WARNING: no pair has a control")
    assert curve_of(report, "equivariant", "loss").draws == (2, 2)


def test_a_kernel_run_of_a_pair_is_a_draw_of_the_curve_it_lies_on(tmp_path):
    write_curves(tmp_path / "curves", sizes=(16, 32), seeds=(0, 1))
    drawn, run = world(16, 0), {"precision": "float64"}
    sums = json.loads((tmp_path / "curves" / "equivariant-16-0" / "record.json").read_text())["fingerprint"]
    for model in ("gcnn_ensemble", "augmented_ensemble"):
        folder = write_ensemble(tmp_path / model, drawn, model, 6, fingerprint=sums, **run)
        (folder / "config.yaml").write_text("dataset: {image_size: 8}\n")
    report = analyse([str(tmp_path)], resamples=49)
    assert report.pairs[0].run_ntk == "equivariant-16-0"  # which has both kernels
    assert curve_of(report, "equivariant", "loss").draws == (2, 2)


def test_curves_hide_no_kernel_run_that_was_meant_for_a_pair(tmp_path):
    """Two n_train that would make a curve, but a pair of the same settings lacks its kernel: other data by mistake."""
    study(tmp_path / "study", theory=False)
    for size in (16, 32):
        write_theory(tmp_path / f"ntk-{size}", world(size, 7), fingerprint={"all": f"{size}" * 32})
    with pytest.raises(ConfigError, match=r"ntk-16: differs from gcnn-64 in other .* data by fingerprint"):
        analyse([str(tmp_path)])


def test_the_fit_is_the_weighted_straight_line_in_logarithms():
    sizes, values = (10, 20, 50, 100), np.array([1.0, 0.8, 0.5, 0.42])
    relative = 0.05
    fit = decay(sizes, values, relative * values, (4,) * 4)
    slope, level = np.polyfit(np.log(sizes), np.log(values), 1)
    scatter = np.log(values) - slope * np.log(sizes) - level
    errors = relative / np.sqrt(np.sum((np.log(sizes) - np.mean(np.log(sizes))) ** 2))
    assert fit.beta == pytest.approx(-slope)
    assert fit.amplitude == pytest.approx(np.exp(level))
    assert fit.beta_error == pytest.approx(errors * max(1, np.sqrt(np.sum(scatter**2) / 2) / relative))
    assert (fit.first, fit.last) == (10, 100)


def test_a_spread_that_is_small_by_chance_does_not_take_the_fit_over():
    sizes, values = (10, 20, 40, 80), np.array([1.0, 0.71, 0.5, 0.45])
    lucky = decay(sizes, values, np.array([0.05, 0.05, 0.05, 1e-9]) * values, (3,) * 4)
    even = decay(sizes, values, 0.05 * values, (3,) * 4)
    assert lucky.beta == pytest.approx(even.beta, abs=0.06)
    assert lucky.last == 80


def test_small_statistics():
    assert mean_and_error([1.0, 3.0]) == (2.0, 1.0)
    ratio, error = ratio_of_means([1.0, 2.0, 3.0], [2.0, 4.0, 7.0])
    apart = np.array([1.0, 2.0, 3.0]) - ratio * np.array([2.0, 4.0, 7.0])
    assert ratio == pytest.approx(6 / 13)
    assert error == pytest.approx(apart.std(ddof=1) / np.sqrt(3) / (13 / 3))
    assert size_for(0.5, (1, 4, 16), (2.0, 1.0, 0.25)) == pytest.approx(8.0)
    assert size_for(0.1, (1, 4, 16), (2.0, 1.0, 0.25)) is None
    assert size_for(3.0, (1, 4, 16), (2.0, 1.0, 0.25)) is None
    a, b = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[3.0, 3.0], [0.0, 0.0]])
    assert relative_rms(a, b).tolist() == pytest.approx([0.2, 0.0])
    assert decay((10, 20), (1.0, float("nan")), (0.1, 0.1), (2, 2)) is None
