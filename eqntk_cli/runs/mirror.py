"""A run in Weights & Biases as its folder has it: one mirror per run folder, by one of its tasks at a time.

Several processes that mirrored one run would mix their rows. So of the tasks of a shared run the first one holds a
lock and tells what all of them have done; if it ends, another one takes its place and tells the run from its beginning,
or, where the service still has it, what is missing there. All comes from the record and from metrics.csv, so that it
does not matter who has computed what.
"""

from contextlib import ExitStack, suppress
from pathlib import Path

from eqntk_cli.config.schema import Config
from eqntk_cli.errors import DiskError, HeldError
from eqntk_cli.files.atomic import make_folder
from eqntk_cli.files.lock import held
from eqntk_cli.runs.contents import LOG_FILE, SHARED, own_files
from eqntk_cli.runs.metrics import by_step, read_rows
from eqntk_cli.runs.record import Record
from eqntk_cli.runs.tracking import Tracker, track_run, tracking_mode

_RIGHT, _COMPLETE = ".mirror", ".mirrored"  # beside what else tasks leave for each other


class Mirror:
    """What this process tells of a run: everything, or nothing while another task does so."""

    def __init__(self, config: Config, folder: Path, shared: bool) -> None:
        self._config = config
        self._folder = folder
        self._shared = shared
        self._right = ExitStack()
        self._tracker: Tracker | None = None
        self._members = 0  # of which the progress is told
        self._result = False  # whether it is told

    def follow(self, record: Record) -> None:
        """Tell how far the run is: a row for every block of members that is not told yet."""
        tracker = self._own(record)
        if tracker is None:
            return
        for number in range(len(record.blocks_done)):
            so_far = record.with_blocks(record.blocks_done[: number + 1])
            if so_far.members_done > self._members:
                self._members = so_far.members_done
                rate = so_far.member_steps_per_second
                tracker.log({"members_done": self._members, "progress/member_steps_per_second": rate})

    def conclude(self, record: Record) -> None:
        """Tell metrics and numbers of a run whose parts are all there, once."""
        self.follow(record)
        if self._tracker is None or self._result:
            return
        self._result = True
        for row in by_step(read_rows(self._folder)):
            self._tracker.log(row)
        self._tracker.summary(
            {
                "step_size": record.step_size,
                "stability_limit": record.stability_limit,
                "members_done": record.members_done,
                "invariance_error": record.invariance_error,
                "fingerprint": (record.fingerprint or {}).get("all"),
            }
        )

    def complete(self, record: Record, wait: bool) -> None:
        """Tell all of a run that is done, and keep its folder; nothing if another task has done so.

        Args:
            record: of the run.
            wait: for a task that has the mirror; else the run is left to it.
        """
        if self._own(record, wait) is None or self._tracker is None:
            return
        self.conclude(record)
        if self._config.tracking.upload:  # last, so that record and log in it are whole
            files = own_files(self._folder)
            # other tasks may still write a line of the log
            fixed = [file for file in files if not (self._shared and file.name == LOG_FILE)]
            self._tracker.artifact(f"run-{record.run_id}", "run", self._folder, files, fixed)
        if self._shared:
            with suppress(OSError):
                (self._folder / SHARED / _COMPLETE).touch()

    def close(self, succeeded: bool) -> None:
        """The end of this process's part."""
        with self._right:
            if self._tracker is not None:
                self._tracker.finish(succeeded)

    def _own(self, record: Record, wait: bool = False) -> Tracker | None:
        """The tracker, if this process has or gets the right to it and the mirror is not complete."""
        if self._tracker is None and self._may(wait):
            self._tracker = track_run(self._config, record, self._folder)
            self._members = self._tracker.members_known()
        return self._tracker

    def _may(self, wait: bool) -> bool:
        if not self._shared:
            return True
        if tracking_mode(self._config.tracking.mode) == "disabled":
            return False
        with ExitStack() as stack:
            try:
                make_folder(self._folder / SHARED)
                stack.enter_context(held(self._folder / SHARED / _RIGHT, wait, patience=0.0))
            except (HeldError, DiskError):  # no room: the run itself says so where it matters
                return False
            if (self._folder / SHARED / _COMPLETE).exists():
                return False
            self._right = stack.pop_all()
        return True
