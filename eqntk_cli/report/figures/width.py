"""A finite-width quantity against the width n on log axes, with the fitted and the expected power law."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eqntk_cli.report.findings import Extrapolation, WidthScaling
from eqntk_cli.report.paper.canvas import legend_above, line, log_counts, log_steps, log_values, new_figure, positive
from eqntk_cli.report.paper.style import INK, MUTED, Look, look_of

_LOOKS = {
    "difference per member": Look("", INK, INK, "o"),
    "distance of the means": Look("", INK, INK, "s"),
    "augmented - theory": look_of("augmented_ensemble"),
    "gcnn - theory": look_of("gcnn_ensemble"),
}


def draw_width(scaling: WidthScaling) -> Figure | None:
    """Value with error bars against width, noise floor, fit and expected slope; None if nothing was seen."""
    value = positive(scaling.value)
    if len(scaling.widths) < 2 or not np.isfinite(value).any():
        return None
    look = _LOOKS.get(scaling.quantity, look_of(None))
    figure, (axes,) = new_figure(2.4)
    widths, error = np.array(scaling.widths, dtype=float), np.nan_to_num(np.array(scaling.error, dtype=float))
    below = np.minimum(error, 0.99 * np.nan_to_num(value, nan=1.0))  # a bar to zero has no end on a log axis
    bars = look.style() | {"linestyle": "none", "zorder": 3, "label": f"step {scaling.step}"}
    axes.errorbar(widths, value, yerr=np.stack([below, error]), **bars)
    axes.plot(widths, positive(scaling.floor), color=MUTED, linewidth=3.2, alpha=0.35, label="noise floor")
    _draw_laws(axes, scaling, widths, value, look)
    axes.set(yscale="log", ylabel=f"{scaling.quantity}, RMS")
    axes.set_ylim(bottom=np.nanmin(np.concatenate([value, positive(scaling.floor)])) / 2)
    log_values(axes.yaxis)
    log_counts(axes, scaling.widths, "width $n$")
    axes.set_xlim(widths.min() / 1.25, widths.max() * 1.25)
    legend_above(figure, axes)
    return figure


def draw_extrapolation(found: Extrapolation) -> Figure | None:
    """Distance extrapolated to infinite width against its noise floor over training steps t > 0."""
    after = np.array(found.steps) > 0
    distance = positive(found.rms_distance)[after]
    if not np.isfinite(distance).any():
        return None
    figure, (axes,) = new_figure(2.4)
    steps, floor = np.array(found.steps)[after], positive(found.noise_floor)[after]
    lowest = float(np.nanmin(np.concatenate([distance, floor]))) / 2
    axes.fill_between(steps, lowest, floor, color=MUTED, alpha=0.18, linewidth=0, label="noise floor")
    line(axes, steps, distance, Look("", INK, INK, "o"), label=f"{found.name}, n to infinity")
    axes.set(yscale="log", ylabel="distance of the means, RMS")
    axes.set_ylim(bottom=lowest)
    log_values(axes.yaxis)
    log_steps(axes, found.steps)
    legend_above(figure, axes)
    return figure


def _draw_laws(axes: Axes, scaling: WidthScaling, widths: np.ndarray, value: np.ndarray, look: Look) -> None:
    seen = np.isfinite(value)
    logs = np.log(widths[seen])
    centre, level = np.exp(logs.mean()), np.exp(np.log(value[seen]).mean())
    ends = np.array([widths.min(), widths.max()])
    if scaling.exponent is not None:
        error = "" if scaling.exponent_error is None else f" \\pm {scaling.exponent_error:.2f}"
        label = f"fit $n^{{{scaling.exponent:.2f}{error}}}$"
        axes.plot(ends, level * (ends / centre) ** scaling.exponent, color=look.light, linewidth=1, label=label)
    label = f"expected $n^{{{scaling.expected:g}}}$"
    expected = level * (ends / centre) ** scaling.expected
    axes.plot(ends, expected, color=INK, linewidth=0.8, linestyle=":", label=label)
