"""How far a computation is, on stderr: a bar with the time left in a terminal, a line now and then elsewhere.

Nothing is shown of what is over in two seconds.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

_SECONDS_BEFORE = 2.0
_SECONDS_BETWEEN_LINES = 10.0


class Progress(Protocol):
    """Told by a computation how much of it is done."""

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` parts are finished."""


def silent(done: int, total: int) -> None:
    """No report at all."""
    del done, total


@contextmanager
def shown(label: str, unit: str) -> Iterator[Progress]:
    """Yield a Progress that shows itself; `unit` says what is counted ("pairs")."""
    report = _Bar(label, unit) if sys.stderr.isatty() else _Lines(label, unit)
    try:
        yield report
    finally:
        report.close()


class _Bar:
    """A bar in a terminal; rich is imported when there is something to show."""

    def __init__(self, label: str, unit: str) -> None:
        self._label, self._unit = label, unit
        self._start = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None and time.monotonic() - self._start < _SECONDS_BEFORE:
            return
        if self._bar is None:
            self._open(done, total)
        self._bar.update(self._task, completed=done)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _open(self, done: int, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        left = (TextColumn(self._unit), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *left)
        self._bar = RichProgress(*columns, console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task(self._label, total=total, completed=done)


class _Lines:
    """Plain lines, at most one in ten seconds."""

    def __init__(self, label: str, unit: str) -> None:
        self._label, self._unit = label, unit
        self._start = self._last = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._first is None:  # what was there already says nothing about the speed
            self._first, self._start, self._last = done, now, now
        if now - self._last < (_SECONDS_BETWEEN_LINES if self._last > self._start else _SECONDS_BEFORE):
            return
        self._last = now
        left = (total - done) * (now - self._start) / max(1, done - self._first)
        sys.stderr.write(f"{self._label}: {done} of {total} {self._unit}, {left:.0f} s left\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Lines need no closing."""
