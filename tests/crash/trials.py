"""One trial: a command is killed, goes on in a fresh process, and is held to its promise."""

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.crash.moments import AFTER, BEFORE, PUBLISHING, TORN, Moment
from tests.crash.process import FULL, LATER, Blow, command, run
from tests.crash.promise import Promise, differences, promise
from tests.crash.ready import do_once
from tests.crash.studies import Study, Words

Work = Callable[[Words], Callable[[], int]]
SAME = "same"
_EXECUTED = 10  # every so many trials go on in a new interpreter, which computes everything anew
_PROGRAM = "import sys; sys.argv[0] = 'eqntk'; from eqntk_cli.cli.app import main; main()"  # pages quote the command


@dataclass
class Outcome:
    """What came of a trial: `kills` counts those after something was written, `verdict` is SAME or says what is not."""

    verdict: str
    kills: int = 0
    struck: list[str] = field(default_factory=list)


class Workshop:
    """What a study begins with, what it ends with if it is left alone, and the moments on the way."""

    def __init__(self, study: Study, root: Path, work: Work = command) -> None:
        self.study, self._work = study, work
        self.folder = root / study.name.replace(" ", "-")
        self._start, self._whole, self._trial = (self.folder / name for name in ("start", "whole", "trial"))
        self.log = self.folder / "said.txt"
        shutil.rmtree(self.folder, ignore_errors=True)
        self._start.mkdir(parents=True)
        study.begin(self._start)
        for words in study.before:
            self._require(do_once(work(words), self._start, self.log), 0)
        self._make_ready()
        self._trace = run(work(study.words), self._copied(self._start), self.log, trace=True)
        self._require(self._trace.status, study.status)
        shutil.copytree(self._trial, self._whole)  # made where the trials are: reports name folders in full
        self.promise: Promise = promise(self._whole)
        self.kinds, self.points = _points([moment for _, moment in self._trace.moments])

    def _make_ready(self) -> None:
        """Do the command once, and once more broken off half-way and gone on with."""
        shutil.copytree(self._start, self._trial)
        self._require(do_once(self._work(self.study.words), self._trial, self.log), self.study.status)
        counted = run(self._work(self.study.words), self._copied(self._start), self.log, trace=True)
        self._require(counted.status, self.study.status)
        halfway = counted.moments[-1][1].number // 2
        do_once(self._work(self.study.words), self._copied(self._start), self.log, stop_at=halfway)
        self._require(do_once(self._work(self.study.onward(self._trial)), self._trial, self.log), self.study.status)

    def _copied(self, source: Path) -> Path:
        shutil.rmtree(self._trial, ignore_errors=True)
        shutil.copytree(source, self._trial)
        return self._trial

    def _require(self, status: int | None, expected: int) -> None:
        if status != expected:
            raise RuntimeError(f"{self.study.name} ended with {status}, expected {expected}: {self._said()}")

    def blows(self, number: int) -> list[Blow]:
        """What befalls the command in trial `number`: first every point in turn, then the rest by chance."""
        if number < len(self.points):
            return [self.points[number]]
        rng = np.random.default_rng([number, len(self.study.name)])
        first = self._by_chance(rng)
        return {
            0: [first],
            1: [first],
            2: [first, self._by_chance(rng)],
            3: [first, Blow(int(rng.integers(self.steps)), FULL)],
            4: [first, self.points[rng.integers(len(self.points))]],
            5: [first, self._by_chance(rng), self._by_chance(rng)],
        }[number % 6]

    @property
    def steps(self) -> int:
        """How many steps the command has."""
        return 1 + max(moment.number for _, moment in self._trace.moments)

    def _by_chance(self, rng: np.random.Generator) -> Blow:
        """A time between the first file that was written and the end, as so long after a step."""
        after = [(time, moment) for time, moment in self._trace.moments if moment.when == AFTER]
        first = next(time for time, moment in after if moment.step in PUBLISHING)
        chosen = rng.uniform(first, self._trace.seconds)
        time, moment = [entry for entry in after if entry[0] <= chosen][-1]
        return Blow(moment.number, LATER, chosen - time)

    def attempt(self, blows: list[Blow], number: int = 0, resume: bool = True) -> Outcome:
        """Kill, go on, compare."""
        self._copied(self._start)
        self.log.write_text("")
        outcome, begun = Outcome(SAME), _written(self._trial)
        words = self.study.words
        for blow in blows:
            end = run(self._work(words), self._trial, self.log, blow)
            if end.struck is not None:
                outcome.struck.append(end.struck)
            if end.hung:
                return Outcome("hangs", outcome.kills, outcome.struck)
            if blow.when == FULL and end.status not in (2, self.study.status):
                return Outcome(f"status {end.status} on a full disk: {self._said()}", outcome.kills, outcome.struck)
            outcome.kills += end.status is None and _written(self._trial) != begun
            words = self.study.onward(self._trial)
        if resume:
            status = self._go_on(words, number)
            if status != self.study.status:
                outcome.verdict = f"status {status}: {self._said()}"
                return outcome
        wrong = differences(promise(self._trial), self.promise)
        if wrong:
            outcome.verdict = "; ".join(wrong[:4])
        return outcome

    def files(self) -> list[str]:
        """What is promised and can lose its half: files with more than a byte."""
        return [name for name in self.promise if not name.endswith("/") and (self._whole / name).stat().st_size > 1]

    def halfway(self, number: int, of: int) -> Blow:
        """A point on the way, not at its end."""
        numbers = [moment.number for _, moment in self._trace.moments if moment.when == BEFORE]
        return Blow(numbers[len(numbers) * (number + 1) // (of + 2)], BEFORE)

    def tear(self, name: str) -> list[str]:
        """What is found when half of one promised file is lost."""
        self._copied(self._whole)
        os.truncate(self._trial / name, (self._trial / name).stat().st_size // 2)
        return differences(promise(self._trial), self.promise)

    def _go_on(self, words: Words, number: int) -> int | None:
        if number % _EXECUTED != _EXECUTED - 1:
            return run(self._work(words), self._trial, self.log).status
        with self.log.open("a") as log:
            program = [sys.executable, "-c", _PROGRAM, *words]
            return subprocess.run(program, cwd=self._trial, stdout=log, stderr=log, check=False).returncode

    def _said(self) -> str:
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return (lines or ["nothing"])[-1]


def _points(moments: list[Moment]) -> tuple[int, list[Blow]]:
    """Before and after every step, and torn where a file takes its name; one of each kind first, and how many kinds."""
    kinds: dict[tuple[str, str, str], list[Blow]] = defaultdict(list)
    for moment in moments:
        whens = (moment.when, TORN) if moment.when == BEFORE and moment.step in PUBLISHING else (moment.when,)
        for when in whens:
            kinds[moment.step, moment.what, when].append(Blow(moment.number, when))
    rest = [blow for blows in kinds.values() for blow in blows[1:]]
    np.random.default_rng(0).shuffle(rest)  # type: ignore[arg-type]
    return len(kinds), [blows[0] for blows in kinds.values()] + rest


def _written(folder: Path) -> dict[str, tuple[int, int]]:
    """The files that hold something, but for locks and logs, with what changes when they are written."""
    written = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.endswith((".lock", ".log")) and path.stat().st_size:
            written[str(path)] = (path.stat().st_ino, path.stat().st_mtime_ns)
    return written
