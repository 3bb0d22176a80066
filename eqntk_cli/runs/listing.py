"""The runs below a folder, one summary each; made to be quick, so nothing heavy is imported."""

import os
from dataclasses import dataclass
from pathlib import Path

from eqntk_cli.errors import StorageError
from eqntk_cli.files.lock import holder
from eqntk_cli.runs.contents import LOCK_FILE, RECORD_FILE
from eqntk_cli.runs.metrics import headline
from eqntk_cli.runs.provenance import host
from eqntk_cli.runs.record import Record, read_record


@dataclass(frozen=True)
class RunSummary:
    """One line of the list of runs.

    `state` is that of the record, or "killed" for a run that nobody is working on although its record says so,
    or "damaged" for a record that cannot be read; `record` is None then and `error` says why.
    """

    folder: Path
    state: str
    record: Record | None
    metric: tuple[str, float] | None = None  # name and value on the test split after the last step
    error: str | None = None


def list_runs(directory: Path) -> list[RunSummary]:
    """All runs in `directory` and below, oldest first.

    Raises:
        StorageError: there is no such directory.
    """
    require_folder(directory)
    runs = [summary(folder) for folder in _run_folders(directory)]
    return sorted(runs, key=lambda run: (run.record.started if run.record else "", str(run.folder)))


def require_folder(directory: Path) -> None:
    """Check that runs can be looked for.

    Raises:
        StorageError: there is no such directory.
    """
    if not directory.is_dir():
        raise StorageError(f"there is no folder {directory}; expected one that holds runs, for example `runs`.")


def summary(folder: Path) -> RunSummary:
    """The summary of one run folder; never raises for a damaged record."""
    try:
        record = read_record(folder)
    except StorageError as error:
        return RunSummary(folder, "damaged", None, error=str(error))
    abandoned = record.state == "running" and record.host == host() and holder(folder / LOCK_FILE) is None
    return RunSummary(folder, "killed" if abandoned else record.state, record, headline(folder), record.error)


def _run_folders(directory: Path) -> list[Path]:
    places = []
    for place, folders, files in os.walk(directory):
        if RECORD_FILE in files:
            places.append(Path(place))
            folders.clear()  # a run holds thousands of files and no other run
        folders[:] = [name for name in folders if not name.startswith(".") and not name.endswith(".zarr")]
    return places
