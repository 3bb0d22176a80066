"""submissions.json: which run of a sweep went to the cluster as which job.

An array is entered before it is submitted, under a name that no other has, and once more when SLURM has given it a
number. So a command that is killed in between leaves an entry whose number is found in the queue by its name, and
nothing is ever queued twice.
"""

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from eqntk_cli.errors import StorageError
from eqntk_cli.files.atomic import make_folder, write_text

LOGS = "slurm"  # folder of a sweep: this journal, what the jobs are to do, and their logs
JOURNAL = "submissions.json"
SCHEMA = 1


@dataclass(frozen=True)
class Array:
    """Jobs that were submitted together; `job` is None until SLURM has answered."""

    name: str
    runs: tuple[str, ...]  # folders of the runs, in the order of the tasks; one that several tasks share, several times
    job: str | None = None
    cancelled: bool = False  # by `eqntk sweep --cancel`

    def jobs(self) -> dict[str, tuple[str, ...]]:
        """The job ids of every run, one per task; nothing before SLURM has answered."""
        if self.job is None:
            return {}
        if len(self.runs) == 1:
            return {self.runs[0]: (self.job,)}
        tasks = [(run, f"{self.job}_{task}") for task, run in enumerate(self.runs)]
        return {run: tuple(job for other, job in tasks if other == run) for run in self.runs}


def new_array(sweep: str, runs: Sequence[str]) -> Array:
    """An array under a name that no other has."""
    return Array(f"eqntk-{re.sub(r'[^A-Za-z0-9_-]+', '_', sweep)}-{secrets.token_hex(4)}", tuple(runs))


def read_arrays(folder: Path) -> list[Array]:
    """What was submitted for the sweep in `folder`, oldest first.

    Raises:
        StorageError: the journal is damaged.
    """
    path = folder / LOGS / JOURNAL
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["schema"] != SCHEMA:
            raise StorageError(f"{path} has schema {values['schema']}; this program reads schema {SCHEMA}.")
        return [Array(**{**entry, "runs": tuple(entry["runs"])}) for entry in values["arrays"]]
    except FileNotFoundError:
        return []
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise StorageError(
            f"{path} is damaged ({error}); look with squeue which jobs are in the queue, cancel them, and remove it."
        ) from error


def enter(folder: Path, array: Array) -> None:
    """Enter an array, in place of an entry with its name.

    Raises:
        DiskError: the disk is full or the folder cannot be written.
    """
    _write(folder, [*_without(folder, array), array])


def withdraw(folder: Path, array: Array) -> None:
    """Take an array out again that SLURM has refused.

    Raises:
        DiskError: the disk is full or the folder cannot be written.
    """
    _write(folder, _without(folder, array))


def with_numbers(arrays: Sequence[Array], numbers: dict[str, str]) -> list[Array]:
    """The arrays with numbers, by their names, where they have none yet."""
    return [replace(array, job=numbers.get(array.name)) if array.job is None else array for array in arrays]


def latest_jobs(arrays: Sequence[Array]) -> dict[str, tuple[str, ...]]:
    """The job ids of every run that was submitted, one per task; the latest where it was submitted several times."""
    return {run: jobs for array in arrays for run, jobs in array.jobs().items()}


def _without(folder: Path, array: Array) -> list[Array]:
    return [other for other in read_arrays(folder) if other.name != array.name]


def _write(folder: Path, arrays: Sequence[Array]) -> None:
    make_folder(folder / LOGS)
    entries = [asdict(array) for array in arrays]
    write_text(folder / LOGS / JOURNAL, json.dumps({"schema": SCHEMA, "arrays": entries}, indent=1) + "\n")
