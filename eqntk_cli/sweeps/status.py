"""How far a sweep is: what the run folders record, and what the queue of the cluster says of the jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eqntk_cli.errors import ClusterError
from eqntk_cli.files.lock import holder
from eqntk_cli.runs.contents import LOCK_FILE
from eqntk_cli.runs.listing import RunSummary
from eqntk_cli.runs.record import Record
from eqntk_cli.sweeps import slurm
from eqntk_cli.sweeps.expand import Job
from eqntk_cli.sweeps.manifest import Manifest, states
from eqntk_cli.sweeps.slurm import QueuedJob
from eqntk_cli.sweeps.submissions import LOGS, latest_jobs
from eqntk_cli.sweeps.submit import known_arrays

FINISHED = ("done", "failed", "cancelled", "lost", "killed")
_TAIL = 4096  # bytes of a log in which its last line is looked for


@dataclass(frozen=True)
class RunStatus:
    """One run of a sweep.

    `state`: waiting (not submitted), queued, running, done, failed, preempted (broken off; will go on if `active`),
    cancelled, killed (nobody works on it although its record says so), lost (the queue has forgotten it, and it has
    left nothing).
    """

    job: Job
    run: RunSummary | None
    state: str
    active: bool = False  # in the queue or on a node, or held by a process
    reason: str = ""
    log: Path | None = None
    seconds_left: float | None = None


@dataclass(frozen=True)
class Overview:
    """A whole sweep; `trouble` says why the queue could not be asked."""

    runs: tuple[RunStatus, ...]
    trouble: str = ""

    @property
    def done(self) -> int:
        """How many runs are done."""
        return sum(run.state == "done" for run in self.runs)

    @property
    def active(self) -> int:
        """How many runs are in the queue or being worked on."""
        return sum(run.active for run in self.runs)

    def missing(self) -> list[Job]:
        """The runs that are not done and that nobody will do."""
        return [run.job for run in self.runs if run.state != "done" and not run.active]

    def members_made(self) -> dict[str, int]:
        """The members that are there already, by the folders of their runs."""
        return {
            status.job.folder: status.run.record.members_done
            for status in self.runs
            if status.run and status.run.record
        }

    def counts(self) -> str:
        """`3 queued, 2 running, 7 done`."""
        order = ("waiting", "queued", "running", "preempted", "killed", "lost", "cancelled", "failed", "done")
        counted = {state: sum(run.state == state for run in self.runs) for state in order}
        return ", ".join(f"{number} {state}" for state, number in counted.items() if number)


def overview(folder: Path, manifest: Manifest) -> Overview:
    """Every run of the sweep in `folder`, now.

    Raises:
        StorageError: the journal of what was submitted is damaged.
    """
    jobs: dict[str, tuple[str, ...]] = {}
    known: Mapping[str, QueuedJob] = {}
    cancelled: set[str] = set()
    trouble = ""
    try:
        arrays = known_arrays(folder)
        jobs = latest_jobs(arrays)
        latest = {run: array for array in arrays for run in array.runs}
        cancelled = {run for run, array in latest.items() if array.cancelled}
        known = _known({job for tasks in jobs.values() for job in tasks})
    except ClusterError as error:
        trouble = str(error)
    statuses = []
    for job, run in states(folder, manifest):
        tasks = _Tasks.of(jobs.get(job.folder, ()), known)
        if tasks.ended() is None and job.folder in cancelled:
            tasks = _Tasks(dict.fromkeys(tasks.entries, QueuedJob("CANCELLED")))
        status = _status(job, run, tasks, submitted=bool(tasks.entries) and not trouble)
        if not status.active and status.state != "done" and holder(folder / job.folder / LOCK_FILE) is not None:
            status = replace(status, active=True)
        if tasks.entries and status.state in FINISHED[1:]:
            ended = tasks.ended()
            number = next(iter(tasks.entries)) if ended is None else ended[0]
            status = _explained(status, slurm.log_file(folder / LOGS, number))
        statuses.append(status)
    return Overview(tuple(statuses), trouble)


@dataclass(frozen=True)
class _Tasks:
    """The tasks of one run by their job ids, with what the queue or the accounts know of them (None: nothing).

    A run that several tasks share is active if any of them is.
    """

    entries: Mapping[str, QueuedJob | None]

    @classmethod
    def of(cls, jobs: Sequence[str], known: Mapping[str, QueuedJob]) -> "_Tasks":
        """The tasks with these ids; none for a run that was not submitted."""
        return cls({job: known.get(job) for job in jobs})

    @property
    def works(self) -> int:
        """How many are on a node."""
        return sum(entry.works for entry in self._known())

    @property
    def waits(self) -> int:
        """How many are in the queue and have not begun."""
        return sum(entry.waits for entry in self._known())

    @property
    def where(self) -> str:
        """On which nodes they are, and how many of how many."""
        nodes = ", ".join(sorted({entry.node for entry in self._known() if entry.works}))
        return f"on {nodes}" if len(self.entries) == 1 else f"{self.works} of {len(self.entries)} tasks on {nodes}"

    @property
    def reason(self) -> str:
        """Why the first of those that wait does."""
        return next((entry.reason for entry in self._known() if entry.waits), "")

    def ended(self) -> tuple[str, QueuedJob] | None:
        """The task that tells best how the run has ended: the first that did not complete; None where none is known."""
        known = [(job, entry) for job, entry in self.entries.items() if entry is not None]
        return min(known, key=_completed, default=None)

    def _known(self) -> list[QueuedJob]:
        return [entry for entry in self.entries.values() if entry is not None]


def _completed(task: tuple[str, QueuedJob]) -> bool:
    return task[1].state == "COMPLETED"


def _known(jobs: set[str]) -> dict[str, QueuedJob]:
    """What the queue, or else the accounts, say of these jobs."""
    if not jobs:
        return {}
    queued = {job: entry for job, entry in slurm.queue().items() if job in jobs}
    forgotten = jobs - set(queued)
    return {**slurm.accounts({job.partition("_")[0] for job in forgotten}), **queued} if forgotten else queued


def _status(job: Job, run: RunSummary | None, tasks: _Tasks, submitted: bool) -> RunStatus:
    state = "waiting" if run is None else run.state
    if state == "done":
        return RunStatus(job, run, "done")
    if tasks.works:
        left = None if run is None or run.record is None else _seconds_left(run.record)
        left = None if left is None else left / tasks.works
        return RunStatus(job, run, "running", active=True, reason=tasks.where, seconds_left=left)
    if tasks.waits:
        fresh = run is None or state == "failed" or _grown(run)
        return RunStatus(job, run, "queued" if fresh else "preempted", active=True, reason=tasks.reason)
    said = "" if run is None or run.error is None else run.error
    if not submitted or state in ("failed", "damaged"):
        left = _seconds_left(run.record) if run is not None and run.record is not None and state == "running" else None
        return RunStatus(job, run, state, reason=said if state in ("failed", "damaged") else "", seconds_left=left)
    ended = tasks.ended()
    if ended is None:
        return RunStatus(job, run, "lost" if run is None else "killed", reason="the queue does not know it any more")
    ending = ended[1].state
    if ending.startswith("CANCELLED"):
        return RunStatus(job, run, "cancelled")
    by_itself = ending == "COMPLETED" or state == "preempted"  # it said how far it was, and left
    return RunStatus(job, run, "failed" if run is None or not by_itself else state, reason=ending)


def _grown(run: RunSummary) -> bool:
    """Whether members were appended to a run since it was last at work."""
    return run.record is not None and bool(run.record.grown) and run.record.stopped is None and run.state == "preempted"


def _explained(status: RunStatus, log: Path) -> RunStatus:
    """With the log, and its last line where nothing better is known."""
    if not log.exists():
        if status.state in ("cancelled",):
            return status
        hint = "it has written no log: can the nodes see this folder?"
        return replace(status, reason=f"{status.reason}; {hint}" if status.reason else hint)
    if status.run is not None and status.state == "failed" and status.run.error:
        return replace(status, log=log)
    last = _last_line(log)
    return replace(status, log=log, reason="; ".join(part for part in (status.reason, last) if part))


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    own = [line.removeprefix("eqntk: ") for line in lines if line.startswith("eqntk: ")]
    return (own or lines or [""])[-1]


def _seconds_left(record: Record) -> float | None:
    """Time that the missing members take at the pace of those that are done; None before the first block."""
    rate, steps = record.member_steps_per_second, record.record_steps
    if not rate or not steps or record.members is None:
        return None
    return (record.members - record.members_done) * steps[-1] / rate
