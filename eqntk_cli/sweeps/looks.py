"""The runs of one look of a plan: those that it needs, made or grown to its number of members."""

from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from eqntk_cli.errors import ConfigError
from eqntk_cli.runs.plan import PLAN_FILE, Plan, settings_digest
from eqntk_cli.sweeps.begin import checked
from eqntk_cli.sweeps.expand import Job
from eqntk_cli.sweeps.manifest import MANIFEST_FILE, Manifest, read_manifest, write_manifest
from eqntk_cli.sweeps.planned import check_looks

if TYPE_CHECKING:
    from eqntk_cli.config.schema import Config

_MEMBERS = "model.members="


@dataclass(frozen=True)
class PlannedRuns:
    """The study of a plan in its folder."""

    folder: Path
    plan: Plan
    manifest: Manifest
    configs: dict[str, "Config"]  # by the folders of the runs

    @classmethod
    def of(cls, folder: Path, plan: Plan, launcher: str | None, cluster: str | None) -> "PlannedRuns":
        """The study, checked for every look, with a sweep.json that is made where there is none.

        Raises:
            ConfigError: settings that cannot be run, or that are not those that the plan was made with.
            StorageError: sweep.json is damaged.
        """
        if (folder / MANIFEST_FILE).exists():
            manifest = read_manifest(folder)
            manifest = replace(manifest, launcher=launcher or manifest.launcher, cluster=cluster or manifest.cluster)
            manifest = replace(manifest, looks=True)
        else:
            manifest = _new_manifest(folder, plan, launcher or "basic", cluster or "default")
        configs = {job.folder: config for job, config in checked(manifest)}
        planned = {**plan.runs, **plan.controls}
        wrong = sorted(
            name
            for name in {*planned, *configs}
            if name not in planned or name not in configs or settings_digest(configs[name]) != planned[name].sha256
        )
        if wrong:
            raise ConfigError(
                f"{folder / PLAN_FILE} and the runs of {folder} differ ({wrong[0]}); make a new plan in a new folder."
            )
        check_looks(plan, configs)
        study = cls(folder, plan, manifest, configs)
        if not (folder / MANIFEST_FILE).exists():
            write_manifest(folder, manifest)
        return study

    def prepare(self, look: int, needed: Container[str]) -> list[Job]:
        """Grow the runs of a look that are there, and return all that have something to compute.

        A run that was begun for more members goes on to these; the report takes the first ones at each look.

        Args:
            look: members of every ensemble.
            needed: folders of the ensembles that are still needed; the infinite ensemble always is.

        Raises:
            ConfigError, StorageError: a run cannot be grown.
        """
        from eqntk_cli.runs.contents import RECORD_FILE
        from eqntk_cli.runs.grow import grow
        from eqntk_cli.runs.record import read_record

        missing = []
        for job in self.manifest.jobs:
            ensemble = self.configs[job.folder].model.name != "ntk"
            if ensemble and job.folder not in needed:
                continue
            folder, members = self.folder / job.folder, look
            if (folder / RECORD_FILE).exists():
                record = read_record(folder)
                if ensemble and (record.members or 0) < look:
                    grow(folder, look)
                elif record.state == "done":
                    continue
                # a sweep that was stopped has begun it for all members of the plan; none is taken away from a run
                members = max(look, record.members or 0)
            missing.append(_with_members(job, members) if ensemble else job)
        return missing


def _new_manifest(folder: Path, plan: Plan, launcher: str, cluster: str) -> Manifest:
    from eqntk_cli.runs.provenance import command

    runs = {**plan.runs, **plan.controls}
    group = f"tracking.group={folder.resolve().name}"
    jobs = tuple(
        Job(number, name, name, (*run.settings, group)) for number, (name, run) in enumerate(sorted(runs.items()))
    )
    return Manifest(
        name=plan.experiment,
        jobs=jobs,
        launcher=launcher,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=command(),
        config_dir=plan.config_dir,
        cluster=cluster,
        looks=True,
    )


def _with_members(job: Job, members: int) -> Job:
    kept = tuple(word for word in job.overrides if not word.startswith(_MEMBERS))
    return replace(job, overrides=(*kept, f"{_MEMBERS}{members}"))
