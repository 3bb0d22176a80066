"""Fluctuation of the empirical NTK over members against the width, with the slope -1/2 and the bias of its mean."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from eqntk_cli.report.paper.canvas import legend_above, line, log_counts, log_values, new_figure
from eqntk_cli.report.paper.style import MUTED, Look, look_of

_NETWORKS = {"group": ("gcnn_ensemble", "group network"), "plain": ("augmented_ensemble", "plain network")}
Row = Mapping[str, float]


def convergence_figure(rows: Mapping[str, Sequence[Row]]) -> Figure:
    """The figure; `rows` holds per network ("group", "plain") width, fluctuation, bias and standard_error."""
    figure, (axes,) = new_figure(2.9)
    widths = sorted({int(row["width"]) for part in rows.values() for row in part})
    for network, part in rows.items():
        model, label = _NETWORKS[network]
        look = look_of(model)
        x = [row["width"] for row in part]
        line(axes, x, [row["fluctuation"] for row in part], look, label=f"{label}, one member")
        axes.errorbar(
            x,
            [row["bias"] for row in part],
            yerr=[row["standard_error"] for row in part],
            color=look.light,
            linestyle=":",
            marker=look.marker,
            markerfacecolor="none",
            label=f"{label}, mean over members",
        )
    first = max(part[0]["fluctuation"] for part in rows.values())
    slope = first * np.sqrt(widths[0] / np.array(widths, float))
    line(axes, widths, slope, Look("", MUTED, MUTED, ""), linestyle="--", label="slope $-1/2$")
    log_counts(axes, widths, "width")
    log_values(axes.yaxis)
    axes.set_ylabel("distance from the recursion / RMS")
    legend_above(figure, axes, columns=1)
    return figure
