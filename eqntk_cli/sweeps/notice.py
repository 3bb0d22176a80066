"""The cluster's notice that a job will be ended soon, taken between two blocks of members where there is time for it.

A thread waits for the notice, so that it is heard while the main thread is inside a long computation. It asks the run
to end when the block under way has reached the disk; at the deadline it sends SIGTERM, which keeps every block before
that one. A main thread that does not answer even then is left behind.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

from eqntk_cli.runs.interrupts import end_at_good_moment

_MARGIN = 30.0  # seconds kept for ending, where the grace is long enough


class Notice:
    """While entered, in the main thread: a notice ends the run of this process at a good moment within `grace` seconds.

    Args:
        number: the signal that brings the notice.
        grace: seconds from the notice to the end of the process.
        abandon: called, with the process ended after it, where the main thread does not answer.
    """

    def __init__(self, number: signal.Signals, grace: float, abandon: Callable[[], None]) -> None:
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
        end_at_good_moment(False)
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
        end_at_good_moment()
        if self._left.wait(self._grace - self._margin):
            return
        os.kill(os.getpid(), signal.SIGTERM)
        if not self._left.wait(self._margin * 2 / 3):
            self._abandon()
            os._exit(128 + signal.SIGTERM)


def margin(grace: float) -> float:
    """Seconds before the end of the grace at which a run that has not stopped by itself is ended."""
    return min(_MARGIN, grace / 3)


def _heard(_number: int, _frame: FrameType | None) -> None:
    """Nothing: the listener has it from the pipe."""
