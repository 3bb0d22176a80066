"""Predictions of single points over training: both ensembles with their bands against the mean of theory.

Solid band: the mean with two standard errors; pale band: one standard deviation over members. The theory says that
both means follow mu_t, while the pale bands differ.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eqntk_cli.report.findings import Series, Trajectory
from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.canvas import band, legend_above, line, new_figure, shown, steps_axis
from eqntk_cli.report.paper.style import INK, MUTED, Look, look_of

MOST = 6


def draw_trajectories(pair: PairAnalysis) -> Figure | None:
    """Up to six points, two side by side; None if the analysis kept none."""
    points = pair.trajectories[:MOST]
    if not points:
        return None
    rows = -(-len(points) // 2)
    figure, axes = new_figure(1.45 * rows + 0.65, rows, 2 if len(points) > 1 else 1, sharex=True)
    for panel, point in zip(axes, points, strict=False):
        _draw_point(panel, point, pair)
    for panel in axes[len(points) :]:
        panel.set_visible(False)
    for panel in axes[:-2]:
        panel.set_xlabel("")
    figure.supylabel("prediction (units of training)", fontsize=7.5)
    legend_above(figure, axes[0], 4)
    return figure


def _draw_point(axes: Axes, point: Trajectory, pair: PairAnalysis) -> None:
    _draw_ensemble(axes, point, point.mean_a, point.spread_a, pair.test.members_a, look_of("augmented_ensemble"))
    _draw_ensemble(axes, point, point.mean_b, point.spread_b, pair.test.members_b, look_of("gcnn_ensemble"))
    if point.mu is not None:
        look = look_of("ntk")
        line(
            axes,
            point.steps,
            point.mu,
            look,
            marker="",
            linestyle=(0, (3, 1.2)),
            linewidth=1.5,
            label="theory, $\\mu_t$",
        )
    if point.target is not None:
        axes.axhline(point.target, color=MUTED, linewidth=0.7, linestyle=":", label="target")
    title = axes.set_title(
        shown(f"{point.split} sample {point.sample}, output {point.output}", 34), fontsize=6.8, color=INK
    )
    title.set_parse_math(False)
    title.set_fontweight("normal")
    steps_axis(axes, point.steps)


def _draw_ensemble(
    axes: Axes, point: Trajectory, mean: Series, spread: Series, members: int | None, look: Look
) -> None:
    centre, width = np.array(mean, dtype=float), np.array(spread, dtype=float)
    error = 2 * width / np.sqrt(members or 1)
    band(axes, point.steps, centre - width, centre + width, look, 0.10)
    band(axes, point.steps, centre - error, centre + error, look, 0.30)
    line(axes, point.steps, centre, look, markersize=2.4, linewidth=1.0)
