"""How far a download is: a bar with the time left in a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def byte_progress(label: str, done: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how many more bytes have come; `done` of `total` are there already."""
    if not sys.stderr.isatty():
        yield _Lines(label, done, total).advance
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total, completed=done)
        yield lambda count: bar.advance(task, count)


class _Lines:
    """Progress as plain lines on stderr, at most one in ten seconds."""

    def __init__(self, label: str, done: int, total: int | None) -> None:
        self._label, self._done, self._total = label, done, total
        self._at_start, self._start = done, time.monotonic()
        self._last = self._start

    def advance(self, count: int) -> None:
        """Count bytes, and say so if it is time."""
        self._done += count
        now = time.monotonic()
        if now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        speed = (self._done - self._at_start) / (now - self._start)
        total = "" if self._total is None else f" of {self._total / 1e6:.1f}"
        left = "" if self._total is None else f", {(self._total - self._done) / speed:.0f} s left"
        sys.stderr.write(f"{self._label}: {self._done / 1e6:.1f}{total} MB{left}\n")
