"""How a process has a run folder: alone, or together with the other tasks of `model.shards`.

Alone, the record in memory is the record of the run. Together, it is read anew whenever it is to be changed, and is
changed by the one that has the turn, a lock that lasts for moments; computing needs no turn. Each task holds the lock
of the folder in common with the others as long as it lives, so that nobody grows or removes the run under them.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from eqntk_cli.errors import HeldError, StorageError
from eqntk_cli.files.lock import Hold, held
from eqntk_cli.files.room import Reserve
from eqntk_cli.runs.contents import LOCK_FILE, SHARED, TURN_FILE
from eqntk_cli.runs.entries import Entry, claim, with_entries, write_entry
from eqntk_cli.runs.record import Record, read_record

_LEAVING = 3.0  # seconds in which another task that leaves has written down what became of the run


class Access(Protocol):
    """What a process may do in a run folder, and when."""

    @property
    def shared(self) -> bool:
        """Whether others may be at work on the same run."""

    def turn(self, patience: float | None = None) -> AbstractContextManager[bool]:
        """The right to change the record, within `patience` seconds or, None, however long it takes; whether it came.

        It may be entered once more by who has it.
        """

    def current(self, record: Record) -> Record:
        """The record as it is now, with the notes of this process."""

    def enter(self, entry: Entry) -> None:
        """Keep for the others that a block is on the disk."""

    def claim(self, chunk: int) -> ExitStack | None:
        """The right to compute the blocks of a chunk, until the stack is closed; None: another process has it."""

    def room(self, size: int, start: int) -> Reserve:
        """Room on the disk for `size` bytes of a block of members that begins with `start`."""

    def last(self) -> bool:
        """Whether nobody else is at work on the run; if somebody is, this process has left it to them."""


class Alone:
    """Nobody else may enter."""

    shared = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def turn(self, patience: float | None = None) -> AbstractContextManager[bool]:
        """Always."""
        del patience
        return nullcontext(True)

    def current(self, record: Record) -> Record:
        """The record in memory."""
        return record

    def enter(self, entry: Entry) -> None:
        """Nothing: the record says it."""

    def claim(self, chunk: int) -> ExitStack | None:
        """Always."""
        del chunk
        return ExitStack()

    def room(self, size: int, start: int) -> Reserve:
        """In the run folder."""
        del start
        return Reserve(self._folder, size)

    def last(self) -> bool:
        """Always."""
        return True


class Together:
    """Several tasks; `hold` is this one's share of the lock of the folder."""

    shared = True

    def __init__(self, folder: Path, hold: Hold) -> None:
        self._folder = folder
        self._hold = hold
        self._turns = 0

    @contextmanager
    def turn(self, patience: float | None = None) -> Iterator[bool]:
        """By a lock of its own."""
        with ExitStack() as stack:
            if self._turns == 0:
                lock, wait = self._folder / TURN_FILE, patience is None
                try:
                    stack.enter_context(held(lock, wait, patience=patience or 0.0))
                except HeldError:
                    yield False
                    return
            self._turns += 1
            try:
                yield True
            finally:
                self._turns -= 1

    def current(self, record: Record) -> Record:
        """That on the disk, with the blocks that were entered since it was written."""
        on_disk = read_record(self._folder)
        on_disk = replace(on_disk, notes=list(dict.fromkeys([*on_disk.notes, *record.notes])))
        return on_disk if on_disk.state == "done" else with_entries(self._folder, on_disk)

    def enter(self, entry: Entry) -> None:
        """In a file of its own."""
        write_entry(self._folder, entry)

    def claim(self, chunk: int) -> ExitStack | None:
        """By a lock that ends with the process."""
        return claim(self._folder, chunk)

    def room(self, size: int, start: int) -> Reserve:
        """Beside what else goes when the run is done; whoever takes a block up gives back what a killed task held."""
        return Reserve(self._folder / SHARED, size, f"-{start}")

    def last(self) -> bool:
        """Whether the lock of the folder is held by nobody else."""
        with self.turn(_LEAVING) as mine:  # of two that leave at the same time one comes second, and sees it
            return mine and self._hold.alone()


@contextmanager
def access(folder: Path, shards: int) -> Iterator[Access]:
    """The folder of a run for one task of `shards`.

    Raises:
        HeldError: another process has the folder for itself or, with shards=1, others share it.
        StorageError: it is to be shared and its file system knows no locks.
    """
    if shards == 1:
        with held(folder / LOCK_FILE):
            yield Alone(folder)
        return
    with held(folder / LOCK_FILE, shared=True, patience=_LEAVING) as hold:
        if not hold.works:
            raise StorageError(
                f"model.shards={shards} is not possible: the file system of {folder} knows no locks (flock), by which "
                "tasks keep out of each other's way; use model.shards=1, or mount it with them (Lustre: -o flock)."
            )
        yield Together(folder, hold)
