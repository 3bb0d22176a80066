"""`eqntk demo`: the whole comparison on digits that come with scikit-learn, for who has just installed the program."""

import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

EXPERIMENT = "digits_quick"


def demo(
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder of the sweep, instead of runs/digits_quick_<time>."),
    ] = None,
) -> None:
    """Train three models and two controls on 8x8 digits, and report whether they agree; minutes on two cores.

    These are two commands, `eqntk sweep experiment=digits_quick` and `eqntk compare-runs`, which are printed as they
    are run. No files and no network are needed.
    """
    from eqntk_cli.cli.compare_runs import compare_runs
    from eqntk_cli.cli.sweep_run import Way, new_sweep

    folder = out if out is not None else Path("runs") / f"{EXPERIMENT}_{datetime.now():%Y-%m-%d_%H-%M-%S}"
    _say("sweep", f"experiment={EXPERIMENT}", "--out", str(folder))
    new_sweep([f"experiment={EXPERIMENT}"], Way(), folder, None)
    _say("compare-runs", str(folder))
    compare_runs([str(folder)])


def _say(*words: str) -> None:
    sys.stderr.write(f"$ {shlex.join(['eqntk', *words])}\n")
    sys.stderr.flush()
