"""Writing the files of a report: each whole or not at all, never into a folder that is someone else's.

A report's folder is known by its report.json, which names the program, the runs and every file that was written.
"""

import errno
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from eqntk_cli.errors import StorageError

MADE_BY = "eqntk compare-runs"
MANIFEST = "report.json"


def write_file(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`: written beside it, flushed, renamed.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise StorageError(_advice(path, error)) from error
    finally:
        if beside.is_file():
            beside.unlink(missing_ok=True)


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


def _advice(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"the disk that holds {path.parent} is full; free some space, or give another folder with --out."
    return f"cannot write {path} ({error.strerror or error}); give a folder of yours with --out."
