"""crash.csv and crash.md: how often each command was killed at each kind of moment, and how it ended."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

from tests.crash.journal import Journal
from tests.crash.moments import AFTER, BEFORE, TORN
from tests.crash.process import FULL, LATER

_COLUMNS = ("command", "blow", "when", "step", "file", "times", "same bits", "other")
_WHENS = (BEFORE, TORN, AFTER, LATER, FULL)


def write(journal: Journal, folder: Path, version: str) -> None:
    """Write both tables."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "crash.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(_rows(journal))
    (folder / "crash.md").write_text(_page(journal, version), encoding="utf-8")


def _rows(journal: Journal) -> list[tuple[Any, ...]]:
    """One row for every command, place of the blow (1: the command, 2: the resuming process, ...) and moment."""
    times: Counter[tuple[Any, ...]] = Counter()
    same: Counter[tuple[Any, ...]] = Counter()
    for entry in journal.entries:
        if entry["control"] is None:
            for place, moment in enumerate(entry["struck"], 1):
                when, step, _, file = moment.split(" ", 3)
                row = (entry["study"], place, when, step, file)
                times[row] += 1
                same[row] += entry["verdict"] == "same"
    return [(*row, times[row], same[row], times[row] - same[row]) for row in sorted(times)]


def _page(journal: Journal, version: str) -> str:
    names = list(dict.fromkeys(entry["study"] for entry in journal.entries))
    lines = [
        "# Commands that were killed",
        "",
        f"{journal.kills} kills (SIGKILL) after something had been written, in {_trials(journal)} trials of the "
        f"program with digest {version}; {len(journal.bad)} did not end as they should. Made by `make crash`; every "
        "moment is in crash.csv. A trial may kill the resuming process, too, or fill its disk, and ends with a process "
        "that is left alone; all that the command promises is then compared byte by byte with a command that was "
        "never killed. For most trials numbers that were computed before (members, tiles, figures) are handed out "
        "again and all files are written for real: what is tried is what is on the disk. Every tenth trial goes on in "
        "a new interpreter, which computes everything anew.",
        "",
        "| command | trials | kills | points | before | torn | after | between | full disk | same bits |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in names:
        trials = journal.of(name)
        blows = Counter(moment.split(" ", 1)[0] for entry in trials for moment in entry["struck"])
        covered = "{} of {}".format(*trials[-1]["points"]) if trials else "none"
        cells = (len(trials), sum(entry["kills"] for entry in trials), covered, *(blows[when] for when in _WHENS))
        lines.append(f"| {name} | {' | '.join(map(str, cells))} | {sum(e['verdict'] == 'same' for e in trials)} |")
    lines += [
        "",
        "Points: moments before and after every step, and with a file of which half is written, that were each tried "
        "by a kill at that very moment. Between: some time after a step, drawn at random.",
        "",
        "| control, which must not give the same bits | times | same bits |",
        "|---|--:|--:|",
    ]
    for control in ("not gone on with", "torn"):
        trials = [entry for entry in journal.entries if entry["control"] == control]
        lines.append(f"| {_CONTROLS[control]} | {len(trials)} | {sum(e['verdict'] == 'same' for e in trials)} |")
    return "\n".join(lines) + "\n"


_CONTROLS = {
    "not gone on with": "killed, and not gone on with",
    "torn": "half of one file of a finished result lost, each file in turn",
}


def _trials(journal: Journal) -> int:
    return sum(entry["control"] is None for entry in journal.entries)
