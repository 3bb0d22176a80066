"""Offline folders of Weights & Biases, brought to its server later: from the login node of a cluster, for instance.

A run that was resumed has one offline folder per session, all with its id, each mirrored anew from the run's own files.
Only the newest is sent: sending two would mix their rows. So what may still be written, or get a newer folder, has to
wait: a run is sent when its record says that it is done or failed and no task has its lock. wandb marks what it has
sent (`run-ID.wandb.synced`). A run that goes on after that, because it was grown or its failure was mended, has a new
folder, which is sent to the same run there.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from eqntk_cli.errors import StorageError
from eqntk_cli.files.lock import holder
from eqntk_cli.runs.contents import LOCK_FILE
from eqntk_cli.runs.listing import require_folder
from eqntk_cli.runs.record import read_record

_PREFIX = "offline-run-"
_SENT = ".synced"


@dataclass(frozen=True)
class OfflineRun:
    """The newest offline folder of one run; until the run has `ended` it may be written, or not stay the newest."""

    folder: Path
    run_id: str
    sent: bool
    ended: bool = True


def offline_runs(directory: Path) -> list[OfflineRun]:
    """The newest offline folder of every run in `directory` and below, in the order of their names.

    Raises:
        StorageError: there is no such directory.
    """
    require_folder(directory)
    newest: dict[tuple[Path, str], OfflineRun] = {}
    for place, folders, _ in os.walk(directory):
        ended = Path(place).name != "wandb" or _ended(Path(place).parent)
        for name in sorted(folder for folder in folders if folder.startswith(_PREFIX)):  # offline-run-<time>-<id>
            run_id = name.rpartition("-")[2]
            folder = Path(place) / name
            sent = any(folder.glob(f"*.wandb{_SENT}"))
            newest[Path(place), run_id] = OfflineRun(folder, run_id, sent, ended)
        folders[:] = [name for name in folders if not name.startswith(_PREFIX) and not name.endswith(".zarr")]
    return sorted(newest.values(), key=lambda run: str(run.folder))


def _ended(folder: Path) -> bool:
    """Whether nothing goes on in this folder; one without a record (a report), or a damaged one, is left as it is."""
    if holder(folder / LOCK_FILE) is not None:
        return False
    try:
        return read_record(folder).state in ("done", "failed")
    except StorageError:
        return True


def send(run: OfflineRun) -> str | None:
    """Bring one folder to the server with `wandb sync`; what went wrong, or None."""
    answer = subprocess.run(
        [sys.executable, "-m", "wandb", "sync", str(run.folder)], capture_output=True, text=True, check=False
    )
    if answer.returncode == 0:
        return None
    lines = [line.strip() for line in (answer.stdout + answer.stderr).splitlines() if line.strip()]
    return lines[-1] if lines else f"wandb sync ended with status {answer.returncode}"
