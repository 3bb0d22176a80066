"""record.json: what a run is, how far it has come and with which software, data and machine it was made.

The record is the journal of a run. A block of members counts as computed only once it stands in `blocks_done`
with the sha256 of its predictions, and that happens after the predictions have reached the disk; so a run that
is killed at any moment has blocks that are complete and blocks that will be made again, and nothing between.

Nothing heavy is imported here: the list of runs and the report read records by the hundred.
"""

import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from eqntk_cli.errors import StorageError
from eqntk_cli.files.atomic import write_text
from eqntk_cli.runs.contents import RECORD_FILE

SCHEMA = 1
STATES = ("running", "done", "failed", "preempted")
# what records of earlier programs lack, and what it was
_LATER: dict[str, object] = {"haar_samples": None, "config_fingerprint": None, "files": None}
_LATER |= {"antithetic": False, "grown": [], "plan": None}
_NEXT = {
    "running": ("running", "done", "failed", "preempted"),  # running again: it was killed and goes on
    "failed": ("running",),
    "preempted": ("running",),
    "done": (),
}


@dataclass(frozen=True)
class Block:
    """A block of members whose predictions are on the disk."""

    start: int
    stop: int
    sha256: str
    seconds: float
    layout: dict[str, int] | None = None  # members per program, originals per micro-batch, steps per program


@dataclass(frozen=True)
class Record:
    """One run; the names are those of record.json. What is not known yet, or does not apply, is None."""

    run_id: str
    state: str
    role: str
    control: str | None
    coupling: str
    model: str
    augmentation: str | None
    group: str
    dataset: str
    architecture: dict[str, Any]
    training: dict[str, Any]
    seed: int
    precision: str
    started: str  # ISO 8601 with time zone
    schema: int = SCHEMA
    label: str | None = None
    haar_samples: int | None = None  # augmentation=haar: random rotations per training sample
    width: int | None = None  # None for an infinitely wide network
    members: int | None = None
    antithetic: bool = False  # members 2k and 2k+1 differ in the sign of the read-out only; the pair is one draw
    members_done: int = 0
    grown: list[int] = field(default_factory=list)  # how many members it was made for before members were appended
    blocks: list[list[int]] = field(default_factory=list)  # layout: [start, stop) of every block of members
    blocks_done: list[Block] = field(default_factory=list)
    fingerprint: dict[str, str] | None = None  # sha256 of the arrays: train, test, ood, all
    config_fingerprint: str | None = None  # sha256 of the settings in config.yaml that predictions depend on
    files: dict[str, str] | None = None  # of a run that is done: sha256 of every other file but the blocks of members
    plan: str | None = None  # sha256 of the plan.yaml beside the folder that the run was begun under
    task: str | None = None
    target: dict[str, Any] | None = None  # name, unit, mean, scale: physical value = value * scale + mean
    step_size: float | None = None
    stability_limit: float | None = None
    record_steps: list[int] = field(default_factory=list)
    invariance_error: float | None = None
    kernel: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    git_commit: str | None = None
    devices: list[str] = field(default_factory=list)
    host: str | None = None
    command: str | None = None
    stopped: str | None = None
    seconds: float = 0.0  # wall time, all sessions together
    member_steps_per_second: float | None = None
    peak_memory_bytes: int | None = None
    error: str | None = None

    def moved_to(self, state: str, **changes: Any) -> "Record":
        """The record in another state.

        Raises:
            StorageError: a run that is done stays as it is.
        """
        if state not in _NEXT[self.state]:
            raise StorageError(f"run {self.run_id} is {self.state} and cannot become {state}; start a new run.")
        return replace(self, state=state, **changes)

    def with_block(self, block: Block) -> "Record":
        """The record after one more block of members has reached the disk."""
        done = sorted([*self.blocks_done, block], key=attrgetter("start"))
        return self.with_blocks(done)

    def with_blocks(self, done: list[Block]) -> "Record":
        """The record with exactly these blocks done, and the throughput that follows from them."""
        members = sum(block.stop - block.start for block in done)
        rate = self.throughput(members, sum(block.seconds for block in done))
        return replace(self, blocks_done=done, members_done=members, member_steps_per_second=rate)

    def throughput(self, members: int, seconds: float) -> float | None:
        """Steps of single members per second, where `members` have taken so many seconds."""
        steps = self.record_steps[-1] if self.record_steps else 0
        return members * steps / seconds if seconds > 0 else None

    def grown_to(self, members: int) -> "Record":
        """The record of the run with members appended, to be gone on with.

        Blocks keep their size and stay where they are; what is left of the last one becomes a block of its own.
        """
        blocks = [list(block) for block in self.blocks]
        while blocks and blocks[-1][1] < members:
            start, size = blocks[-1][1], blocks[0][1]
            blocks.append([start, min(start - start % size + size, members)])
        grown = [*self.grown, self.members] if self.members is not None else self.grown
        changes: dict[str, Any] = {"files": None, "error": None, "stopped": None}
        return replace(self, state="preempted", members=members, grown=grown, blocks=blocks, **changes)

    def missing_blocks(self) -> list[tuple[int, int]]:
        """The blocks [start, stop) that are still to be computed."""
        done = {(block.start, block.stop) for block in self.blocks_done}
        return [(start, stop) for start, stop in self.blocks if (start, stop) not in done]

    def done_members(self) -> list[int]:
        """The members whose predictions are complete, in order."""
        return [member for block in self.blocks_done for member in range(block.start, block.stop)]


def write_record(folder: Path, record: Record) -> None:
    """Write record.json into the run folder, whole or not at all.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    text = json.dumps(_finite(asdict(record)), indent=2, allow_nan=False, ensure_ascii=False)
    write_text(folder / RECORD_FILE, text + "\n")


def read_record(folder: Path) -> Record:
    """Read record.json of a run folder.

    Raises:
        StorageError: there is none, it is damaged, or it was written by a program with another schema.
    """
    path = folder / RECORD_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StorageError(f"{folder} is not a run folder (no {RECORD_FILE}); see `eqntk runs list`.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StorageError(f"{path} is damaged ({error}); restore it from a copy or start a new run.") from error
    except OSError as error:
        raise StorageError(f"cannot read {path} ({error.strerror}).") from error
    return _validated(path, values)


def _validated(path: Path, values: Any) -> Record:
    if not isinstance(values, dict) or "schema" not in values:
        raise StorageError(f"{path} is damaged (no schema in it); restore it from a copy or start a new run.")
    if values["schema"] != SCHEMA:
        raise StorageError(
            f"{path} has schema {values['schema']!r}, this program reads schema {SCHEMA}; "
            "read it with the version of eqntk that wrote it (its `versions` say which)."
        )
    values = _LATER | values
    names = [key.name for key in fields(Record)]
    missing = [name for name in names if name not in values]
    if missing:
        raise StorageError(f"{path} is damaged (without {', '.join(missing)}); restore it or start a new run.")
    if values["state"] not in STATES:
        raise StorageError(f"{path} is damaged (state {values['state']!r}); expected {' | '.join(STATES)}.")
    try:
        values["blocks_done"] = [Block(**block) for block in values["blocks_done"]]
        layout = [(int(start), int(stop)) for start, stop in values["blocks"]]
    except (TypeError, ValueError) as error:
        raise StorageError(f"{path} is damaged (blocks: {error}); restore it or start a new run.") from error
    if any((block.start, block.stop) not in layout for block in values["blocks_done"]):
        raise StorageError(f"{path} is damaged (a block outside its layout); restore it or start a new run.")
    return Record(**{name: values[name] for name in names})


def _finite(value: Any) -> Any:
    """The value with NaN and infinities as None, which is all that JSON can say of them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
