"""Distance of the two means over training, with what noise alone would give, the margin and the controls.

Above: D(t) = RMS over points of (mean_A - mean_B) for the pair and for its controls, the noise floor and the
margin. Below: the one-sided 95 % bound of the true distance in units of the margin; a pair is equivalent where it
stays below 1.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eqntk_cli.report.model import MeanComparison, PairAnalysis
from eqntk_cli.report.paper.canvas import legend_above, line, log_steps, log_values, new_figure, positive
from eqntk_cli.report.paper.style import INK, MUTED, Look, look_of

PAIR = Look("augmented - GCNN", INK, INK, "o")


def draw_distance(pair: PairAnalysis) -> Figure | None:
    """Distance and bound over training steps t > 0; None if only step 0 was recorded."""
    if max(pair.test.steps, default=0) < 1:
        return None
    figure, (above, below) = new_figure(3.7, 2, sharex=True, height_ratios=(2.3, 1))
    _distances(above, pair)
    _bounds(below, pair)
    legend_above(figure, above)
    return figure


def _distances(axes: Axes, pair: PairAnalysis) -> None:
    test, now = pair.test, _after_start(pair.test)
    steps = np.array(test.steps)[now]
    floor = positive(test.noise_floor)[now]
    bottom = _bottom(pair)
    axes.fill_between(steps, bottom, floor, color=MUTED, alpha=0.18, linewidth=0, label="noise floor")
    axes.plot(steps, positive(test.margin)[now], color=INK, linewidth=1, linestyle=(0, (6, 2)), label="margin")
    for control in pair.controls:
        at = _after_start(control.comparison)
        look = look_of(control.control)
        line(axes, np.array(control.comparison.steps)[at], positive(control.comparison.rms_distance)[at], look)
    low, high = (np.sqrt(np.maximum(np.nan_to_num(end), bottom**2))[now] for end in _interval(test))
    axes.vlines(steps, low, high, color=INK, linewidth=3.2, alpha=0.3, label="true distance, 95 %")
    line(axes, steps, positive(test.rms_distance)[now], PAIR, linewidth=1.6)
    axes.set(yscale="log", ylabel="distance of the means\n(RMS, units of training)")
    axes.set_ylim(bottom=bottom)
    log_values(axes.yaxis)


def _bounds(axes: Axes, pair: PairAnalysis) -> None:
    comparisons = [(PAIR, pair.test), *((look_of(control.control), control.comparison) for control in pair.controls)]
    for look, comparison in comparisons:
        now = _after_start(comparison)
        ratio = positive(comparison.upper_bound)[now] / positive(comparison.margin)[now]
        line(axes, np.array(comparison.steps)[now], ratio, look, label=None)
    axes.axhline(1, color=INK, linewidth=1, linestyle=(0, (6, 2)))
    axes.set(yscale="log", ylabel="95 % bound\n/ margin")
    low, high = axes.get_ylim()
    low, high = min(low / 1.3, 0.4), max(high * 1.3, 2.5)
    axes.axhspan(low, 1, color=look_of("ntk").light, alpha=0.10, linewidth=0)
    axes.set_ylim(low, high)
    log_values(axes.yaxis)
    log_steps(axes, pair.test.steps)


def _interval(comparison: MeanComparison) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % interval of the true squared distance."""
    low, high = comparison.unbiased_squared_low, comparison.unbiased_squared_high
    return np.array(low, dtype=float), np.array(high, dtype=float)


def _after_start(comparison: MeanComparison) -> np.ndarray:
    return np.array(comparison.steps) > 0


def _bottom(pair: PairAnalysis) -> float:
    """Lower end of the axis: a little below everything that is drawn."""
    series = [pair.test.rms_distance, pair.test.noise_floor, pair.test.margin]
    series += [control.comparison.rms_distance for control in pair.controls]
    now = _after_start(pair.test)
    values = np.concatenate([positive(one)[now] if len(one) == len(now) else positive(one)[1:] for one in series])
    return float(np.nanmin(values)) / 2 if np.isfinite(values).any() else 1e-3
