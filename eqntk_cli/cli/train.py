"""`eqntk train`: one run in one folder."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from eqntk_cli.cli.completion import complete_setting
from eqntk_cli.errors import ConfigError

if TYPE_CHECKING:
    from eqntk_cli.sweeps.job import Outcome

Settings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Settings, for example dataset=breastmnist group=d4 model.width=512.",
        autocompletion=complete_setting,
        show_default=False,
    ),
]
ConfigDir = Annotated[
    str | None, typer.Option("--config-dir", help="A folder with more options of the config groups, such as model/.")
]


def train(
    settings: Settings = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder.", show_default=False)] = None,
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
        if overrides or cfg is not None or info is not None:
            raise ConfigError("--resume takes the settings of the run as they are; leave the others out.")
        _resume(resume)
        return
    check_overrides(overrides, own_options=config_dir is not None)
    options = [("--cfg", cfg), ("--package", package), ("--info", info), ("--config-dir", config_dir)]
    arguments = [text for name, value in options if value is not None for text in (name, value)]
    arguments += ["--resolve"] if resolve else []
    _train([*arguments, *overrides])


class _Captured:
    """The job, remembering how it ended: Hydra does not hand back what a job returns."""

    outcome: "Outcome | None" = None

    def __call__(self, composed: Any) -> None:
        from hydra.core.hydra_config import HydraConfig

        from eqntk_cli.sweeps.job import run_job

        folder = Path(HydraConfig.get().runtime.output_dir)
        with _interruption(folder):
            self.outcome = run_job(composed)
        if self.outcome.error is not None and not any(folder.iterdir()):
            folder.rmdir()  # refused before anything was recorded


class _interruption:  # noqa: N801 - reads as a statement
    """Say how to go on where Ctrl-C ends a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is KeyboardInterrupt:
            sys.stderr.write(f"\neqntk: interrupted; go on with: eqntk train --resume {_shown(self.folder)}\n")


def _train(arguments: list[str]) -> None:
    from eqntk_cli.cli.hydra_main import run_hydra

    job = _Captured()
    run_hydra(arguments, job)
    if job.outcome is None:
        return  # --cfg or --info
    if job.outcome.error is not None:
        raise job.outcome.error
    _report(Path(job.outcome.folder))


def _resume(folder: Path) -> None:
    from eqntk_cli.runs.folder import read_config
    from eqntk_cli.sweeps.job import execute

    with _interruption(folder):
        execute(read_config(folder), folder)
    _report(folder)


def _report(folder: Path) -> None:
    from eqntk_cli.runs.metrics_file import headline

    metric = headline(folder)
    if metric is not None:
        sys.stderr.write(f"test {metric[0]} {metric[1]:.4g}\n")
    typer.echo(_shown(folder))


def _shown(folder: Path) -> str:
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)
