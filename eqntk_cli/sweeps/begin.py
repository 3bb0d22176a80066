"""The beginning of a sweep: from words to runs that are checked, and to the folder that holds them."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from eqntk_cli.errors import ConfigError

if TYPE_CHECKING:
    from eqntk_cli.config.schema import Config
    from eqntk_cli.runs.plan import Plan
    from eqntk_cli.sweeps.expand import Job
    from eqntk_cli.sweeps.manifest import Manifest


def new_manifest(
    words: Sequence[str],
    launcher: str = "basic",
    config_dir: str | None = None,
    hydra: tuple[str, ...] = (),
    cluster: str = "default",
) -> "Manifest":
    """The sweep that these words ask for, not yet checked and nowhere written.

    Raises:
        ConfigError: a word that is no setting, an unknown experiment, or settings that contradict it.
    """
    from eqntk_cli.runs.provenance import command
    from eqntk_cli.sweeps.expand import expand, parse
    from eqntk_cli.sweeps.manifest import Manifest

    arguments = parse(list(words), own_options=config_dir is not None)
    experiment, jobs = expand(arguments)
    return Manifest(
        name=experiment.name if experiment is not None else "sweep",
        jobs=tuple(jobs),
        launcher=launcher,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=command(),
        question=experiment.question if experiment is not None else "",
        claim=experiment.claim if experiment is not None else "",
        hydra=hydra,
        config_dir=None if config_dir is None else str(Path(config_dir).absolute()),
        cluster=cluster,
        cluster_settings=arguments.cluster,
    )


def checked(manifest: "Manifest") -> list[tuple["Job", "Config"]]:
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


def new_sweep_folder(manifest: "Manifest", out: Path | None, plan: "Plan | None" = None) -> tuple[Path, "Manifest"]:
    """Make the folder with its sweep.json and its plan; the sweep becomes the group of its runs in the mirror.

    Raises:
        StorageError: the folder is there already and holds more than a plan, or cannot be made.
        ConfigError: it holds the plan of other runs.
    """
    from eqntk_cli.sweeps.manifest import new_folder, write_manifest
    from eqntk_cli.sweeps.planned import holds_plan_alone, keep_plan

    if out is not None and plan is not None and holds_plan_alone(out):
        folder = out
    else:
        folder = new_folder(out if out is not None else Path("runs") / manifest.name, stamped=out is None)
    if plan is not None:
        keep_plan(folder, plan)
    manifest = replace(manifest, jobs=tuple(_grouped(job, folder.name) for job in manifest.jobs))
    write_manifest(folder, manifest)
    return folder, manifest


def remove_if_unused(folder: Path, *, keep_plan: bool = False) -> None:
    """Remove the folder of a sweep of which nothing was queued and no run was begun; a plan made before it may stay."""
    from eqntk_cli.runs.contents import RECORD_FILE
    from eqntk_cli.sweeps.manifest import MANIFEST_FILE
    from eqntk_cli.sweeps.submissions import read_arrays

    if not any(folder.glob(f"*/{RECORD_FILE}")) and not read_arrays(folder):
        if keep_plan:
            (folder / MANIFEST_FILE).unlink(missing_ok=True)
        else:
            shutil.rmtree(folder)


def _grouped(job: "Job", name: str) -> "Job":
    if any(word.startswith("tracking.group=") for word in job.overrides):  # the user has named one
        return job
    return replace(job, overrides=(*job.overrides, f"tracking.group={name}"))
