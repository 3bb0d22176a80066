"""`eqntk train`: one run in one folder."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from eqntk_cli.cli.completion import complete_setting
from eqntk_cli.cli.going_on import going_on, say_if_too_few, say_loading
from eqntk_cli.errors import ConfigError

if TYPE_CHECKING:
    from eqntk_cli.config.schema import Config

Settings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Settings, for example dataset=breastmnist group=d4 model.width=512.",
        autocompletion=complete_setting,
        show_default=False,
    ),
]
_CHANGEABLE = {"model.members": "of members", "model.shards": "of tasks"}
ConfigDir = Annotated[
    str | None, typer.Option("--config-dir", help="A folder with more options of the config groups, such as model/.")
]


def train(
    settings: Settings = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Go on with the run in this folder; members and kernel tiles in it are kept. With model.members=M it "
            "is grown: members are appended, also to a finished run. With model.shards=N the same command in several "
            "terminals, or on several machines, shares what is missing.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The run folder, instead of runs/DATASET/<time>_<group>_<model>.", show_default=False
        ),
    ] = None,
    cfg: Annotated[
        Literal["job", "hydra", "all"] | None, typer.Option("--cfg", "-c", help="Print the settings and run nothing.")
    ] = None,
    resolve: Annotated[bool, typer.Option("--resolve", help="With --cfg: put in the values of ${...}.")] = False,
    package: Annotated[str | None, typer.Option("--package", "-p", help="With --cfg: only this part.")] = None,
    info: Annotated[
        Literal["config", "defaults", "defaults-tree", "plugins", "searchpath"] | None,
        typer.Option(help="Print how settings are found."),
    ] = None,
    config_dir: ConfigDir = None,
) -> None:
    """Run one model on one data set and record it in a folder of its own, whose path is printed at the end."""
    from eqntk_cli.config.keys import check_overrides

    overrides = settings or []
    if resume is not None:
        if cfg is not None or info is not None or out is not None:
            raise ConfigError("--resume takes the settings of the run as they are; leave the other options out.")
        _resume(resume, _changed(overrides))
        return
    check_overrides(overrides, own_options=config_dir is not None)
    if out is not None:
        if cfg is not None or info is not None:
            raise ConfigError("--out names the folder of a run; leave it out with --cfg and --info.")
        say_loading()
        _train_in(out, overrides, config_dir)
        return
    if cfg is None and info is None:
        say_loading()
    options = [("--cfg", cfg), ("--package", package), ("--info", info), ("--config-dir", config_dir)]
    arguments = [text for name, value in options if value is not None for text in (name, value)]
    arguments += ["--resolve"] if resolve else []
    _train([*arguments, *overrides])


def _train(arguments: list[str]) -> None:
    from eqntk_cli.architectures.checks import check
    from eqntk_cli.cli.hydra_main import compose_for_run
    from eqntk_cli.config.compose import to_config

    composed = compose_for_run(arguments)
    if composed is None:
        return  # --cfg or --info
    settings, folder = composed
    try:
        config = to_config(settings)
        check(config)
        _run(config, folder)
    finally:
        _remove_empty(folder)  # refused before anything was recorded


def _remove_empty(folder: Path) -> None:
    """Remove a folder without content, and those below the working directory that held nothing else."""
    for place in (folder, *(parent for parent in folder.parents if Path.cwd() in parent.parents)):
        if not place.is_dir() or any(place.iterdir()):
            return
        place.rmdir()


def _train_in(folder: Path, overrides: list[str], config_dir: str | None) -> None:
    """Run in a folder of the user's choice: a new or empty one, or that of a run with the same settings."""
    from eqntk_cli.interface.runs import settings_of_run

    _run(settings_of_run(folder, overrides, config_dir), folder)


def _changed(overrides: list[str]) -> dict[str, int]:
    """What may change in a run that was begun: the number of members, to which it is grown, and that of tasks."""
    others = [word for word in overrides if word.partition("=")[0] not in _CHANGEABLE]
    if others:
        raise ConfigError(
            f"{' '.join(others)} cannot be changed in a run that was begun; --resume takes model.members=M and "
            "model.shards=N, a new run any setting."
        )
    changed: dict[str, int] = {}
    for key, _, value in (word.partition("=") for word in overrides):
        if not value.isdecimal() or changed.setdefault(key, int(value)) != int(value):
            what = _CHANGEABLE[key]
            raise ConfigError(f"{' '.join(overrides)} is not possible with --resume; expected one whole number {what}.")
    return changed


def _resume(folder: Path, changed: dict[str, int]) -> None:
    from dataclasses import replace

    from eqntk_cli.runs.folder import read_config

    say_loading()
    config = read_config(folder)
    if "model.members" in changed:
        config.set_precision()  # before data are read
        from eqntk_cli.runs.grow import grow

        grow(folder, changed["model.members"])
        config = read_config(folder)
    shards = changed.get("model.shards", config.model.shards)
    _run(replace(config, model=replace(config.model, shards=shards)), folder)


def _run(config: "Config", folder: Path) -> None:
    say_if_too_few([config])
    from eqntk_cli.sweeps.job import execute

    with going_on(f"go on with: eqntk train --resume {shlex.quote(_shown(folder))}", folder / "record.json"):
        execute(config, folder)
    _report(folder)


def _report(folder: Path) -> None:
    from eqntk_cli.runs.metrics import headline

    picture = _draw(folder)
    metric = headline(folder)
    if metric is not None:
        sys.stderr.write(f"test {metric[0]} {metric[1]:.4g}\n")
    if picture is not None:
        sys.stderr.write(f"{_shown(picture)}\n")
    typer.echo(_shown(folder))


def _draw(folder: Path) -> Path | None:
    """metrics.svg from metrics.csv, in the look of the report; None where there are no metrics."""
    from eqntk_cli.files.atomic import write_bytes
    from eqntk_cli.report.paper.canvas import styled, to_bytes
    from eqntk_cli.report.paper.command_figures import metrics_figure
    from eqntk_cli.runs.metrics import read_metrics
    from eqntk_cli.runs.record import read_record

    rows = read_metrics(folder)
    if not rows:
        return None
    with styled():
        picture = to_bytes(metrics_figure(rows, read_record(folder).model), "svg")
    write_bytes(folder / "metrics.svg", picture)
    return folder / "metrics.svg"


def _shown(folder: Path) -> str:
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)
