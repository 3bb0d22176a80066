"""Starting the runs of a sweep: a new one, or what is missing in one that is there."""

import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from eqntk_cli.cli.going_on import say_loading
from eqntk_cli.errors import ConfigError, UserError

if TYPE_CHECKING:
    from eqntk_cli.sweeps.expand import Job
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
    no_probe: bool = False

    def options(self) -> list[str]:
        """The options that were given."""
        given = [] if self.launcher is None else ["--launcher"]
        given += [] if self.jobs is None else ["--jobs"]
        given += [] if self.cluster is None else ["--cluster"]
        given += ["--dry-run"] * self.dry_run + ["--detach"] * self.detach
        return given + ["--no-probe"] * self.no_probe

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
            given += ["--no-probe"] * self.no_probe
            given += [f"cluster.{key}={value}" for key, value in cluster_settings.items()]
            if given:
                raise ConfigError(f"{given[0]} needs --launcher slurm; {launcher} runs on this machine.")
        if self.no_probe and not self.dry_run:
            raise ConfigError("--no-probe belongs to --dry-run, which measures what jobs take; nothing else does.")

    def hydra(self) -> tuple[str, ...]:
        """What Hydra's launcher is told."""
        return () if self.jobs is None else (f"hydra.launcher.n_jobs={self.jobs}",)


def new_sweep(words: list[str], way: Way, out: Path | None, config_dir: str | None) -> None:
    """Check every run, make the folder, start."""
    say_loading("checking every run")
    from eqntk_cli.cli.going_on import say_if_too_few
    from eqntk_cli.cli.sweep_cluster import arrays, check_cluster
    from eqntk_cli.cli.sweep_dry import dry_run
    from eqntk_cli.sweeps.begin import checked, new_manifest, new_sweep_folder, remove_if_unused
    from eqntk_cli.sweeps.planned import holds_plan_alone, plan_of

    launcher = way.launcher or "basic"
    manifest = new_manifest(words, launcher, config_dir, way.hydra(), way.cluster or "default")
    way.check(launcher, manifest.cluster_settings)
    runs = checked(manifest)
    say_if_too_few(config for _, config in runs)
    if way.dry_run:
        dry_run(manifest, runs, measure=not way.no_probe, made={})
        return
    if launcher == "slurm":
        check_cluster(arrays(manifest, runs))
    planned = out is not None and holds_plan_alone(out)
    folder, manifest = new_sweep_folder(manifest, out, plan_of(manifest, runs, {}, looks=False))
    try:
        start(folder, manifest, manifest.jobs, way)
    except UserError:
        remove_if_unused(folder, keep_plan=planned)
        raise


def resume_sweep(folder: Path, words: list[str], way: Way) -> None:
    """Start what is missing and what nobody is doing; on a cluster, wait for the rest, too."""
    say_loading("looking at what is there")
    from eqntk_cli.cli.sweep_cluster import arrays, check_cluster
    from eqntk_cli.cli.sweep_dry import dry_run
    from eqntk_cli.cli.sweep_status import again
    from eqntk_cli.sweeps.begin import checked
    from eqntk_cli.sweeps.expand import parse
    from eqntk_cli.sweeps.manifest import read_manifest
    from eqntk_cli.sweeps.status import overview

    manifest = read_manifest(folder)
    if manifest.looks:
        raise ConfigError(
            f"{folder} is made look after look, and all members of its plan are not to be trained at once; go on with: "
            f"{again(folder, manifest)}"
        )
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
    sweep = overview(folder, manifest)
    if sweep.trouble and launcher == "slurm" and not way.dry_run:
        raise ConfigError(f"{sweep.trouble} Without the queue it is not known what is missing.")
    missing = sweep.missing()
    if way.dry_run:
        runs = checked(replace(manifest, jobs=tuple(missing)))
        dry_run(manifest, runs, measure=not way.no_probe, made=sweep.members_made())
        return
    if launcher == "slurm" and missing:
        check_cluster(arrays(manifest, checked(replace(manifest, jobs=tuple(missing)))))
    if sweep.active:
        sys.stderr.write(f"{sweep.active} runs are in the queue or being made, and are left alone\n")
    start(folder, manifest, missing, way)


def start(folder: Path, manifest: "Manifest", jobs: Sequence["Job"], way: Way) -> None:
    """Make these runs, here or on a cluster, and wait for them unless they are detached."""
    if manifest.launcher != "slurm":
        _run_here(folder, manifest, jobs)
        return
    from eqntk_cli.cli.sweep_cluster import arrays, follow, leave, submit
    from eqntk_cli.sweeps.begin import checked

    if jobs:
        submit(folder, manifest, arrays(manifest, checked(replace(manifest, jobs=tuple(jobs)))))
    if way.detach:
        leave(folder)
    else:
        follow(folder, manifest)


def _run_here(folder: Path, manifest: "Manifest", jobs: Sequence["Job"]) -> None:
    from eqntk_cli.cli.going_on import going_on
    from eqntk_cli.cli.sweep_status import again, show
    from eqntk_cli.sweeps.launch import launch

    with going_on(f"go on with: {again(folder, manifest)}", folder):
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
