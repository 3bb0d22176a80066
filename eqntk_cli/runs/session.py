"""One attempt at a run: its record, log, progress and tracking, and what becomes of it if it ends early."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import jax

from eqntk_cli.config.schema import Config
from eqntk_cli.errors import StorageError, UserError
from eqntk_cli.progress import Bar, duration
from eqntk_cli.runs import provenance
from eqntk_cli.runs.access import Access
from eqntk_cli.runs.contents import KERNELS
from eqntk_cli.runs.entries import Entry, with_entry
from eqntk_cli.runs.folder import logging_to
from eqntk_cli.runs.integrity import file_fingerprints
from eqntk_cli.runs.interrupts import Interrupts, good_moment
from eqntk_cli.runs.mirror import Mirror
from eqntk_cli.runs.record import Record, write_record
from eqntk_cli.runs.store import clear_store

_PATIENCE = 30.0  # seconds that a note waits for the turn; whoever has it longer may be waiting for this process


class Session:
    """What the parts of a run share. Leaving it settles the state of the record.

    After `finish` the run is done; Ctrl-C and SIGTERM leave it preempted, any other exception failed, with the
    text of the error. In each case what stands in the record is kept; after an interruption or an error of the disk
    a resume goes on from there. Of several tasks on one run the last one to leave settles it.
    """

    log: logging.Logger
    progress: Bar

    def __init__(self, config: Config, folder: Path, record: Record, access: Access) -> None:
        self.config = config
        self.folder = folder
        self.record = record
        self.access = access
        self.interrupts = Interrupts()
        self.mirror = Mirror(config, folder, access.shared)
        self.concluded = False  # by this very session
        self._counted = time.monotonic()  # until when the seconds are in the record
        self._stack = ExitStack()

    def __enter__(self) -> "Session":
        title = f"{self.record.dataset} {self.record.group} {self.record.model}"
        with ExitStack() as stack:
            stack.enter_context(self.interrupts)
            self.log = stack.enter_context(logging_to(self.folder))
            self.progress = stack.enter_context(Bar(title))
            self._stack = stack.pop_all()
        begun = "resume" if self.record.seconds > 0 else "start"
        self.log.info("%s %s: %s", begun, self.record.run_id, self.record.command)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if error is not None and self.record.state != "done":
                with self.interrupts.shielded():
                    self._broken_off(error)
            self.mirror.close(succeeded=error is None)

    def prepare(self, what: str) -> None:
        """Show what comes before the first step."""
        self.progress(self.record.members_done, self.record.members or 1, what)

    @contextmanager
    def turn(self, patience: float | None = None) -> Iterator[bool]:
        """The right to change the record, see `Access.turn`; it is as on the disk then, whatever others have done."""
        with self.access.turn(patience) as mine:
            self.look()
            yield mine

    def look(self) -> None:
        """See what others have done."""
        self.record = self.access.current(self.record)

    def save(self, record: Record) -> None:
        """Make `record` the record of the run, on the disk first; among several tasks by the one that has the turn.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        now = time.monotonic()
        record = replace(record, seconds=record.seconds + now - self._counted)
        write_record(self.folder, record)
        self.record, self._counted = record, now

    def keep(self, entry: Entry) -> None:
        """A block has reached the disk: now it counts.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
            SystemExit: the run was asked to end when a block is finished.
        """
        self.access.enter(entry)
        with self.turn(patience=0.0) as mine:  # else whoever has the turn next takes it over
            if mine and self.record.state == "running":
                self.save(with_entry(self.record, entry))
        good_moment()

    def note(self, line: str) -> None:
        """Keep a sentence for the reader of the results, and say it now."""
        if line not in self.record.notes:
            self.record = replace(self.record, notes=[*self.record.notes, line])
            if self.access.shared:  # another task may end the run
                with self.turn(_PATIENCE) as mine:  # the record as it is now, with the note
                    if mine and self.record.state == "running":
                        self.save(self.record)
        self.say(line)

    def say(self, line: str) -> None:
        """A line for the user, kept in the log."""
        self.log.info("%s", line)
        self.progress.say(line)

    def finish(self) -> None:
        """The run is complete."""
        clear_store(self.folder)
        files = file_fingerprints(self.folder)
        changes: dict[str, Any] = {"stopped": moment(), "error": None, "peak_memory_bytes": peak_memory_bytes()}
        self.save(self.record.moved_to("done", files=files, **changes))
        self.concluded = True
        self.progress(1.0, 1.0)
        self.say(f"done in {duration(self.record.seconds)}: {self.folder}")

    def _broken_off(self, error: BaseException) -> None:
        stopped = isinstance(error, KeyboardInterrupt | SystemExit)
        state, text = ("preempted", "interrupted") if stopped else ("failed", _text(error))
        self.log.error("%s: %s", state, text, exc_info=None if stopped or isinstance(error, UserError) else error)
        try:
            if not self.access.last():
                self.say(f"{state}: {self.record.members_done} members are there, and other tasks go on")
                return
            self.look()
            if self.record.state == "done":
                return
            changes: dict[str, Any] = {"stopped": moment(), "error": text, "peak_memory_bytes": peak_memory_bytes()}
            self.save(self.record.moved_to(state, **changes))
        except StorageError as second:  # a full disk: the record before stays, and a resume goes on from it
            self.log.error("the state could not be written: %s", second)
        # after any other error a resume would meet it again
        onward = ", and a resume goes on from there" if stopped or isinstance(error, StorageError) else ""
        if self.record.members_done or (stopped and self.record.members):
            members = f"{self.record.members_done} of {self.record.members} members"
            self.say(f"{state}: {members} are kept in {self.folder}{onward}")
        elif (self.folder / KERNELS).exists():
            self.say(f"{state}: the kernels so far are kept in {self.folder}{onward}")


def moment() -> str:
    """Now, as ISO 8601 with the time zone."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def devices() -> list[str]:
    """The devices that computations run on."""
    return [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()]


def peak_memory_bytes() -> int:
    """The largest memory so far, of this process or on one of its devices."""
    peaks = [(device.memory_stats() or {}).get("peak_bytes_in_use", 0) for device in jax.local_devices()]
    return max(provenance.peak_memory_bytes(), *peaks)


def _text(error: BaseException) -> str:
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
