"""Commands killed at every moment at which a file takes, changes or loses its name, and at random ones between.

Each trial kills a command with SIGKILL (before, after or in the middle of one step of publishing; or some time after a
step; or the resuming process, too; or fills its disk), lets a fresh process go on, and compares what it promised byte
by byte with a command that was left alone: predictions, metrics, records but for times, kernels, verdicts, tables and
pages. A kill counts if something had been written. Trials are kept in a journal, so that several calls add up.

    python experiments/crash_certificate.py [--kills 1000] [--minutes 10] [--only kernel]

Controls must fail: a killed command that is not gone on with, and any promised file of which half is lost.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.crash.journal import Journal
    from tests.crash.trials import Workshop

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
SHARES = {"train ensemble": 6, "train ntk": 3, "kernel": 8, "grow": 4, "sweep": 1, "compare-runs": 1, "decide": 0.5}
UNRESUMED = 5  # controls of each command
# quick to compile and in one thread, since nothing here computes much
FLAGS = "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1 --xla_cpu_multi_thread_eigen=false"


def main() -> int:
    """Make trials until the journal holds enough kills; 1 if one did not end as it should, or a control did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000, help="in the journal, all calls together")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long, with what there is")
    parser.add_argument("--only", choices=list(SHARES), action="append", help="these commands alone")
    parser.add_argument("--journal", type=Path, default=ROOT / "build" / "crash", help="folder of the journals")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of crash.md and crash.csv")
    arguments = parser.parse_args()
    until = time.monotonic() + 60 * arguments.minutes
    _surroundings(arguments.journal.resolve())
    from tests.crash.journal import Journal, version
    from tests.crash.table import write

    journal = Journal(arguments.journal / f"{version()}.jsonl")
    with tempfile.TemporaryDirectory(prefix="eqntk-crash-") as work:
        _campaign(journal, Path(work), arguments.only or list(SHARES), arguments.kills, until)
    write(journal, arguments.results, version())
    say(f"{journal.kills} kills, {len(journal.bad)} bad: {arguments.results / 'crash.md'}")
    return int(bool(journal.bad))


def say(line: str) -> None:
    """A line for who waits."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _surroundings(folder: Path) -> None:
    """The settings of jax, before it is imported: what was compiled once is read from the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(ROOT))
    os.environ |= {
        "XLA_FLAGS": FLAGS,
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def _campaign(journal: "Journal", work: Path, names: list[str], kills: int, until: float) -> None:
    """Trials of the commands in turn, by their shares."""
    from tests.crash.ready import prepare
    from tests.crash.studies import STUDIES
    from tests.crash.trials import Workshop

    prepare()
    shops: dict[str, Workshop] = {}
    while journal.kills < kills and time.monotonic() < until:
        name = min(names, key=lambda name: sum(entry["kills"] for entry in journal.of(name)) / SHARES[name])
        if name not in shops:
            shops[name] = Workshop(next(study for study in STUDIES if study.name == name), work)
            _controls(journal, shops[name])
        _trial(journal, shops[name])


def _trial(journal: "Journal", shop: "Workshop") -> None:
    number, began = len(journal.of(shop.study.name)), time.monotonic()
    outcome = shop.attempt(shop.blows(number), number)
    points = [min(number + 1, len(shop.points)), len(shop.points)]
    seconds = round(time.monotonic() - began, 2)
    _keep(journal, shop, None, number, outcome.verdict, outcome.struck, outcome.kills, points=points, seconds=seconds)


def _controls(journal: "Journal", shop: "Workshop") -> None:
    """What must be found: a command that is not gone on with, and every file in turn of which half is lost."""
    name, unresumed, torn = shop.study.name, "not gone on with", "torn"
    for number in range(len(journal.of(name, unresumed)), UNRESUMED):
        outcome = shop.attempt([shop.halfway(number, UNRESUMED)], resume=False)
        _keep(journal, shop, unresumed, number, outcome.verdict, outcome.struck)
    for number, file in list(enumerate(shop.files()))[len(journal.of(name, torn)) :]:
        _keep(journal, shop, torn, number, "; ".join(shop.tear(file)) or "same", [file])


def _keep(
    journal: "Journal", shop: "Workshop", control: str | None, number: int, verdict: str, struck: list[str],
    kills: int = 0, **more: object,
) -> None:  # fmt: skip
    journal.add(
        study=shop.study.name, control=control, number=number, verdict=verdict, struck=struck, kills=kills, **more
    )
    if journal.entries[-1] in journal.bad:
        say(f"{shop.study.name}, {control or 'trial'} {number}, {', '.join(struck)}: {verdict}")


if __name__ == "__main__":
    sys.exit(main())
