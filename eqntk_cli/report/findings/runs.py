"""Where the numbers come from: the runs that were used, from their records, and those that were not."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from eqntk_cli.report.findings.scope import Registered
from eqntk_cli.report.model import Analysis
from eqntk_cli.report.paper.table import Cell, Column, Table, integer, number, yes_no
from eqntk_cli.report.provenance import ReportedRun

RUN = (
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
    Column("antithetic", "Antithetic", yes_no),
    Column("n_train", "Train", integer),
    Column("n_test", "Test", integer),
    Column("n_ood", "Ood", integer),
    Column("step_size", "Step size", number),
    Column("stability_limit", "Stability limit", number),
    Column("seed", "Seed"),
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
_ALSO = ("control", "task")  # in report.json beside the columns


class ReportedRuns(Registered):
    """One row per run with everything that is needed to make it again."""

    @classmethod
    def tables(cls, analysis: Analysis) -> Iterator[Table]:
        """Runs, and runs left out."""
        rows = tuple(tuple(_cell(run.value(column.key)) for column in RUN) for run in analysis.runs)
        yield Table("runs", "Runs", RUN, rows, on_page=False, tracked=True)
        left_out = (Column("run_id", "Run"), Column("reason", "Why it was left out"))
        reasons = tuple((run.run_id, run.reason) for run in analysis.unmatched)
        yield Table("unmatched", "Runs left out", left_out, reasons, on_page=False)


def run_entry(run: ReportedRun) -> Mapping[str, Any]:
    """What report.json says of a run."""
    return {key: run.value(key) for key in (*(column.key for column in RUN), *_ALSO)}


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True, default=str)
    return "; ".join(str(entry) for entry in value) if isinstance(value, tuple | list) else str(value)
