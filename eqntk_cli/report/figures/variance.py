"""Variance over initialisations: what was measured over members against what theory predicts.

Only the means of the two ensembles agree; their variances differ, and the infinite-width covariance predicts each.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eqntk_cli.report.findings import VarianceComparison
from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.canvas import legend_above, log_values, new_figure, steps_axis
from eqntk_cli.report.paper.style import MUTED, look_of


def draw_variance(pair: PairAnalysis) -> Figure | None:
    """Mean variance over training (above) and sample by sample at one step (below); None without predictions.

    Centred members of infinite width are all alike: where no variance is predicted only the upper panel is drawn.
    """
    found = [variance for variance in pair.variances if variance.split == "test"] or list(pair.variances)
    if not found:
        return None
    predicted = any(value > 0 for variance in found for value in variance.scatter_predicted)
    figure, panels = new_figure(4.6, 2, height_ratios=(1, 1.35)) if predicted else new_figure(2.4)
    above = panels[0]
    for variance in found:
        _over_time(above, variance)
    steps_axis(above, found[0].steps)
    above.set_ylabel("variance over members")
    above.set_ylim(bottom=0)
    if predicted:
        for variance in found:
            _by_sample(panels[1], variance)
        _identity(panels[1], found)
    legend_above(figure, above)
    return figure


def _over_time(axes: Axes, variance: VarianceComparison) -> None:
    look = look_of(variance.model)
    error = np.nan_to_num(np.array(variance.measured_error, dtype=float))
    axes.errorbar(
        variance.steps,
        variance.measured,
        yerr=error,
        **(look.style() | {"linestyle": "none", "label": f"{look.label}, measured"}),
    )
    axes.plot(variance.steps, variance.predicted, color=look.light, label=f"{look.label}, theory")


def _by_sample(axes: Axes, variance: VarianceComparison) -> None:
    look = look_of(variance.model)
    axes.errorbar(
        variance.scatter_predicted,
        variance.scatter_measured,
        yerr=np.nan_to_num(np.array(variance.scatter_error, dtype=float)),
        **(look.style() | {"linestyle": "none", "markersize": 2.8, "elinewidth": 0.5, "capsize": 0, "alpha": 0.75}),
    )


def _identity(axes: Axes, found: list[VarianceComparison]) -> None:
    values = np.concatenate([np.array(v.scatter_predicted + v.scatter_measured, dtype=float) for v in found])
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        return
    ends = np.array([values.min() / 1.2, values.max() * 1.2])
    if ends[1] / ends[0] > 20:
        axes.set(xscale="log", yscale="log")
    else:
        ends[0] = 0
    axes.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
    axes.set(xlim=tuple(ends), ylim=tuple(ends))
    if ends[0] > 0:
        log_values(axes.xaxis)
        log_values(axes.yaxis)
    axes.set_xlabel(f"variance predicted, per sample, step {found[0].scatter_step}")
    axes.set_ylabel("variance measured")
    axes.set_box_aspect(0.72)
