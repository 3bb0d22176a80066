"""What the queue says of a run that several tasks share: it is active if any of them is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from eqntk_cli.sweeps.slurm import QueuedJob


@dataclass(frozen=True)
class Tasks:
    """The tasks of one run by their job ids, with what the queue or the accounts know of them (None: nothing)."""

    entries: Mapping[str, QueuedJob | None]

    @classmethod
    def of(cls, jobs: Sequence[str], known: Mapping[str, QueuedJob]) -> "Tasks":
        """The tasks with these ids; none for a run that was not submitted."""
        return cls({job: known.get(job) for job in jobs})

    @property
    def works(self) -> int:
        """How many are on a node."""
        return len(self._those(_works))

    @property
    def waits(self) -> int:
        """How many are in the queue and have not begun."""
        return len(self._those(_waits))

    @property
    def where(self) -> str:
        """On which nodes they are, and how many of how many."""
        nodes = ", ".join(sorted({entry.node for entry in self._those(_works)}))
        return f"on {nodes}" if len(self.entries) == 1 else f"{self.works} of {len(self.entries)} tasks on {nodes}"

    @property
    def reason(self) -> str:
        """Why the first of those that wait does."""
        return next((entry.reason for entry in self._those(_waits)), "")

    def ended(self) -> tuple[str, QueuedJob] | None:
        """The task that tells best how the run has ended: the first that did not complete; None where none is known."""
        known = [(job, entry) for job, entry in self.entries.items() if entry is not None]
        return min(known, key=_completed, default=None)

    def _those(self, are: Callable[[QueuedJob], bool]) -> list[QueuedJob]:
        return [entry for entry in self.entries.values() if entry is not None and are(entry)]


def _works(entry: QueuedJob) -> bool:
    return entry.works


def _waits(entry: QueuedJob) -> bool:
    return entry.waits


def _completed(task: tuple[str, QueuedJob]) -> bool:
    return task[1].state == "COMPLETED"
