"""Starting the command line from a test: in this process where nothing is computed, else as the real command."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("eqntk"))
TINY = [
    "model.width=8",
    "model.members=4",
    "training.steps=4",
    "dataset.n_train=6",
    "dataset.n_test=6",
    "dataset.n_ood=2",
    "tracking=disabled",
]


@dataclass
class Answer:
    """What a command left behind."""

    status: int
    out: str
    err: str


def real(*words, folder, **variables):
    """Run the installed command in a folder; extra environment variables by keyword."""
    done = subprocess.run(
        [COMMAND, *words], cwd=folder, capture_output=True, text=True, env={**os.environ, **variables}, check=False
    )
    return Answer(done.returncode, done.stdout, done.stderr)
