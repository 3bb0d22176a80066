"""How far a run is and how long it will still take: a bar on a terminal, now and then a line elsewhere."""

import multiprocessing
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

_PAUSE = 10.0  # seconds between two lines where no bar can be drawn


class Progress:
    """Progress of one run, from 0 to 1; `begun` is the share that an earlier session has done, as far as is known."""

    def __init__(
        self,
        title: str,
        begun: float = 0.0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = title
        self.begun = begun
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._start = self._spoken = clock()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "Progress":
        alone = multiprocessing.current_process().name == "MainProcess"  # bars of several workers would mix
        if alone and self._stream.isatty():
            self._open_bar()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, share: float, what: str = "") -> None:
        """Show that `share` of the run is done; `what` says it in the run's own words."""
        if self._bar is not None:
            self._bar.update(self._task, completed=share, what=what)
            return
        now = self._clock()
        if now - self._spoken >= _PAUSE:
            self._spoken = now
            left = self.left(share)
            rest = "" if left is None else f", about {duration(left)} left"
            self.say(f"{self._title}: {what + ', ' if what else ''}{share:.0%}{rest}")

    def say(self, line: str) -> None:
        """Print a line of its own, above the bar if there is one."""
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._stream.write(line + "\n")
            self._stream.flush()

    def left(self, share: float) -> float | None:
        """Seconds still to go if it continues as in this session; None before anything is done."""
        done = share - self.begun
        if done <= 0:
            return None
        return (self._clock() - self._start) * (1 - share) / done

    def _open_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[what]}"),
        )
        self._bar = Bar(*columns, console=Console(file=self._stream))
        self._task = self._bar.add_task(self._title, total=1.0, completed=self.begun, what="")
        self._bar.start()


def duration(seconds: float) -> str:
    """A length of time in words: 8 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
