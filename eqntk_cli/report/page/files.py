"""The folder of a report: never one that is someone else's, and nothing left over from an earlier report.

A report's folder is known by its report.json, which names the program, the runs and every file that was written.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from eqntk_cli.errors import StorageError

MADE_BY = "eqntk compare-runs"
MANIFEST = "report.json"


def manifest_of(folder: Path) -> dict[str, Any] | None:
    """What an earlier report in this folder says of itself; None if the folder holds no report of ours."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("made_by") == MADE_BY else None


def require_free(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier report.

    Raises:
        StorageError: something else is there.
    """
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"--out {folder} is a file; give a folder that does not exist yet.")
    if folder.is_dir() and any(folder.iterdir()) and manifest_of(folder) is None:
        raise StorageError(f"--out {folder} holds other files and no earlier report; give an empty or a new folder.")


def free_folder(beside: Path, run_ids: Iterable[str]) -> Path:
    """`report` in the folder `beside`, or report-2, report-3, ...: the first that is free or reports on these runs."""
    wanted = sorted(run_ids)
    number = 1
    while True:
        folder = beside / ("report" if number == 1 else f"report-{number}")
        found = manifest_of(folder) if folder.is_dir() else None
        same = found is not None and sorted(run["run_id"] for run in found.get("runs", [])) == wanted
        if same or not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return folder
        number += 1


def remove_stale(folder: Path, earlier: Iterable[str], written: Iterable[str]) -> None:
    """Remove files of an earlier report that the new one no longer has; nothing that is not in its list is touched."""
    root = folder.resolve()
    for name in set(earlier) - set(written):
        path = (folder / name).resolve()
        if path.is_relative_to(root) and path.is_file():
            path.unlink()
