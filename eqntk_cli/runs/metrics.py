"""metrics.csv: how good the ensemble's mean prediction is, one row per step and split.

Columns: step, split, loss, then acc and auc, or mae and rmse with their unit. The loss is the one that was
minimised, of the mean prediction: 1/(2N) sum |f - y|^2, or the cross-entropy of its softmax. A cell is empty
where the truth is unknown.
"""

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.files.atomic import write_text
from eqntk_cli.runs.contents import METRICS_FILE
from eqntk_cli.runs.metrics_file import read_metrics
from eqntk_cli.targets.task import Task, squared_loss

Row = dict[str, Any]
_SPLITS = ("train", "test", "ood")


def metric_rows(
    data: DataBundle, steps: tuple[int, ...], mean: Float[np.ndarray, "step sample output"], loss: str = "mse"
) -> list[Row]:
    """The rows for the mean prediction on the samples train, test, ood, in this order."""
    task, rows = Task.of(data.task), []
    unit = f"_{task.unit(data.target)}" if task.unit(data.target) else ""
    for number, step in enumerate(steps):
        first = 0
        for split in _SPLITS:
            target = getattr(data, f"{split}_y")
            prediction = mean[number, first : first + len(target)]
            first += len(target)
            if len(target) == 0:
                continue
            labels = getattr(data, f"{split}_labels")
            value = squared_loss(prediction, target) if loss == "mse" else _cross_entropy(data, prediction, target)
            metrics = task.metrics(prediction, target, labels, data.target)
            named = {name + unit: metric for name, metric in metrics.items()}
            rows.append({"step": step, "split": split, "loss": value, **named})
    return rows


def write_metrics(folder: Path, rows: list[Row]) -> None:
    """Write metrics.csv, whole or not at all.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    write_text(folder / METRICS_FILE, text.getvalue())


def read_rows(folder: Path) -> list[Row]:
    """The rows of metrics.csv as they were made; NaN where a truth is unknown."""
    return [{key: _value(key, cell) for key, cell in row.items()} for row in read_metrics(folder)]


def by_step(rows: list[Row]) -> list[Row]:
    """One row per step with the split in the names, as a tracking service likes it: {"step", "test/acc", ...}."""
    steps: dict[int, Row] = {}
    for row in rows:
        at = steps.setdefault(row["step"], {"step": row["step"]})
        known = {key: value for key, value in row.items() if key not in ("step", "split") and math.isfinite(value)}
        at.update({f"{row['split']}/{key}": value for key, value in known.items()})
    return list(steps.values())


def _cross_entropy(data: DataBundle, prediction: np.ndarray, target: np.ndarray) -> float:
    shifted = prediction - prediction.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-np.sum(data.target.physical(target) * log_probability) / len(target))


def _value(key: str, cell: str) -> Any:
    if key in ("step", "split"):
        return int(cell) if key == "step" else cell
    return float(cell) if cell else math.nan


def _cell(value: Any) -> Any:
    return "" if isinstance(value, float) and not math.isfinite(value) else value
