"""One command in a forked process: left alone, killed at a moment, or on a disk that fills up.

A child starts where a new interpreter would be after its imports (`ready`), and shares nothing with its brothers.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from tests.crash.moments import AFTER, BEFORE, TORN, Moment, fill, watch

LATER, FULL = "later", "full"  # some time after a step; the disk fills up instead
PATIENCE = 120.0  # seconds after which a command counts as hanging


@dataclass(frozen=True)
class Blow:
    """What befalls a command: at step `number`, before or after it, with a torn file, or `delay` seconds later."""

    number: int
    when: str
    delay: float = 0.0


@dataclass
class End:
    """How a command ended: its status (None: killed), when that befell it, and every moment it went through."""

    status: int | None = None
    struck: str | None = None
    seconds: float = 0.0
    hung: bool = False
    moments: list[tuple[float, Moment]] = field(default_factory=list)  # seconds since the start


def command(words: Sequence[str]) -> Callable[[], int]:
    """The command line in this process; its exit status."""

    def call() -> int:
        from eqntk_cli.cli.app import main

        sys.argv = ["eqntk", *words]
        try:
            main()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        return 0

    return call


def run(work: Callable[[], int], folder: Path, log: Path, blow: Blow | None = None, trace: bool = False) -> End:
    """Do `work` in a forked process whose working directory is `folder`; what it prints is appended to `log`."""
    began, end = time.monotonic(), End()
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forking beside threads; what is forked was seen to work
        child = os.fork()
    if child == 0:
        os.close(reading)
        _child(work, folder, log, writing, blow, trace)
    os.close(writing)
    _follow(child, reading, end, blow, began)
    end.seconds = time.monotonic() - began
    return end


def _follow(child: int, reading: int, end: End, blow: Blow | None, began: float) -> None:
    """Read what the child tells until it has ended; deliver a blow that comes from outside."""
    process, rest, deadline, due = os.pidfd_open(child), b"", began + PATIENCE, None
    try:
        while True:
            until = deadline if due is None else min(due, deadline)
            ready, _, _ = select.select([reading, process], [], [], max(until - time.monotonic(), 0))
            if not ready:
                end.hung = due is None
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                deadline, due = time.monotonic() + PATIENCE, None
            elif reading in ready:
                data = os.read(reading, 1 << 16)
                lines = (rest + data).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    heard = json.loads(line)
                    moment = Moment(**heard["moment"])
                    end.moments.append((heard["at"] - began, moment))
                    if heard["struck"]:
                        end.struck = str(moment)
                        due = time.monotonic() + blow.delay if blow is not None and blow.when == LATER else None
                if not data:  # the child is gone
                    break
            else:
                break
        _, code = os.waitpid(child, 0)
    finally:
        os.close(process)
        os.close(reading)
    status = os.waitstatus_to_exitcode(code)
    end.status = None if status == -signal.SIGKILL else status


def _child(work: Callable[[], int], folder: Path, log: Path, pipe: int, blow: Blow | None, trace: bool) -> NoReturn:
    status = 70
    try:
        _streams(log)
        os.chdir(folder)
        if blow is not None or trace:
            watch(folder, _Striker(folder, pipe, blow, trace))
        status = work()
    except BaseException:  # noqa: BLE001 - a forked process must not go on where its parent was called
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _streams(log: Path) -> None:
    log_end, nothing = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number in (1, 2):
        os.dup2(log_end, number)
    sys.stdout, sys.stderr = (os.fdopen(os.dup(log_end), "w", buffering=1) for _ in range(2))


class _Striker:
    """In the child: tells moments, and ends the process at the one that was chosen."""

    def __init__(self, folder: Path, pipe: int, blow: Blow | None, trace: bool) -> None:
        self._folder, self._pipe, self._blow, self._trace = folder, pipe, blow, trace
        self._struck = False

    def __call__(self, moment: Moment, file: Path) -> None:
        now = self._blow is not None and not self._struck and self._is_now(moment, self._blow)
        if now or self._trace:
            named = replace(moment, when=self._blow.when) if now and self._blow is not None else moment
            word = {"moment": asdict(named), "at": time.monotonic(), "struck": now}
            os.write(self._pipe, json.dumps(word).encode() + b"\n")
        if now and self._blow is not None:
            self._struck = True
            self._strike(file, self._blow.when)

    def _is_now(self, moment: Moment, blow: Blow) -> bool:
        """Threads change places from one time to the next: the first moment of this side from that step on will do."""
        side = AFTER if blow.when in (AFTER, LATER) else BEFORE
        return moment.number >= blow.number and moment.when == side

    def _strike(self, file: Path, when: str) -> None:
        if when == LATER:
            return  # from outside, in a while
        if when == FULL:
            fill(self._folder)
            return
        if when == TORN and file.is_file():
            os.truncate(file, file.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
