"""Task metrics over training, and against the number of training samples."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from eqntk_cli.report.findings import UNMOVED, LearningCurve, TaskMetrics
from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.canvas import legend_above, line, log_counts, new_figure, steps_axis
from eqntk_cli.report.paper.style import look_of

NAMES = {"acc": "accuracy (ACC)", "auc": "area under ROC (AUC)", "mae": "mean absolute error", "rmse": "RMS error"}


def draw_metrics(pair: PairAnalysis) -> Figure | None:
    """One panel per metric with every model on test points; None without metrics."""
    found = [metric for metric in pair.metrics if metric.split == "test"]
    kinds = sorted({(metric.metric, metric.unit) for metric in found})
    if not kinds:
        return None
    figure, axes = new_figure(1.55 * len(kinds) + 0.75, len(kinds), sharex=True)
    for panel, kind in zip(axes, kinds, strict=True):
        for metric in found:
            if (metric.metric, metric.unit) == kind:
                look = look_of(metric.model)
                line(panel, metric.steps, metric.ensemble, look, **_changes(metric))
                if metric.ensemble_error is not None:
                    last = metric.steps[-1], metric.ensemble[-1]
                    panel.errorbar(*last, yerr=metric.ensemble_error, color=look.light, linestyle="none")
        panel.set_ylabel(_named(*kind), parse_math=False)
        steps_axis(panel, found[0].steps)
        if panel is not axes[-1]:
            panel.set_xlabel("")
    legend_above(figure, axes[0], 3)
    return figure


def _changes(metric: TaskMetrics) -> dict[str, str]:
    """How a series is drawn apart from others of its model: of the kernel without markers, of orbit means dotted."""
    if metric.inputs != UNMOVED:
        return {"marker": "", "linestyle": ":", "label": f"{look_of(metric.model).label}, {metric.inputs}"}
    return {"marker": ""} if metric.model == "ntk" else {}


def draw_learning(curves: Sequence[LearningCurve]) -> Figure | None:
    """Metric of the ensemble mean against training samples for every model; `curves` share metric and unit."""
    if not curves or max(len(curve.n_train) for curve in curves) < 2:
        return None
    figure, (axes,) = new_figure(2.5)
    for curve in curves:
        look = look_of(curve.model)
        error = np.nan_to_num(np.array(curve.error, dtype=float))
        axes.errorbar(curve.n_train, curve.value, yerr=error, **look.style())
    if curves[0].unit:
        axes.set_yscale("log")
    axes.set_ylabel(_named(curves[0].metric, curves[0].unit), parse_math=False)
    log_counts(axes, [count for curve in curves for count in curve.n_train], "training samples")
    legend_above(figure, axes, 3)
    return figure


def _named(metric: str, unit: str) -> str:
    name = NAMES.get(metric, metric)
    return f"{name} ({unit})" if unit else name
