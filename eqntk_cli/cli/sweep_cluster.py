"""A sweep on a cluster, from the command line: list, submit, follow, cancel."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eqntk_cli.cli.going_on import going_on
from eqntk_cli.cli.sweep_status import again, onward, shown, table, watch
from eqntk_cli.errors import ConfigError

if TYPE_CHECKING:
    from eqntk_cli.config.schema import Config
    from eqntk_cli.sweeps.expand import Job
    from eqntk_cli.sweeps.manifest import Manifest
    from eqntk_cli.sweeps.submit import Batch


def arrays(manifest: "Manifest", runs: Sequence[tuple["Job", "Config"]]) -> list["Batch"]:
    """The arrays that these runs become on the manifest's cluster.

    Raises:
        ConfigError: no such cluster, or a setting of it that is not possible.
    """
    from eqntk_cli.sweeps.cluster import read_resources
    from eqntk_cli.sweeps.submit import batches

    return batches(runs, read_resources(manifest.cluster, manifest.config_dir, manifest.cluster_settings))


def check_cluster(parts: Sequence["Batch"]) -> None:
    """Ask the cluster whether such jobs could run, before anything is made.

    Raises:
        ConfigError: SLURM or submitit is not here.
        ClusterError: the cluster refuses.
    """
    from eqntk_cli.sweeps.slurm import check_resources, require_slurm

    require_slurm()
    for resources in {part.kind: part.resources for part in parts}.values():
        check_resources(resources)


def submit(folder: Path, manifest: "Manifest", parts: Sequence["Batch"]) -> None:
    """Submit, and say so; one command at a time per sweep.

    Raises:
        ClusterError: the cluster refuses.
        StorageError: the folder cannot be written, or another command is submitting.
    """
    from eqntk_cli.files.lock import held
    from eqntk_cli.runs.contents import LOCK_FILE
    from eqntk_cli.sweeps.submissions import LOGS
    from eqntk_cli.sweeps.submit import submit as submit_arrays

    with going_on(f"go on with: {again(folder, manifest)}", folder / LOGS), held(folder / LOCK_FILE):
        submitted = submit_arrays(folder, manifest.name, parts)
    for array in submitted:
        number, tasks = len(set(array.runs)), len(array.runs)
        jobs = "1 run" if number == 1 else f"{number} runs"
        sys.stderr.write(f"submitted {jobs} as job {array.job}{f' of {tasks} tasks' if tasks > number else ''}\n")


def follow(folder: Path, manifest: "Manifest") -> None:
    """Wait for the jobs, showing how far they are.

    Raises:
        KeyboardInterrupt: Ctrl-C; the jobs stay in the queue.
        typer.Exit: status 2 where runs are not done in the end.
    """
    name = shown(folder)
    onwards = (
        f"the jobs stay in the queue; look: eqntk sweep --status {name}, wait again: {again(folder, manifest)}, "
        f"take them off: eqntk sweep --cancel {name}"
    )
    with going_on(onwards, folder):
        sweep = watch(folder, manifest)
    for line in table(manifest, sweep):
        typer.echo(line)
    sys.stderr.write(onward(folder, manifest, sweep))
    typer.echo(str(folder))
    if sweep.done < len(sweep.runs):
        raise typer.Exit(2)


def leave(folder: Path) -> None:
    """Say how to come back to jobs that were submitted and are not waited for."""
    name = shown(folder)
    sys.stderr.write(f"look: eqntk sweep --status {name}, take them off the queue: eqntk sweep --cancel {name}\n")
    typer.echo(str(folder))


def cancel(folder: Path) -> None:
    """Take the jobs of a sweep off the queue.

    Raises:
        ConfigError: no jobs of it were submitted.
        ClusterError: SLURM refuses, or is not here.
    """
    from eqntk_cli.sweeps import slurm
    from eqntk_cli.sweeps.manifest import read_manifest
    from eqntk_cli.sweeps.status import overview
    from eqntk_cli.sweeps.submit import known_arrays, note_cancelled

    manifest = read_manifest(folder)
    submitted = [array for array in known_arrays(folder) if array.job is not None]
    if not submitted:
        raise ConfigError(f"{folder} has no jobs in the queue of a cluster; runs of this machine end with Ctrl-C.")
    before = overview(folder, manifest).active
    slurm.cancel([str(array.job) for array in submitted])
    note_cancelled(folder, submitted)
    typer.echo(f"{before} of {len(manifest.jobs)} runs are taken off the queue; what they have computed is kept")
    sys.stderr.write(f"go on with: {again(folder, manifest)}\n")
