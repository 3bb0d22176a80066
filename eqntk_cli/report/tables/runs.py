"""Tables of where the numbers come from: the runs that were used and those that were not."""

import json

from eqntk_cli.report.model import Analysis
from eqntk_cli.report.paper.table import Cell, Column, Table, integer, number, text
from eqntk_cli.report.provenance import RunInfo

_RUN = (
    Column("run_id", "Run"),
    Column("label", "Label"),
    Column("state", "State"),
    Column("role", "Role"),
    Column("model", "Model"),
    Column("augmentation", "Augmentation"),
    Column("coupling", "Coupling"),
    Column("group", "Group"),
    Column("dataset", "Data"),
    Column("width", "Width", integer),
    Column("members_used", "Members used", integer),
    Column("members", "of", integer),
    Column("n_train", "Train", integer),
    Column("n_test", "Test", integer),
    Column("n_ood", "Ood", integer),
    Column("step_size", "Step size", number),
    Column("stability_limit", "Stability limit", number),
    Column("seed", "Seed", text),
    Column("precision", "Precision"),
    Column("invariance_error", "Invariance error", number),
    Column("seconds", "Seconds", number),
    Column("member_steps_per_second", "Member-steps / s", number),
    Column("peak_memory_bytes", "Peak bytes", number),
    Column("fingerprint", "Data sha256"),
    Column("git_commit", "Commit"),
    Column("host", "Host"),
    Column("devices", "Devices"),
    Column("started", "Started"),
    Column("stopped", "Stopped"),
    Column("architecture", "Architecture"),
    Column("training", "Training"),
    Column("versions", "Versions"),
    Column("path", "Folder"),
    Column("command", "Command"),
    Column("notes", "Notes"),
)
ON_SCREEN = (
    *("run_id", "label", "state", "role", "model", "augmentation", "coupling", "group", "dataset", "width"),
    *("members_used", "members", "step_size", "seed", "precision", "invariance_error", "git_commit"),
)


def run_table(analysis: Analysis) -> Table:
    """One row per run with everything that is needed to make it again."""
    return Table("runs", "Runs", _RUN, tuple(_run_row(run) for run in analysis.runs))


def unmatched_table(analysis: Analysis) -> Table:
    """Runs that were given but stand in no comparison, and why."""
    columns = (Column("run_id", "Run"), Column("reason", "Why it was left out"))
    return Table("unmatched", "Runs left out", columns, tuple((run.run_id, run.reason) for run in analysis.unmatched))


def selected(table: Table, keys: tuple[str, ...]) -> Table:
    """The table with these columns only, in this order."""
    places = [[column.key for column in table.columns].index(key) for key in keys]
    rows = tuple(tuple(row[place] for place in places) for row in table.rows)
    return Table(table.name, table.title, tuple(table.columns[place] for place in places), rows, table.note)


def _run_row(run: RunInfo) -> tuple[Cell, ...]:
    return tuple(_cell(getattr(run, column.key)) for column in _RUN)


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True, default=str)
    return "; ".join(str(entry) for entry in value) if isinstance(value, tuple | list) else str(value)
