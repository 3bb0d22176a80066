"""Invariance of the ensemble under the group, in and out of distribution.

Above: relative orbit deviation, the standard deviation of the ensemble mean over the group elements in units of its
RMS, with what the finite number of members alone would give. Below (classifiers): orbit same prediction, the share
of moved samples that get the class of the unmoved one.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eqntk_cli.report.findings import OrbitStatistics, Series
from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.canvas import legend_above, line, log_values, new_figure, positive, steps_axis
from eqntk_cli.report.paper.style import look_of

SMALLEST = 1e-4  # below it a model is invariant up to rounding and is named in words instead of drawn
_SPLITS = {"test": (0, ()), "ood": (0, (2.5, 1.2)), "train": (0, (1, 1))}


def draw_invariance(pair: PairAnalysis) -> Figure | None:
    """Orbit deviation over training and, for classifiers, the orbit same prediction; None if nothing was moved."""
    found = [orbit for orbit in pair.orbits if orbit.split in ("test", "ood")]
    moved = [orbit for orbit in found if len(orbit.elements) > 1 and _largest(orbit.deviation) > SMALLEST]
    if not moved:
        return None
    classes = [orbit for orbit in found if orbit.same_prediction is not None]
    figure, axes = new_figure(4.1 if classes else 2.6, 2 if classes else 1, sharex=True)
    for orbit in moved:
        _draw_deviation(axes[0], orbit)
    axes[0].set(yscale="log", ylabel="relative orbit deviation")
    log_values(axes[0].yaxis)
    steps_axis(axes[0], moved[0].steps)
    for orbit in classes:
        _draw_same(axes[1], orbit)
    if classes:
        axes[0].set_xlabel("")
        axes[1].set(ylabel="orbit same prediction", ylim=(None, 1.01))
        steps_axis(axes[1], moved[0].steps)
    legend_above(figure, axes[0])
    return figure


def _largest(deviation: Series) -> float:
    """The largest one that exists: centred members start at zero, where a relative deviation means nothing."""
    return max((value for value in deviation if np.isfinite(value)), default=0.0)


def _draw_deviation(axes: Axes, orbit: OrbitStatistics) -> None:
    look, dashes, split = look_of(orbit.model), _SPLITS[orbit.split], orbit.split
    alone = {"linestyle": dashes, "marker": "", "linewidth": 0.8, "alpha": 0.7}
    line(axes, orbit.steps, positive(orbit.member_deviation), look, **alone, label=f"one member, {split}")
    line(axes, orbit.steps, positive(orbit.deviation), look, linestyle=dashes, label=f"mean of all, {split}")
    floor = positive(orbit.deviation_floor)
    if np.isfinite(floor).any():
        broad = {"linestyle": "-", "marker": "", "linewidth": 3.4, "alpha": 0.22}
        line(axes, orbit.steps, floor, look, **broad, label=f"noise alone, {split}")


def _draw_same(axes: Axes, orbit: OrbitStatistics) -> None:
    look = look_of(orbit.model)
    same = np.array(orbit.same_prediction, dtype=float)
    error = np.nan_to_num(np.array(orbit.same_prediction_error or np.zeros_like(same), dtype=float))
    bars = look.style() | {"linestyle": _SPLITS[orbit.split], "label": f"{look.label}, {orbit.split}"}
    axes.errorbar(orbit.steps, same, yerr=error, **bars)
    axes.legend(loc="lower right")
