"""The cluster's notice that a job will be ended soon, taken between two blocks of members where there is time for it.

A thread waits for the notice, so that it is heard while the main thread is inside a long computation. From then on it
looks for a block that has been finished since, or for the deadline; whichever comes first, it ends the run as SIGTERM
does, which keeps every block that is on the disk. A main thread that does not answer even then is left behind.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType

from eqntk_cli.errors import StorageError
from eqntk_cli.runs.record import read_record

_MARGIN = 30.0  # seconds kept for ending, where the grace is long enough
_LOOK = 0.5  # seconds between two looks at the record


class Notice:
    """While entered, in the main thread: a notice ends the run in `folder` at a good moment within `grace` seconds.

    Args:
        folder: the run folder.
        number: the signal that brings the notice.
        grace: seconds from the notice to the end of the process.
        abandon: called, with the process ended after it, where the main thread does not answer.
    """

    def __init__(self, folder: Path, number: signal.Signals, grace: float, abandon: Callable[[], None]) -> None:
        self._folder = folder
        self._number = number
        self._margin = margin(grace)
        self._grace = grace
        self._abandon = abandon
        self._left = threading.Event()
        self.given = False

    def __enter__(self) -> "Notice":
        self._hears, self._speaks = os.pipe()
        os.set_blocking(self._speaks, False)
        self._before = signal.signal(self._number, _heard)  # else the signal would end the process
        self._speaker = signal.set_wakeup_fd(self._speaks, warn_on_full_buffer=False)
        self._listener = threading.Thread(target=self._listen, name="notice", daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        signal.set_wakeup_fd(self._speaker)
        signal.signal(self._number, self._before)
        os.close(self._speaks)  # ends the listener, if it still waits
        self._listener.join()
        os.close(self._hears)

    def _listen(self) -> None:
        while byte := os.read(self._hears, 1):
            if byte[0] == self._number:
                self._end_soon()
                return

    def _end_soon(self) -> None:
        self.given = True
        sys.stderr.write("eqntk: the time limit is near; the block under way is finished, or else dropped\n")
        before = self._members_done()
        for _ in range(int((self._grace - self._margin) / _LOOK)):
            if self._members_done() != before or self._left.wait(_LOOK):
                break
        if self._left.is_set():
            return
        os.kill(os.getpid(), signal.SIGTERM)
        if not self._left.wait(self._margin * 2 / 3):
            self._abandon()
            os._exit(128 + signal.SIGTERM)

    def _members_done(self) -> int | None:
        try:
            return read_record(self._folder).members_done
        except StorageError:  # not begun yet
            return None


def margin(grace: float) -> float:
    """Seconds before the end of the grace at which a run that has not stopped by itself is ended."""
    return min(_MARGIN, grace / 3)


def _heard(_number: int, _frame: FrameType | None) -> None:
    """Nothing: the listener has it from the pipe."""
