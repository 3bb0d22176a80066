"""The folder of a report: never one that is someone else's, and nothing left over from an earlier report.

A report's folder is known by its report.json, which names the program, the runs and every file that was written. That
is the last file of a report; before the first one its names are kept in .begun.json, so that a report which was broken
off is known, too, and is made again in the same folder.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from eqntk_cli.errors import StorageError
from eqntk_cli.files.atomic import make_folder, names_in, write_text

MADE_BY = "eqntk compare-runs"
MANIFEST = "report.json"
_BEGUN = ".begun.json"


def manifest_of(folder: Path) -> dict[str, Any] | None:
    """What an earlier report in this folder says of itself; None if the folder holds no report of ours.

    Of a report that was broken off: its runs, and the files that may be there.
    """
    return _read(folder / _BEGUN) or _read(folder / MANIFEST)


def begin(folder: Path, run_ids: Iterable[str], files: Iterable[str]) -> None:
    """Say that a report on these runs is about to be written, in files of these names.

    Raises:
        DiskError: the disk is full or the folder cannot be written.
    """
    make_folder(folder)
    before = (manifest_of(folder) or {}).get("files", ())
    runs = [{"run_id": run_id} for run_id in run_ids]
    content = {"made_by": MADE_BY, "runs": runs, "files": sorted({*before, *files})}
    write_text(folder / _BEGUN, json.dumps(content, indent=1) + "\n")


def end(folder: Path) -> None:
    """Say that the report is there."""
    (folder / _BEGUN).unlink(missing_ok=True)


def _read(manifest: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("made_by") == MADE_BY else None


def require_free(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier report.

    Raises:
        StorageError: something else is there.
    """
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"--out {folder} is a file; give a folder that does not exist yet.")
    if folder.is_dir() and names_in(folder) and manifest_of(folder) is None:
        raise StorageError(f"--out {folder} holds other files and no earlier report; give an empty or a new folder.")


def free_folder(beside: Path, run_ids: Iterable[str]) -> Path:
    """`report` in the folder `beside`, or report-2, report-3, ...: the first that is free or reports on these runs."""
    wanted = sorted(run_ids)
    number = 1
    while True:
        folder = beside / ("report" if number == 1 else f"report-{number}")
        manifest = manifest_of(folder) if folder.is_dir() else None
        same = manifest is not None and sorted(run["run_id"] for run in manifest.get("runs", [])) == wanted
        if same or not folder.exists() or (folder.is_dir() and not names_in(folder)):
            return folder
        number += 1


def remove_stale(folder: Path, earlier: Iterable[str], written: Iterable[str]) -> None:
    """Remove files of an earlier report that the new one no longer has; nothing that is not in its list is touched."""
    root = folder.resolve()
    for name in set(earlier) - set(written):
        path = (folder / name).resolve()
        if path.is_relative_to(root) and path.is_file():
            path.unlink()
