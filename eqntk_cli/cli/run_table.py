"""`eqntk runs`: which runs there are and how far they are, in lines of at most 80 columns; whether finished ones are as
they were left; and failed ones away.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from eqntk_cli.runs.listing import RunSummary
    from eqntk_cli.runs.record import Record

_HELP = "Which runs there are, how far they are, and whether they are intact."
app = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)
Below = Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to look, folders below it too.")]

RUNS = Path("runs")
WIDTH = 80
CONTROL_NOTE = "* a control, which must come out different"
_NAME = 26  # a run's own folder is named by its time
_HEADINGS = ("state", "model", "group", "width", "members", "test")
_COLUMNS = (9, 10, 5, 5, 9, 10)
_SHORT = {"gcnn_ensemble": "gcnn", "augmented_ensemble": "augmented"}


@app.callback()
def _runs() -> None:
    """Which runs there are, how far they are, and whether they are intact."""


@app.command("list")
def list_command(
    directory: Below = RUNS,
) -> None:
    """Every run below a folder: state, model, data set, group, width, members done, headline metric."""
    all_runs = _runs_below(directory)
    if not all_runs:
        typer.echo(f"no runs in {directory} yet; `eqntk train` makes one (`eqntk train --help` lists what can be set).")
    for place, runs in _by_place(all_runs).items():
        typer.echo(place)
        typer.echo(heading("run"))
        for run in runs:
            typer.echo(row(run.folder.name, run))
        typer.echo("")
    if any(run.record is not None and run.record.role == "control" for run in all_runs):
        typer.echo(CONTROL_NOTE)


@app.command("check")
def check_command(directory: Below = RUNS) -> None:
    """Whether finished runs hold what they promised, unchanged; exit status 0 if all do, else 1."""
    if not _all_intact(_runs_below(directory)):
        raise typer.Exit(1)


@app.command("sync")
def sync_command(directory: Below = RUNS) -> None:
    """Bring runs that Weights & Biases has kept offline to its server, from a machine with network."""
    from eqntk_cli.runs.sync import offline_runs, send

    offline = offline_runs(directory)
    going = sum(not run.ended for run in offline)
    waiting = [run for run in offline if not run.sent and run.ended]
    failed = 0
    for run in waiting:
        wrong = send(run)
        failed += wrong is not None
        typer.echo(f"{run.folder}: {'sent' if wrong is None else wrong}", err=wrong is not None)
    sent = len(waiting) - failed
    typer.echo(f"{sent} {'run' if sent == 1 else 'runs'} sent, {len(offline) - len(waiting) - going} sent before")
    if going:
        runs, they = ("run is", "it is") if going == 1 else ("runs are", "they are")
        typer.echo(
            f"{going} {runs} at work or will be resumed, and left for later; eqntk runs sync again when {they} done",
            err=True,
        )
    if failed:
        raise typer.Exit(2)


@app.command("clean")
def clean_command(
    directory: Below = RUNS,
    kept: Annotated[bool, typer.Option("--kept", help="Failed runs that keep members or kernels, too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove the folders of failed runs, after a question."""
    _clean(_runs_below(directory), kept, yes)


def heading(name: str) -> str:
    """The line above the runs."""
    return _line(name, _HEADINGS)


def row(name: str, run: "RunSummary | None", instead: str = "") -> str:
    """One run in one line, `instead` of its metric if given; what is too long has a line of its own."""
    if run is None:
        return _line(name, ("waiting", "", "", "", "", ""))
    if run.record is None:
        return _line(name, (run.state, "", "", "", "", ""))
    record = run.record
    width = "inf" if record.width is None else str(record.width)
    members = "" if record.members is None else f"{record.members_done}/{record.members}"
    metric = instead or ("" if run.metric is None else f"{run.metric[0]} {_number(run.metric[1])}")
    return _line(name, (run.state, _model(record), record.group, width, members, metric))


def _runs_below(directory: Path) -> list["RunSummary"]:
    """The runs below a folder; none yet where the folder of the first run is still to be made."""
    from eqntk_cli.runs.listing import list_runs

    return list_runs(directory) if directory.exists() or directory != RUNS else []


def _model(record: "Record") -> str:
    short = _SHORT.get(record.model, record.model)
    return f"{short}*" if record.role == "control" else short


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _by_place(runs: list["RunSummary"]) -> dict[str, list["RunSummary"]]:
    places: dict[str, list[RunSummary]] = {}
    for run in runs:
        dataset = "" if run.record is None else f": {run.record.dataset}"
        places.setdefault(f"{run.folder.parent}{dataset}", []).append(run)
    return places


def _line(name: str, cells: tuple[str, ...]) -> str:
    rest = " ".join(f"{cell:<{width}}" for cell, width in zip(cells, _COLUMNS, strict=True)).rstrip()
    indent = max(0, min(_NAME + 1, WIDTH - len(rest)))
    return f"{name:<{indent}}{rest}" if len(name) < indent else f"{name}\n{'':<{indent}}{rest}"


def _all_intact(runs: "list[RunSummary]") -> bool:
    """Print of every run what is not as it promised, and return whether all is.

    Runs that are not done promise nothing yet.
    """
    from eqntk_cli.runs.integrity import damages

    good = True
    for run in runs:
        if run.record is None:
            clauses = [run.error or "damaged"]
        else:
            clauses = damages(run.folder, run.record) if run.record.state == "done" else []
        good = good and not clauses
        for clause in clauses:
            typer.echo(f"{run.folder}: {clause}")
    done = sum(run.state == "done" for run in runs)
    others = f", {len(runs) - done} not done" if len(runs) > done else ""
    typer.echo(f"{done} finished run{'' if done == 1 else 's'} checked{others}" + (": all good" if good else ""))
    return good


def _clean(runs: "list[RunSummary]", kept: bool, yes: bool) -> None:
    """Remove failed runs after a question; those that keep members or kernels only with `kept`."""
    from shutil import rmtree

    from eqntk_cli.files.lock import held
    from eqntk_cli.runs.contents import LOCK_FILE

    failed = [run for run in runs if run.state == "failed"]
    going = [run for run in failed if kept or not _keeps(run)]
    for run in failed:
        what = f" ({_keeps(run)} kept)" if _keeps(run) else ""
        typer.echo(f"{'remove' if run in going else 'leave '} {run.folder}{what}: {run.error}")
    if len(going) < len(failed):
        typer.echo(f"{len(failed) - len(going)} keep results, which a resume uses; --kept removes them too.")
    if not going:
        typer.echo("nothing to remove")
        return
    if not yes and not typer.confirm(f"Remove {len(going)} of {len(failed)} failed runs?"):
        return
    for run in going:
        with held(run.folder / LOCK_FILE):
            rmtree(run.folder)
    typer.echo(f"removed {len(going)}")


def _keeps(run: "RunSummary") -> str:
    from eqntk_cli.runs.contents import KERNELS

    if run.record is not None and run.record.members_done:
        return f"{run.record.members_done} members"
    return "kernels" if (run.folder / KERNELS).exists() else ""
