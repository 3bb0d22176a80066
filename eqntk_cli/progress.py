"""How far a computation is and how long it will still take: a bar on a terminal, now and then a line elsewhere."""

import multiprocessing
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, TextIO

_BEFORE = 2.0  # seconds before the first line where no bar can be drawn
_BETWEEN = 10.0  # seconds between two such lines
_SETTLED = 1.0  # seconds of steady work before a time left is given
_MEGABYTE = 1e6


class Progress(Protocol):
    """Told by a computation how much of it is done; the first call says what was there before it began."""

    def __call__(self, done: float, total: float | None) -> None:
        """`done` of `total` parts are finished; `total` None: nobody knows how many there are."""


def silent(done: float, total: float | None) -> None:
    """No report at all."""
    del done, total


class Bar:
    """Progress of one computation, shown on stderr.

    Args:
        title: what is computed.
        unit: what is counted ("pairs"); "bytes" are shown as MB, and nothing is counted without a unit.
        stream: where it is shown.
        clock: seconds from any beginning.
    """

    def __init__(
        self, title: str, unit: str = "", stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._title = title
        self._unit = unit
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._next_line = clock() + _BEFORE
        self._pace = Pace()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "Bar":
        alone = multiprocessing.current_process().name == "MainProcess"  # bars of several workers would mix
        if alone and self._stream.isatty():
            self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with suppress(OSError):  # the terminal may be gone; the computation matters more
                self._bar.stop()

    def __call__(self, done: float, total: float | None, what: str = "", kept: float = 0.0) -> None:
        """Show that `done` of `total` parts are finished.

        Args:
            done: parts that are finished, those of earlier sessions too.
            total: all parts, or None where nobody knows.
            what: says it in the computation's own words, instead of a count of parts.
            kept: how many of the finished parts turned out to be there already; they say nothing about the pace.
        """
        now = self._clock()
        self._pace.seen(now, done - kept)
        left = None if total is None else self._pace.left(total - done)
        rest = "" if left is None else f"about {duration(left)} left"
        what = what or self._counted(done, total)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, what=what, left=rest)
        elif now >= self._next_line:
            self._next_line = now + _BETWEEN
            share = "" if total is None or total <= 0 else f"{done / total:.0%}"
            self.say(f"{self._title}: " + ", ".join(part for part in (what, share, rest) if part))

    def say(self, line: str) -> None:
        """Print a line of its own, above the bar if there is one."""
        with suppress(OSError):
            if self._bar is not None:
                self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
            else:
                self._stream.write(line + "\n")
                self._stream.flush()

    def _counted(self, done: float, total: float | None) -> str:
        if not self._unit:
            return ""
        if self._unit == "bytes":
            of = "" if total is None else f" of {total / _MEGABYTE:.1f}"
            return f"{done / _MEGABYTE:.1f}{of} MB"
        return f"{done:.0f}" + ("" if total is None else f" of {total:.0f}") + f" {self._unit}"

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        words = (TextColumn("{task.fields[what]}"), TextColumn("{task.fields[left]}"))
        columns = (TextColumn("{task.description}"), BarColumn(20), TaskProgressColumn(), TimeElapsedColumn(), *words)
        self._bar = RichProgress(*columns, console=Console(file=self._stream), transient=True, redirect_stdout=False)
        self._task = self._bar.add_task(self._title, total=None, what="", left="")
        self._bar.start()


class Pace:
    """Work per second of late, from which follows the time left.

    Programs are compiled before the first part is finished, and first parts are often the dearest. So the time before
    the first advance does not count, and of the time since then only the latest half.
    """

    def __init__(self) -> None:
        self._base: float | None = None
        self._advances: deque[tuple[float, float]] = deque()  # (second, parts), from the reference to the latest
        self._first = 0.0

    def seen(self, now: float, done: float) -> None:
        """At the second `now`, `done` parts are finished."""
        if self._base is None:
            self._base = done
        latest = self._advances[-1][1] if self._advances else self._base
        if done <= latest:
            return
        if not self._advances:
            self._first = now
        self._advances.append((now, done))
        half = (self._first + now) / 2
        while len(self._advances) > 2 and self._advances[1][0] <= half:
            self._advances.popleft()

    def left(self, rest: float) -> float | None:
        """Seconds that `rest` more parts take at this pace; None before it is known."""
        if len(self._advances) < 2 or self._advances[-1][0] - self._first < _SETTLED:
            return None
        (start, before), (now, done) = self._advances[0], self._advances[-1]
        return rest * (now - start) / (done - before)


def duration(seconds: float) -> str:
    """A length of time in words: 8 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
