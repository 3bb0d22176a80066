"""A run in Weights & Biases as its folder has it: one mirror per run folder, by one of its tasks at a time.

Several processes that mirrored one run would mix their rows. So of the tasks of a shared run the first one holds a
lock and tells what all of them have done; if it ends, or the service fails it, another one takes its place and tells
the run from its beginning, or, where the service still has it, what is missing there: rows that a killed mirror had
sent, but the service not yet counted, may stand there twice. All comes from the record and from metrics.csv, so that it
does not matter who has computed what.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from eqntk_cli.config.schema import Config
from eqntk_cli.errors import DiskError, HeldError
from eqntk_cli.files.atomic import make_folder, write_text
from eqntk_cli.files.lock import held, holder
from eqntk_cli.runs.contents import LOG_FILE, SHARED, own_files
from eqntk_cli.runs.interrupts import good_moment
from eqntk_cli.runs.metrics import by_step, read_rows
from eqntk_cli.runs.record import Record
from eqntk_cli.runs.tracking import AVERAGED, Tracker, track_run, tracking_mode

_LOCK, _COMPLETE = ".mirror", ".mirrored"  # beside what else tasks leave for each other
_LIMIT = 60.0  # seconds that the task which ends the run waits for the one that mirrors it
_PAUSE = 0.1  # seconds between two looks at the lock


class Mirror:
    """What this process tells of a run: everything, or nothing while another task does so."""

    def __init__(self, config: Config, folder: Path, shared: bool) -> None:
        self._config = config
        self._folder = folder
        self._shared = shared
        self._lock = ExitStack()
        self._tracker: Tracker | None = None
        self._out = tracking_mode(config.tracking.mode) == "disabled"  # or the service fails this process
        self._known = 0  # members of which the service has the progress from an earlier session
        self._told: set[int] = set()  # where blocks begin of which the progress is told
        self._members, self._seconds = 0, 0.0  # of these blocks
        self._result = False  # whether it is told
        self._complete: str | None = None  # the end of the run of which all is told

    def follow(self, record: Record) -> None:
        """Tell how far the run is: a row for every block of members that is not told yet."""
        tracker = self._own(record)
        if tracker is None:
            return
        for block in record.blocks_done:
            if block.start in self._told:
                continue
            self._told.add(block.start)
            self._members += block.stop - block.start
            self._seconds += block.seconds
            if self._members > self._known:
                rate = record.throughput(self._members, self._seconds)
                tracker.log({"members_done": self._members, "progress/member_steps_per_second": rate})
        self._leave_if_unwell()

    def conclude(self, record: Record) -> None:
        """Tell metrics and numbers of a run whose parts are all there, once."""
        self.follow(record)
        if self._tracker is None or self._result:
            return
        self._result = True
        known = self._tracker.known("step") if self._tracker.known(AVERAGED) == record.members_done else None
        for row in by_step(read_rows(self._folder)):
            if known is None or row["step"] > known:
                self._tracker.log(row | {AVERAGED: record.members_done})
        self._tracker.summary(
            {
                "step_size": record.step_size,
                "stability_limit": record.stability_limit,
                "members_done": record.members_done,
                "invariance_error": record.invariance_error,
                "fingerprint": (record.fingerprint or {}).get("all"),
            }
        )
        self._leave_if_unwell()

    def complete(self, record: Record, say: Callable[[str], None] | None = None) -> None:
        """Tell all of a run that is done, and keep its folder; nothing if another task has done so or does.

        Args:
            record: of the run.
            say: wait a while for a task that has the mirror, and say so; None: the run is left to it.
        """
        if say is not None and not self._waited(say):
            return
        self.conclude(record)
        if self._tracker is None:
            return
        if self._config.tracking.upload:  # last, so that record and log in it are whole
            files = own_files(self._folder)
            # other tasks may still write a line of the log
            fixed = [file for file in files if not (self._shared and file.name == LOG_FILE)]
            self._tracker.artifact(f"run-{record.run_id}", "run", self._folder, files, fixed)
        self._complete = record.stopped
        self._leave_if_unwell()

    def close(self, succeeded: bool) -> None:
        """The end of this process's part; only now has the service everything, and the others may know."""
        with self._lock:
            if self._tracker is None:
                return
            self._tracker.finish(succeeded)
            if self._shared and succeeded and self._tracker.well and self._complete is not None:
                with suppress(DiskError):
                    write_text(self._folder / SHARED / _COMPLETE, self._complete)

    def _own(self, record: Record) -> Tracker | None:
        """The tracker, if this process has or gets the lock and the mirror is not complete."""
        if self._tracker is None and not self._out and self._locked(record):
            self._tracker = track_run(self._config, record, self._folder)
            self._known = self._tracker.known("members_done") or 0
            self._leave_if_unwell()
        return self._tracker

    def _locked(self, record: Record) -> bool:
        if not self._shared:
            return True
        with ExitStack() as stack:
            try:
                make_folder(self._folder / SHARED)
                stack.enter_context(held(self._folder / SHARED / _LOCK, patience=0.0))
            except (HeldError, DiskError):  # no room: the run itself says so where it matters
                return False
            with suppress(OSError, UnicodeDecodeError):
                # of this end of the run: one that was grown since is told anew
                if (self._folder / SHARED / _COMPLETE).read_text(encoding="utf-8") == record.stopped:
                    return False
            self._lock = stack.pop_all()
        return True

    def _leave_if_unwell(self) -> None:
        """Let another task try where the service fails this one; a run of one process has nobody else."""
        if self._shared and self._tracker is not None and not self._tracker.well:
            self._out = True
            with self._lock:
                self._tracker.finish(succeeded=False)
            self._tracker = None

    def _waited(self, say: Callable[[str], None]) -> bool:
        """Wait until no other task has the mirror; False: it is left to that one, and this one ends well."""
        lock = self._folder / SHARED / _LOCK
        if not self._shared or self._out or self._tracker is not None or (name := holder(lock)) is None:
            return True
        say(f"waiting {_LIMIT:.0f} s at most for {name}, which brings the run to Weights & Biases")
        end = time.monotonic() + _LIMIT
        try:
            while holder(lock) is not None:
                good_moment()
                if time.monotonic() > end:
                    break
                time.sleep(_PAUSE)
            else:
                return True
        except (KeyboardInterrupt, SystemExit):  # only the waiting ends early
            pass
        say(
            f"Weights & Biases is left to {name}; should that one be killed, `eqntk train --resume {self._folder}` "
            "brings the rest there, and what is offline goes there by `eqntk runs sync`"
        )
        return False
