"""The figures that commands draw of their own results, beside any report: `eqntk train` and `eqntk convergence`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from eqntk_cli.report.paper.canvas import legend_above, line, log_counts, log_values, new_figure, steps_axis
from eqntk_cli.report.paper.style import INK, MUTED, Look, look_of

_SPLITS = ("train", "test", "ood")
_DASHES = {"train": ":", "test": "-", "ood": "--"}
_WORDS = {"loss": "loss", "acc": "accuracy", "auc": "area under the ROC", "mae": "mean absolute error", "rmse": "RMSE"}
_ERRORS = ("loss", "mae", "rmse")  # drawn on a logarithmic axis
_NETWORKS = {"group": ("gcnn_ensemble", "group network"), "plain": ("augmented_ensemble", "plain network")}


def metrics_figure(rows: Sequence[Mapping[str, str]], model: str) -> Figure:
    """Loss and quality of one run's mean prediction against the training step.

    `rows` are those of metrics.csv, as text; an empty cell is a value that nobody knows.
    """
    names = [name for name in rows[0] if name not in ("step", "split")]
    columns = min(len(names), 3)
    figure, axes = new_figure(2.4, 1, columns, width=2.4 * columns)
    looks = {"train": Look("", MUTED, MUTED, "."), "test": look_of(model), "ood": Look("", INK, INK, "")}
    steps = sorted({int(row["step"]) for row in rows})
    for panel, name in zip(axes, names, strict=False):
        for split in _SPLITS:
            known = [(int(row["step"]), float(row[name])) for row in rows if row["split"] == split and row.get(name)]
            if known:
                x, y = zip(*known, strict=True)
                line(panel, x, y, looks[split], linestyle=_DASHES[split], label=split)
        kind, _, unit = name.partition("_")
        panel.set_ylabel(_WORDS.get(kind, kind) + (f" / {unit}" if unit else ""))
        steps_axis(panel, steps)
        if kind in _ERRORS and all(float(row[name]) > 0 for row in rows if row.get(name)):
            panel.set_yscale("log")
            log_values(panel.yaxis)
    legend_above(figure, axes[0], columns=3)
    return figure


def convergence_figure(rows: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Fluctuation of the empirical NTK over members against the width, with the slope -1/2 and the bias of its mean.

    `rows` holds per network ("group", "plain") width, fluctuation, bias and standard_error.
    """
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
