"""Reading metrics.csv back, with the standard library alone."""

import csv
from pathlib import Path

from eqntk_cli.runs.contents import METRICS_FILE

_HEADLINES = ("acc", "mae", "loss")


def read_metrics(folder: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv as text; none if there is no such file yet."""
    try:
        text = (folder / METRICS_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return list(csv.DictReader(text.splitlines()))


def headline(folder: Path) -> tuple[str, float] | None:
    """The one number for a table: acc, else mae, else loss, on the test split after the last step."""
    last = [row for row in read_metrics(folder) if row.get("split") == "test"][-1:]
    for row in last:
        for wanted in _HEADLINES:
            for name, value in row.items():
                if name.split("_")[0] == wanted and value:
                    return _number(name, value)
    return None


def _number(name: str, value: str) -> tuple[str, float] | None:
    """A table goes on without the number of a file that was damaged."""
    try:
        return name, float(value)
    except ValueError:
        return None
