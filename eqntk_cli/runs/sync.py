"""Offline folders of Weights & Biases, brought to its server later: from the login node of a cluster, for instance.

A run that was resumed has one offline folder per session, all with its id, each mirrored anew from the run's own files.
Only the newest is sent: sending two would mix their rows. wandb marks what it has sent (`run-ID.wandb.synced`), so
what a run at work is still writing has to wait.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from eqntk_cli.files.lock import holder
from eqntk_cli.runs.contents import LOCK_FILE
from eqntk_cli.runs.listing import require_folder

_PREFIX = "offline-run-"
_SENT = ".synced"


@dataclass(frozen=True)
class OfflineRun:
    """The newest offline folder of one run; while the run is `at_work` it may be written."""

    folder: Path
    run_id: str
    sent: bool
    at_work: bool = False


def offline_runs(directory: Path) -> list[OfflineRun]:
    """The newest offline folder of every run in `directory` and below, in the order of their names.

    Raises:
        StorageError: there is no such directory.
    """
    require_folder(directory)
    newest: dict[tuple[Path, str], OfflineRun] = {}
    for place, folders, _ in os.walk(directory):
        at_work = Path(place).name == "wandb" and holder(Path(place).parent / LOCK_FILE) is not None
        for name in sorted(folder for folder in folders if folder.startswith(_PREFIX)):  # offline-run-<time>-<id>
            run_id = name.rpartition("-")[2]
            folder = Path(place) / name
            sent = any(folder.glob(f"*.wandb{_SENT}"))
            newest[Path(place), run_id] = OfflineRun(folder, run_id, sent, at_work)
        folders[:] = [name for name in folders if not name.startswith(_PREFIX) and not name.endswith(".zarr")]
    return sorted(newest.values(), key=lambda run: str(run.folder))


def send(run: OfflineRun) -> str | None:
    """Bring one folder to the server with `wandb sync`; what went wrong, or None."""
    answer = subprocess.run(
        [sys.executable, "-m", "wandb", "sync", str(run.folder)], capture_output=True, text=True, check=False
    )
    if answer.returncode == 0:
        return None
    lines = [line.strip() for line in (answer.stdout + answer.stderr).splitlines() if line.strip()]
    return lines[-1] if lines else f"wandb sync ended with status {answer.returncode}"
