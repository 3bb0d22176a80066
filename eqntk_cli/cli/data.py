"""`eqntk data`: which data sets there are, where they are, and fetching them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from eqntk_cli.cli.going_on import say_loading

if TYPE_CHECKING:
    from eqntk_cli.data.catalogue import Stock

app = typer.Typer(
    help="Which data sets there are, where they are, and fetching them.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(help="A data set, or a larger version of one such as breastmnist_64.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME|FILE...", help="Data sets, or a file of your own.")]
TaskName = Annotated[
    Literal["auto", "regression", "multi-class", "binary-class", "multi-label", "ordinal-regression"],
    typer.Option(help="Arrays: what the targets mean; auto: read off them."),
]
Target = Annotated[str | None, typer.Option(help="Structures: the key of the number to be learned.")]
Root = Annotated[str | None, typer.Option(help="Folder that holds the files; else $EQNTK_DATA/<family>, the cache.")]

_SHORT_TASKS = {
    "binary-class": "binary",
    "multi-label, binary-class": "multi-label",
    "ordinal-regression": "ordinal",
}


@app.command("list")
def list_command(
    root: Root = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything that is known, for programs.")] = False,
) -> None:
    """Every data set: task, size, licence, checksum, and whether it is on this machine."""
    say_loading("looking for data sets")
    from eqntk_cli.data.catalogue import stock

    stocks = stock(root)
    if as_json:
        typer.echo(json.dumps([_as_dict(item) for item in stocks], indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("name", "task", "train/test", "licence", "md5", "on disk"):
        table.add_column(heading, justify="right" if heading in ("train/test", "on disk") else "left", no_wrap=True)
    for item in stocks:
        entry = item.entry
        table.add_row(
            entry.name,
            _SHORT_TASKS.get(entry.task, entry.task),
            _numbers(dict(entry.samples)),
            entry.licence,
            entry.files[0].md5[:8] if entry.files else "",
            _on_disk(item),
        )
    console = Console(soft_wrap=True)
    console.print(table)
    console.print("Fetch one with `eqntk data fetch NAME`; the whole record of each with --json.", markup=False)


@app.command()
def fetch(
    name: Name,
    root: Annotated[str | None, typer.Option(help="Folder that the files go to; else the user's cache.")] = None,
    url: Annotated[str | None, typer.Option(help="Mirror: address of the file, or of its folder with a slash.")] = None,
) -> None:
    """Download a data set, going on where an earlier attempt stopped."""
    say_loading(f"looking for {name}")
    from eqntk_cli.data import catalogue

    for path in catalogue.fetch(name, root, url):
        typer.echo(f"{path} ({path.stat().st_size / 1e6:.1f} MB, checksum right)")


@app.command()
def check(names: Names, root: Root = None, target: Target = None, task: TaskName = "auto") -> None:
    """Compare the files of a data set with their official checksums, or look through a file of your own.

    Several .npy files that belong together are given side by side: x.npy y.npy.
    """
    if any(Path(name).suffix and ("/" in name or Path(name).exists()) for name in names):
        say_loading(f"reading {names[0]}")
        from eqntk_cli.data.own_file import explain

        for line in explain([Path(name) for name in names], target, task):
            typer.echo(line)
        return
    say_loading(f"looking for {names[0]}")
    from eqntk_cli.data import catalogue

    for path in (path for name in names for path in catalogue.check(name, root)):
        typer.echo(f"{path} ({path.stat().st_size / 1e6:.1f} MB, checksum right)")


def _numbers(samples: dict[str, int]) -> str:
    if "all" in samples:
        return str(samples["all"])
    return f"{samples['train']}/{samples['test']}" if samples else ""


def _on_disk(item: "Stock") -> str:
    if item.entry.comes_with:
        return "built in"
    if not item.paths:
        return "-"
    return "folder" if item.entry.folder else f"{item.size / 1e6:.1f} MB"


def _as_dict(item: "Stock") -> dict[str, object]:
    return {**asdict(item.entry), "samples": dict(item.entry.samples), "paths": [str(path) for path in item.paths]}
