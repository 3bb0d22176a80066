"""`eqntk sweep`: many runs, here or on a cluster, and how far they are."""

import shutil
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from eqntk_cli.cli.completion import complete_sweep
from eqntk_cli.cli.run_table import CONTROL_NOTE, heading, row
from eqntk_cli.cli.train import ConfigDir
from eqntk_cli.errors import ConfigError, UserError

if TYPE_CHECKING:
    from eqntk_cli.sweeps.expand import Arguments, Job
    from eqntk_cli.sweeps.manifest import Manifest

Launcher = Literal["basic", "joblib", "slurm"]


def sweep(
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE,VALUE]...",
            help="Settings, several values with commas; experiment=NAME for an experiment, runs=A,B for part of it.",
            autocompletion=complete_sweep,
            show_default=False,
        ),
    ] = None,
    launcher: Annotated[
        Launcher, typer.Option(help="One after another, several at a time, or on a cluster.")
    ] = "basic",
    jobs: Annotated[int | None, typer.Option(min=1, help="With joblib: how many at a time (all cores).")] = None,
    cluster: Annotated[str | None, typer.Option(help="With slurm: conf/cluster/NAME.yaml.", metavar="NAME")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and list the runs, run nothing.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder for the runs, instead of runs/NAME_<time>.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="With slurm: submit and return.")] = False,
    resume: Annotated[Path | None, typer.Option(metavar="DIR", help="Go on with the sweep in this folder.")] = None,
    status: Annotated[Path | None, typer.Option(metavar="DIR", help="How far the sweep in this folder is.")] = None,
    cancel: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With slurm: take the sweep in this folder off the queue.")
    ] = None,
    config_dir: ConfigDir = None,
) -> None:
    """Run every combination of settings, or the runs of an experiment; one that fails does not stop the others."""
    words = settings or []
    given = [option for option, folder in (("--resume", resume), ("--status", status), ("--cancel", cancel)) if folder]
    if given and (words or len(given) > 1):
        raise ConfigError(f"{given[0]} takes a folder and nothing else; leave {' '.join(words) or given[-1]} out.")
    if cancel is not None:
        raise ConfigError("--cancel needs jobs in the queue of a cluster; runs of this machine end with Ctrl-C.")
    if status is not None:
        _status(status)
    elif resume is not None:
        _resume(resume)
    else:
        _new(words, launcher, jobs, cluster, dry_run, out, detach, config_dir)


def _new(
    words: list[str],
    launcher: Launcher,
    jobs: int | None,
    cluster: str | None,
    dry_run: bool,
    out: Path | None,
    detach: bool,
    config_dir: str | None,
) -> None:
    from eqntk_cli.runs.provenance import command
    from eqntk_cli.sweeps.expand import expand, parse
    from eqntk_cli.sweeps.manifest import Manifest, new_folder, write_manifest

    hydra = _launcher_settings(launcher, jobs, cluster, detach)
    arguments = parse(words, own_options=config_dir is not None)
    experiment, planned = expand(arguments)
    _check(planned, config_dir)
    if dry_run:
        _list(planned)
        return
    name = experiment.name if experiment is not None else "sweep"
    folder = new_folder(out if out is not None else Path("runs") / name, stamped=out is None)
    manifest = Manifest(
        name=name,
        jobs=tuple(_grouped(planned, arguments, folder.name)),
        launcher=launcher,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=command(),
        question=experiment.question if experiment is not None else "",
        claim=experiment.claim if experiment is not None else "",
        hydra=tuple(hydra),
        config_dir=config_dir,
    )
    write_manifest(folder, manifest)
    _run(folder, manifest, manifest.jobs)


def _resume(folder: Path) -> None:
    from eqntk_cli.sweeps.manifest import read_manifest, states

    manifest = read_manifest(folder)
    _run(folder, manifest, [job for job, run in states(folder, manifest) if run is None or run.state != "done"])


def _status(folder: Path) -> None:
    from eqntk_cli.sweeps.manifest import read_manifest, states

    manifest = read_manifest(folder)
    found = states(folder, manifest)
    typer.echo(heading(manifest.name))
    for job, run in found:
        typer.echo(row(job.folder, run))
    done = sum(run is not None and run.state == "done" for _, run in found)
    if any(run is not None and run.record is not None and run.record.role == "control" for _, run in found):
        typer.echo(CONTROL_NOTE)
    typer.echo(f"{done} of {len(found)} runs are done")


def _run(folder: Path, manifest: "Manifest", jobs: Sequence["Job"]) -> None:
    from eqntk_cli.sweeps.launch import launch

    try:
        errors = launch(folder, manifest, jobs) if jobs else []
    except KeyboardInterrupt:
        sys.stderr.write(f"\neqntk: interrupted; go on with: eqntk sweep --resume {folder}\n")
        raise
    _status(folder)
    failed = [(job, error) for job, error in zip(jobs, errors, strict=True) if error is not None]
    for job, error in failed:
        if not isinstance(error, UserError):
            traceback.print_exception(error)
        sys.stderr.write(f"eqntk: {job.folder} failed: {' '.join(str(error).split()) or type(error).__name__}\n")
    if failed:
        sys.stderr.write(f"eqntk: go on with: eqntk sweep --resume {folder}\n")
    typer.echo(str(folder))
    if failed:
        raise typer.Exit(2 if all(isinstance(error, UserError) for _, error in failed) else 1)


def _check(jobs: Sequence["Job"], config_dir: str | None) -> None:
    """Compose and check every job before the first one starts."""
    from eqntk_cli.config.checks import check
    from eqntk_cli.config.compose import compose

    for job in jobs:
        try:
            check(compose(list(job.overrides), config_dir))
        except ConfigError as error:
            raise ConfigError(f"run {job.folder}: {error}" if len(jobs) > 1 else str(error)) from error


def _list(jobs: Sequence["Job"]) -> None:
    for job in jobs:
        typer.echo(f"{job.folder}: {' '.join(job.overrides)}")
    typer.echo(f"{len(jobs)} runs, all settings legal; nothing was run")


def _grouped(jobs: Sequence["Job"], arguments: "Arguments", name: str) -> list["Job"]:
    """The jobs with the sweep as their group in the mirror, unless the user has named one."""
    if "tracking.group" in arguments.constants or "tracking.group" in arguments.grid:
        return list(jobs)
    return [replace(job, overrides=(*job.overrides, f"tracking.group={name}")) for job in jobs]


def _launcher_settings(launcher: Launcher, jobs: int | None, cluster: str | None, detach: bool) -> list[str]:
    """The launcher's own overrides.

    Raises:
        ConfigError: options that this launcher does not have, or a launcher that is not installed.
    """
    if jobs is not None and launcher != "joblib":
        raise ConfigError(f"--jobs {jobs} needs --launcher joblib; {launcher} decides itself how many run at a time.")
    if launcher != "slurm":
        if cluster is not None or detach:
            option = "--detach" if detach else f"--cluster {cluster}"
            raise ConfigError(f"{option} needs --launcher slurm; {launcher} runs on this machine.")
        return [] if jobs is None else [f"hydra.launcher.n_jobs={jobs}"]
    if detach:
        raise ConfigError("--detach is not possible yet; leave the command running, for example inside tmux.")
    if find_spec("hydra_plugins.hydra_submitit_launcher") is None:
        raise ConfigError("--launcher slurm needs the extra `slurm`: pip install 'eqntk[slurm]'.")
    if shutil.which("sbatch") is None:
        raise ConfigError("--launcher slurm needs SLURM's `sbatch`, which is not on this machine; use basic or joblib.")
    from eqntk_cli.config.keys import options

    known = options("cluster")
    if cluster is not None and cluster not in known:
        raise ConfigError(f"--cluster {cluster} is not known; expected {' | '.join(known)}.")
    return [] if cluster is None else [f"+cluster={cluster}"]
