"""Where numbers come from, as plain data: the runs that were read, those left out, and the report itself."""

from dataclasses import dataclass
from typing import Any

from eqntk_cli.runs.record import Record
from eqntk_cli.targets.task import REGRESSION


@dataclass(frozen=True)
class ReportedRun:
    """A run of the report: its record, and what stands in its store."""

    path: str
    record: Record
    n_train: int
    n_test: int
    n_ood: int

    @property
    def members_used(self) -> int | None:
        """Members whose predictions are complete; None for a kernel."""
        return None if self.record.members is None else self.record.members_done

    @property
    def fingerprint(self) -> str:
        """The sha256 of all data."""
        return (self.record.fingerprint or {}).get("all", "")

    @property
    def task(self) -> str:
        """What is asked of the networks."""
        return self.record.task or REGRESSION.name

    def value(self, key: str) -> Any:
        """What a table or report.json has under this key: a field of the record, or of the run."""
        return getattr(self, key) if hasattr(self, key) else getattr(self.record, key)


@dataclass(frozen=True)
class Provenance:
    """How the report itself was made."""

    created: str  # ISO
    command: str
    version: str  # of eqntk
    versions: dict[str, str]
    git_commit: str | None
    host: str
    seed: int  # of the resampling
    seconds: float


@dataclass(frozen=True)
class Unmatched:
    """A run that was given but belongs to no comparison, and why."""

    run_id: str
    reason: str
