"""Starting the runs of a sweep: a new one, or what is missing in one that is there."""

import shutil
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from eqntk_cli.errors import ConfigError, UserError

if TYPE_CHECKING:
    from eqntk_cli.config.schema import Config
    from eqntk_cli.sweeps.expand import Arguments, Job
    from eqntk_cli.sweeps.manifest import Manifest

Launcher = Literal["basic", "joblib", "slurm"]


@dataclass(frozen=True)
class Way:
    """How a sweep is to be run, as the command line says it; None where it does not."""

    launcher: Launcher | None = None
    jobs: int | None = None
    cluster: str | None = None
    dry_run: bool = False
    detach: bool = False

    def options(self) -> list[str]:
        """The options that were given."""
        found = [] if self.launcher is None else ["--launcher"]
        found += [] if self.jobs is None else ["--jobs"]
        found += [] if self.cluster is None else ["--cluster"]
        return found + ["--dry-run"] * self.dry_run + ["--detach"] * self.detach

    def check(self, launcher: str, cluster_settings: dict[str, str]) -> None:
        """Refuse options that a launcher does not have.

        Raises:
            ConfigError: names the option.
        """
        if self.jobs is not None and launcher != "joblib":
            raise ConfigError(
                f"--jobs {self.jobs} needs --launcher joblib; {launcher} decides itself how many run at a time."
            )
        if launcher != "slurm":
            given = ["--detach"] * self.detach + ([] if self.cluster is None else [f"--cluster {self.cluster}"])
            given += [f"cluster.{key}={value}" for key, value in cluster_settings.items()]
            if given:
                raise ConfigError(f"{given[0]} needs --launcher slurm; {launcher} runs on this machine.")

    def hydra(self) -> tuple[str, ...]:
        """What Hydra's launcher is told."""
        return () if self.jobs is None else (f"hydra.launcher.n_jobs={self.jobs}",)


def new_sweep(words: list[str], way: Way, out: Path | None, config_dir: str | None) -> None:
    """Check every run, make the folder, start."""
    from eqntk_cli.cli.sweep_cluster import arrays, check_cluster
    from eqntk_cli.runs.provenance import command
    from eqntk_cli.sweeps.expand import expand, parse
    from eqntk_cli.sweeps.manifest import Manifest, new_folder, write_manifest

    launcher = way.launcher or "basic"
    arguments = parse(words, own_options=config_dir is not None)
    way.check(launcher, arguments.cluster)
    experiment, planned = expand(arguments)
    name = experiment.name if experiment is not None else "sweep"
    manifest = Manifest(
        name=name,
        jobs=tuple(planned),
        launcher=launcher,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=command(),
        question=experiment.question if experiment is not None else "",
        claim=experiment.claim if experiment is not None else "",
        hydra=way.hydra(),
        config_dir=None if config_dir is None else str(Path(config_dir).absolute()),
        cluster=way.cluster or "default",
        cluster_settings=arguments.cluster,
    )
    runs = _checked(manifest)
    if way.dry_run:
        _list(manifest, runs)
        return
    if launcher == "slurm":
        check_cluster(arrays(manifest, runs))
    folder = new_folder(out if out is not None else Path("runs") / name, stamped=out is None)
    manifest = replace(manifest, jobs=tuple(_grouped(planned, arguments, folder.name)))
    try:
        write_manifest(folder, manifest)
        _start(folder, manifest, manifest.jobs, way)
    except UserError:
        _remove_if_unused(folder)
        raise


def resume_sweep(folder: Path, words: list[str], way: Way) -> None:
    """Start what is missing and what nobody is doing; on a cluster, wait for the rest, too."""
    from eqntk_cli.cli.sweep_cluster import arrays, check_cluster
    from eqntk_cli.sweeps.expand import parse
    from eqntk_cli.sweeps.manifest import read_manifest
    from eqntk_cli.sweeps.status import overview

    manifest = read_manifest(folder)
    launcher = way.launcher or manifest.launcher
    given = parse(words).cluster
    way.check(launcher, given)
    manifest = replace(
        manifest,
        launcher=launcher,
        hydra=way.hydra() or (manifest.hydra if launcher == manifest.launcher else ()),
        cluster=way.cluster or manifest.cluster,
        cluster_settings={**manifest.cluster_settings, **given},
    )
    found = overview(folder, manifest)
    if found.trouble and launcher == "slurm" and not way.dry_run:
        raise ConfigError(f"{found.trouble} Without the queue it is not known what is missing.")
    missing = found.missing()
    if way.dry_run:
        _list(manifest, _checked(replace(manifest, jobs=tuple(missing))))
        return
    if launcher == "slurm" and missing:
        check_cluster(arrays(manifest, _checked(replace(manifest, jobs=tuple(missing)))))
    if found.active:
        sys.stderr.write(f"{found.active} runs are in the queue or being made, and are left alone\n")
    _start(folder, manifest, missing, way)


def _start(folder: Path, manifest: "Manifest", jobs: Sequence["Job"], way: Way) -> None:
    if manifest.launcher != "slurm":
        _run_here(folder, manifest, jobs)
        return
    from eqntk_cli.cli.sweep_cluster import arrays, follow, leave, submit

    if jobs:
        submit(folder, manifest, arrays(manifest, _checked(replace(manifest, jobs=tuple(jobs)))))
    if way.detach:
        leave(folder)
    else:
        follow(folder, manifest)


def _run_here(folder: Path, manifest: "Manifest", jobs: Sequence["Job"]) -> None:
    from eqntk_cli.cli.going_on import going_on
    from eqntk_cli.cli.sweep_status import show, shown
    from eqntk_cli.sweeps.launch import launch

    with going_on(f"go on with: eqntk sweep --resume {shown(folder)}", folder):
        errors = launch(folder, manifest, jobs) if jobs else []
    failed = [(job, error) for job, error in zip(jobs, errors, strict=True) if error is not None]
    for job, error in failed:
        if not isinstance(error, UserError):
            traceback.print_exception(error)
        sys.stderr.write(f"eqntk: {job.folder} failed: {' '.join(str(error).split()) or type(error).__name__}\n")
    show(folder, manifest)
    typer.echo(str(folder))
    if failed:
        raise typer.Exit(2 if all(isinstance(error, UserError) for _, error in failed) else 1)


def _checked(manifest: "Manifest") -> list[tuple["Job", "Config"]]:
    """Every run with its settings, composed and checked before the first one starts.

    Raises:
        ConfigError: names the run.
    """
    from eqntk_cli.architectures.checks import check
    from eqntk_cli.config.compose import compose

    runs = []
    for job in manifest.jobs:
        try:
            config = compose(list(job.overrides), manifest.config_dir)
            check(config)
        except ConfigError as error:
            raise ConfigError(f"run {job.folder}: {error}" if len(manifest.jobs) > 1 else str(error)) from error
        runs.append((job, config))
    return runs


def _list(manifest: "Manifest", runs: Sequence[tuple["Job", "Config"]]) -> None:
    from eqntk_cli.cli.sweep_cluster import arrays, listed

    if manifest.launcher == "slurm":
        for line in listed(arrays(manifest, runs)):
            typer.echo(line)
    else:
        for job, _ in runs:
            typer.echo(f"{job.folder}: {' '.join(job.overrides)}")
    what = "submitted" if manifest.launcher == "slurm" else "run"
    typer.echo(f"{len(runs)} runs, all settings legal; nothing was {what}")


def _grouped(jobs: Sequence["Job"], arguments: "Arguments", name: str) -> list["Job"]:
    """The jobs with the sweep as their group in the mirror, unless the user has named one."""
    if "tracking.group" in arguments.constants or "tracking.group" in arguments.grid:
        return list(jobs)
    return [replace(job, overrides=(*job.overrides, f"tracking.group={name}")) for job in jobs]


def _remove_if_unused(folder: Path) -> None:
    """Remove the folder of a sweep of which nothing was queued and no run was begun."""
    from eqntk_cli.runs.contents import RECORD_FILE
    from eqntk_cli.sweeps.submissions import read_arrays

    if not any(folder.glob(f"*/{RECORD_FILE}")) and not read_arrays(folder):
        shutil.rmtree(folder)
