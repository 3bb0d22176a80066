"""`eqntk runs`: which runs there are and how far they are, in lines of at most 80 columns."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from eqntk_cli.runs.listing import RunSummary
    from eqntk_cli.runs.record import Record

app = typer.Typer(help="Which runs there are, and how far they are.", no_args_is_help=True, rich_markup_mode=None)

WIDTH = 80
CONTROL_NOTE = "* a control, which must come out different"
_NAME = 26  # a run's own folder is named by its time
_HEADINGS = ("state", "model", "group", "width", "members", "test")
_COLUMNS = (9, 10, 5, 5, 9, 10)
_SHORT = {"gcnn_ensemble": "gcnn", "augmented_ensemble": "augmented"}


@app.callback()
def _runs() -> None:
    """Which runs there are, and how far they are."""


@app.command("list")
def list_command(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to look, folders below it too.")] = Path(
        "runs"
    ),
) -> None:
    """Every run below a folder: state, model, data set, group, width, members done, headline metric."""
    from eqntk_cli.runs.listing import list_runs

    found = list_runs(directory)
    if not found:
        typer.echo(f"no runs in {directory}; `eqntk train` makes one.")
    for place, runs in _by_place(found).items():
        typer.echo(place)
        typer.echo(heading("run"))
        for run in runs:
            typer.echo(row(run.folder.name, run))
        typer.echo("")
    if any(run.record is not None and run.record.role == "control" for run in found):
        typer.echo(CONTROL_NOTE)


def heading(name: str) -> str:
    """The line above the runs."""
    return _line(name, _HEADINGS)


def row(name: str, run: "RunSummary | None") -> str:
    """One run in one line; what is too long for its column stands on a line of its own."""
    if run is None:
        return _line(name, ("waiting", "", "", "", "", ""))
    if run.record is None:
        return _line(name, (run.state, "", "", "", "", ""))
    record = run.record
    width = "inf" if record.width is None else str(record.width)
    members = "" if record.members is None else f"{record.members_done}/{record.members}"
    metric = "" if run.metric is None else f"{run.metric[0]} {_number(run.metric[1])}"
    return _line(name, (run.state, _model(record), record.group, width, members, metric))


def _model(record: "Record") -> str:
    short = _SHORT.get(record.model, record.model)
    return f"{short}*" if record.role == "control" else short


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _by_place(found: list["RunSummary"]) -> dict[str, list["RunSummary"]]:
    places: dict[str, list[RunSummary]] = {}
    for run in found:
        dataset = "" if run.record is None else f": {run.record.dataset}"
        places.setdefault(f"{run.folder.parent}{dataset}", []).append(run)
    return places


def _line(name: str, cells: tuple[str, ...]) -> str:
    rest = " ".join(f"{cell:<{width}}" for cell, width in zip(cells, _COLUMNS, strict=True)).rstrip()
    line = f"{name:<{_NAME}} {rest}".rstrip()
    if len(line) <= WIDTH and len(name) <= _NAME:
        return line
    indent = max(0, min(_NAME + 1, WIDTH - len(rest)))
    return f"{name}\n{'':<{indent}}{rest}"
