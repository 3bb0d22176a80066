"""Ctrl-C, SIGTERM and SIGHUP end a program at once, except inside a short section that must not be torn.

Signals that somebody else listens to (a cluster's launcher, for instance), or that are ignored (under nohup), are
left as they are.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any, NoReturn

_DEFAULTS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}
_ending = threading.Event()  # of this process
_WORDS = {128 + signal.SIGINT: "interrupted", 128 + signal.SIGTERM: "terminated", 128 + signal.SIGHUP: "hung up"}


class Interrupts:
    """While entered: SIGINT raises KeyboardInterrupt, SIGTERM SystemExit(143), SIGHUP SystemExit(129).

    None of them does so within `shielded`. An inner one takes the place of an outer one until it is left.
    """

    def __init__(self) -> None:
        self._shields = 0
        self._pending: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number, default in _DEFAULTS.items():
                handler = signal.getsignal(number)
                if handler == default or isinstance(getattr(handler, "__self__", None), Interrupts):
                    self._before[number] = signal.signal(number, self._received)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """A section that a signal does not interrupt; the signal takes effect at its end."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
            self._deliver()

    def _received(self, number: int, _frame: FrameType | None) -> None:
        self._pending = number
        self._deliver()

    def _deliver(self) -> None:
        if self._shields > 0 or self._pending is None:
            return
        number, self._pending = self._pending, None
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)


def end_at_good_moment(wanted: bool = True) -> None:
    """Ask the run of this process to end, as SIGTERM does, as soon as what is under way has reached the disk."""
    if wanted:
        _ending.set()
    else:
        _ending.clear()


def good_moment() -> None:
    """Called where a block of members or a tile of a kernel has just reached the disk.

    Raises:
        SystemExit: the run was asked to end.
    """
    if _ending.is_set():
        raise SystemExit(128 + signal.SIGTERM)


def interruption(error: BaseException) -> str | None:
    """What has ended a program from outside, in words ("terminated"); None for its own exits and errors."""
    if isinstance(error, KeyboardInterrupt):
        return _WORDS[128 + signal.SIGINT]
    return _WORDS.get(error.code) if isinstance(error, SystemExit) and isinstance(error.code, int) else None


def leave(status: int) -> NoReturn:
    """End the process without taking Python down in order.

    A computation under way in threads of XLA still uses what an orderly end takes away, and then ends by a segmentation
    fault (-11) instead of `status`. Whatever must be kept has to be on the disk before.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a terminal that was closed
            stream.flush()
    os._exit(status)
