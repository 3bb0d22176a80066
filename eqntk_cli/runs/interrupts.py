"""Ctrl-C and SIGTERM end a run at once, except inside a short section that must not be torn.

Signals that somebody else listens to (a cluster's launcher, for instance) are left to them.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


class Interrupts:
    """While entered: SIGINT raises KeyboardInterrupt, SIGTERM raises SystemExit(143), neither within `shielded`."""

    def __init__(self) -> None:
        self._shields = 0
        self._pending: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number, default in _DEFAULTS.items():
                if signal.getsignal(number) == default:
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
