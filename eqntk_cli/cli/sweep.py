"""`eqntk sweep`: many runs, here or on a cluster, and how far they are."""

from pathlib import Path
from typing import Annotated

import typer

from eqntk_cli.cli.completion import complete_sweep
from eqntk_cli.cli.sweep_run import Launcher, Way
from eqntk_cli.cli.train import ConfigDir
from eqntk_cli.errors import ConfigError


def sweep(
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE,VALUE]...",
            help="Settings, several values with commas; experiment=NAME for an experiment, runs=A,B for part of it; "
            "cluster.KEY=VALUE for what jobs of a cluster ask for.",
            autocompletion=complete_sweep,
            show_default=False,
        ),
    ] = None,
    launcher: Annotated[
        Launcher | None,
        typer.Option(help="One after another (basic, the default), several at a time, or on a cluster."),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="With joblib: how many at a time (all cores).")] = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="With slurm: conf/cluster/NAME.yaml, or cluster/NAME.yaml in --config-dir.", metavar="NAME"),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check and list the runs; with slurm, what would be submitted, and time, memory and storage of each "
            "job from a short probe here. Run nothing.",
        ),
    ] = False,
    no_probe: Annotated[bool, typer.Option("--no-probe", help="With --dry-run: measure nothing.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder for the runs, instead of runs/NAME_<time>.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="With slurm: submit and return.")] = False,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Go on with the sweep in this folder: what is missing and nobody is doing."),
    ] = None,
    status: Annotated[Path | None, typer.Option(metavar="DIR", help="How far the sweep in this folder is.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="With --status: keep the table up to date.")] = False,
    cancel: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With slurm: take the sweep in this folder off the queue.")
    ] = None,
    config_dir: ConfigDir = None,
) -> None:
    """Run every combination of settings, or the runs of an experiment; one that fails does not stop the others."""
    words = settings or []
    given = [option for option, folder in (("--resume", resume), ("--status", status), ("--cancel", cancel)) if folder]
    way = Way(launcher, jobs, cluster, dry_run, detach, no_probe)
    if given:
        _alone(given, words, out, config_dir, way)
    if watch and status is None:
        raise ConfigError("--watch belongs to --status DIR; a sweep that is not detached shows how far it is anyway.")
    if cancel is not None:
        from eqntk_cli.cli.sweep_cluster import cancel as cancel_sweep

        cancel_sweep(cancel)
    elif status is not None:
        _status(status, watch)
    elif resume is not None:
        from eqntk_cli.cli.sweep_run import resume_sweep

        resume_sweep(resume, words, way)
    else:
        from eqntk_cli.cli.sweep_run import new_sweep

        new_sweep(words, way, out, config_dir)


def _alone(given: list[str], words: list[str], out: Path | None, config_dir: str | None, way: Way) -> None:
    """Refuse what does not go with a folder that is there already.

    Raises:
        ConfigError: names the first option or setting that is too many.
    """
    too_many = [word for word in words if given[0] != "--resume" or not word.startswith("cluster.")]
    too_many += [option for option, value in (("--out", out), ("--config-dir", config_dir)) if value is not None]
    too_many += [] if given[0] == "--resume" else way.options()
    if len(given) > 1 or too_many:
        raise ConfigError(f"{given[0]} takes a folder and nothing else; leave {' '.join(too_many or given[1:])} out.")


def _status(folder: Path, watch: bool) -> None:
    from eqntk_cli.cli.sweep_status import show
    from eqntk_cli.cli.sweep_status import watch as keep_watching
    from eqntk_cli.sweeps.manifest import read_manifest

    manifest = read_manifest(folder)
    if watch:
        keep_watching(folder, manifest)
    show(folder, manifest)
