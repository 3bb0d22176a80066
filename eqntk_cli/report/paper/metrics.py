"""Loss and quality of one run's mean prediction against the training step, as metrics.csv has them."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from eqntk_cli.report.paper.canvas import legend_above, line, log_values, new_figure, steps_axis
from eqntk_cli.report.paper.style import INK, MUTED, Look, look_of

_SPLITS = ("train", "test", "ood")
_DASHES = {"train": ":", "test": "-", "ood": "--"}
_WORDS = {"loss": "loss", "acc": "accuracy", "auc": "area under the ROC", "mae": "mean absolute error", "rmse": "RMSE"}
_ERRORS = ("loss", "mae", "rmse")  # drawn on a logarithmic axis


def metrics_figure(rows: Sequence[Mapping[str, str]], model: str) -> Figure:
    """The figure; `rows` are those of metrics.csv, as text; an empty cell is a value that nobody knows."""
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
