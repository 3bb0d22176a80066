"""metrics.csv: how good the ensemble's mean prediction is, one row per step and split.

Columns: step, split, loss, then acc and auc, or mae and rmse with their unit (see `evaluation`). A cell is empty where
the truth is unknown. Written and read with the standard library alone, so that lists of runs stay quick.
"""

import csv
import io
import math
from pathlib import Path
from typing import Any

from eqntk_cli.files.atomic import write_text
from eqntk_cli.runs.contents import METRICS_FILE

Row = dict[str, Any]
_HEADLINES = ("acc", "mae", "loss")


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


def read_metrics(folder: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv as text; none if there is no such file yet."""
    try:
        text = (folder / METRICS_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return list(csv.DictReader(text.splitlines()))


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


def headline(folder: Path) -> tuple[str, float] | None:
    """The one number for a table: acc, else mae, else loss, on the test split after the last step."""
    last = [row for row in read_metrics(folder) if row.get("split") == "test"][-1:]
    for row in last:
        for wanted in _HEADLINES:
            for name, value in row.items():
                if name.split("_")[0] == wanted and value:
                    return _number(name, value)
    return None


def _value(key: str, cell: str) -> Any:
    if key in ("step", "split"):
        return int(cell) if key == "step" else cell
    return float(cell) if cell else math.nan


def _cell(value: Any) -> Any:
    return "" if isinstance(value, float) and not math.isfinite(value) else value


def _number(name: str, value: str) -> tuple[str, float] | None:
    """A table goes on without the number of a file that was damaged."""
    try:
        return name, float(value)
    except ValueError:
        return None
