"""Test errors of kernels against the number of training samples on log axes, with fitted powers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eqntk_cli.report.findings import KernelCurve
from eqntk_cli.report.paper.canvas import log_counts, log_values, new_figure, positive
from eqntk_cli.report.paper.style import CONTROLS, MODELS, Look

_NAMES = {"loss": "test loss (mean square)", "error": "test error (1 - ACC)", "mae": "mean absolute error"}
_LOOKS = {
    "equivariant": (MODELS["gcnn_ensemble"], MODELS["ntk"], CONTROLS["other_step_size"]),
    "augmented": (MODELS["augmented_ensemble"], CONTROLS["other_group"], CONTROLS["other_group"]),
    "plain": (CONTROLS["no_augmentation"],),
}


def draw_kernel_learning(curves: Sequence[KernelCurve]) -> Figure | None:
    """One panel per error (loss, error or mae) with all kernels of one setting; None without two N."""
    shown = [curve for curve in curves if curve.metric in _NAMES and len(curve.n_train) > 1]
    kinds = list(dict.fromkeys((curve.metric, curve.unit) for curve in shown))
    if not kinds:
        return None
    figure, axes = new_figure(2.9 * len(kinds), len(kinds))
    for panel, kind in zip(axes, kinds, strict=True):
        _draw_panel(panel, [curve for curve in shown if (curve.metric, curve.unit) == kind])
        panel.set_ylabel(f"{_NAMES[kind[0]]}, {kind[1]}" if kind[1] else _NAMES[kind[0]], parse_math=False)
    return figure


def _draw_panel(axes: Axes, curves: Sequence[KernelCurve]) -> None:
    groups = list(dict.fromkeys(curve.group for curve in curves if curve.kind != "plain"))
    for curve in curves:
        looks = _LOOKS[curve.kind]
        look = looks[groups.index(curve.group) % len(looks)] if curve.group in groups else looks[0]
        value, error = positive(curve.value), np.nan_to_num(np.array(curve.error, dtype=float))
        below = np.minimum(error, 0.99 * np.nan_to_num(value, nan=1.0))  # a bar to zero has no end on a log axis
        style = replace(look, hollow=curve.kind == "equivariant").style()
        bars = style | {"linestyle": "none", "label": f"{curve.label}{_power(curve)}"}
        axes.errorbar(curve.n_train, value, yerr=np.stack([below, error]), **bars)
        _draw_fit(axes, curve, look)
    axes.set_yscale("log")
    log_values(axes.yaxis)
    log_counts(axes, [count for curve in curves for count in curve.n_train], "training samples $N$")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.2)


def _draw_fit(axes: Axes, curve: KernelCurve, look: Look) -> None:
    if curve.beta is None or curve.amplitude is None or curve.fitted is None:
        return
    ends = np.array(curve.fitted, dtype=float)
    axes.plot(ends, curve.amplitude * ends**-curve.beta, color=look.light, linewidth=1, linestyle=look.dashes)


def _power(curve: KernelCurve) -> str:
    if curve.beta is None:
        return ""
    error = "" if curve.beta_error is None else f" \\pm {curve.beta_error:.2f}"
    return f", $\\beta = {curve.beta:.2f}{error}$"
