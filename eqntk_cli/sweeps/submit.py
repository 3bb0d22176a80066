"""From runs that are missing to jobs in the queue of a cluster: arrays by kind of run, each entered in the journal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eqntk_cli.config.schema import Config
from eqntk_cli.errors import ClusterError
from eqntk_cli.sweeps import slurm
from eqntk_cli.sweeps.cluster import KINDS, Resources, kind_of
from eqntk_cli.sweeps.expand import Job
from eqntk_cli.sweeps.job import ClusterJob
from eqntk_cli.sweeps.submissions import LOGS, Array, enter, new_array, read_arrays, with_numbers, withdraw

_COMPILED = "compiled"


@dataclass(frozen=True)
class Batch:
    """Runs that ask for the same resources, which become one array."""

    kind: str
    resources: Resources
    runs: tuple[tuple[Job, Config], ...]

    @property
    def tasks(self) -> tuple[tuple[Job, Config], ...]:
        """Every run once per task that shares it (`model.shards`)."""
        return tuple(run for run in self.runs for _ in range(_tasks(run)))


def batches(runs: Sequence[tuple[Job, Config]], resources: Mapping[str, Resources]) -> list[Batch]:
    """Runs sorted into arrays: by what they ask for, and no larger than SLURM takes."""
    return [
        Batch(kind, resources[kind], tuple(chunk))
        for kind in KINDS
        for chunk in _chunks([run for run in runs if kind_of(run[1].model.name) == kind])
    ]


def submit(folder: Path, name: str, parts: Sequence[Batch]) -> list[Array]:
    """Submit every batch as an array.

    Returns:
        The arrays, with their numbers.

    Raises:
        ClusterError: SLURM refuses one; those before it stay in the queue and in the journal.
        DiskError: the folder cannot be written.
    """
    submitted = []
    for part in parts:
        array = new_array(name, [job.folder for job, _ in part.tasks])
        enter(folder, array)
        jobs = [_cluster_job(folder, job, config, part.resources) for job, config in part.tasks]
        try:
            array = replace(array, job=slurm.submit(jobs, part.resources, array.name, (folder / LOGS).resolve()))
        except ClusterError:
            if not slurm.named([array.name]):  # else it was queued and the answer got lost
                withdraw(folder, array)
            raise
        enter(folder, array)
        submitted.append(array)
    return submitted


def known_arrays(folder: Path) -> list[Array]:
    """What was submitted for a sweep; numbers that the journal lacks are looked for in the queue."""
    arrays = read_arrays(folder)
    unknown = [array.name for array in arrays if array.job is None]
    return with_numbers(arrays, slurm.named(unknown)) if unknown else arrays


def note_cancelled(folder: Path, arrays: Sequence[Array]) -> None:
    """Keep in the journal that these arrays were taken off the queue, which forgets them."""
    for array in arrays:
        enter(folder, replace(array, cancelled=True))


def _cluster_job(folder: Path, job: Job, config: Config, resources: Resources) -> ClusterJob:
    here = folder.resolve()
    return ClusterJob(
        config=config,
        folder=str(here / job.folder),
        words=job.overrides,
        compiled=str(here / LOGS / _COMPILED),
        grace=resources.signal_delay_s,
        requeues=resources.max_num_timeout,
    )


def _chunks(runs: Sequence[tuple[Job, Config]]) -> Iterator[Sequence[tuple[Job, Config]]]:
    """As many runs as an array takes, with all tasks of each."""
    chunk: list[tuple[Job, Config]] = []
    for run in runs:
        if sum(map(_tasks, chunk)) + _tasks(run) > slurm.LARGEST_ARRAY:
            yield chunk
            chunk = []
        chunk.append(run)
    if chunk:
        yield chunk


def _tasks(run: tuple[Job, Config]) -> int:
    return run[1].model.shards
