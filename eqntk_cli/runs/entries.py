"""What the tasks of a shared run leave for each other: a file per finished block, and who is at work on which chunk.

Several processes cannot write one record.json at once. So each enters a block that has reached the disk in a file
of its own, which nobody else writes; whoever has the turn next takes it over into the record. A claim is a lock that
ends with its process. Chunks are claimed, not blocks: two blocks of a run that was grown may lie in one chunk, which
is replaced as a whole.
"""

import json
import shutil
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from eqntk_cli.errors import HeldError
from eqntk_cli.files.atomic import make_folder, write_text
from eqntk_cli.files.lock import held
from eqntk_cli.runs.contents import SHARED
from eqntk_cli.runs.record import Block, Record


@dataclass(frozen=True)
class Entry:
    """A block of members that is on the disk, and how invariant they are (None: they need not be)."""

    block: Block
    invariance_error: float | None = None


def write_entry(folder: Path, entry: Entry) -> None:
    """Enter a block of the run in `folder`, whole or not at all.

    Raises:
        DiskError: the disk is full or the folder cannot be written.
    """
    make_folder(folder / SHARED)
    write_text(folder / SHARED / _name(entry.block.start, entry.block.stop), json.dumps(asdict(entry)))


def drop_entry(folder: Path, block: Block) -> None:
    """The block has to be computed again."""
    (folder / SHARED / _name(block.start, block.stop)).unlink(missing_ok=True)


def with_entries(folder: Path, record: Record) -> Record:
    """The record with the blocks that were entered since; an entry that is damaged counts as none."""
    missing = {_name(start, stop): (start, stop) for start, stop in record.missing_blocks()}
    entered = {path.name for path in (folder / SHARED).glob("*.json")}
    for name in sorted(entered & set(missing)):
        entry = _read(folder / SHARED / name)
        if entry is not None and (entry.block.start, entry.block.stop) == missing[name]:
            record = with_entry(record, entry)
    return record


def with_entry(record: Record, entry: Entry) -> Record:
    """The record with one more block, if it does not have it already."""
    if entry.block in record.blocks_done:
        return record
    errors = [error for error in (record.invariance_error, entry.invariance_error) if error is not None]
    return replace(record.with_block(entry.block), invariance_error=max(errors) if errors else None)


def claim(folder: Path, chunk: int) -> ExitStack | None:
    """The right to compute the blocks in a chunk of the store, until the stack is closed; None: another has it.

    Raises:
        DiskError: the folder cannot be written.
    """
    make_folder(folder / SHARED)
    right = ExitStack()
    try:
        right.enter_context(held(folder / SHARED / f".claim-{chunk:08d}", patience=0.0))
    except HeldError:
        return None
    return right


def discard_entries(folder: Path) -> None:
    """Remove what a run that is done needs no more."""
    shutil.rmtree(folder / SHARED, ignore_errors=True)


def _name(start: int, stop: int) -> str:
    return f"members-{start:08d}-{stop:08d}.json"


def _read(path: Path) -> Entry | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Entry(Block(**values["block"]), values["invariance_error"])
    except (OSError, ValueError, TypeError, KeyError):  # torn, or taken away by whoever has ended the run
        return None
