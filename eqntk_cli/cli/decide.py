"""`eqntk decide`: look after look, with more members each time, until everything that a plan asks is decided."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eqntk_cli.cli.sweep_run import Launcher, Way
from eqntk_cli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eqntk_cli.report.model import Analysis, ControlAnalysis, PairAnalysis
    from eqntk_cli.sweeps.expand import Job
    from eqntk_cli.sweeps.looks import PlannedRuns

_UNDECIDED = "undecided"


def decide(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a plan, made by `eqntk plan`.")],
    launcher: Annotated[
        Launcher | None,
        typer.Option(help="One run after another (basic, the default), several at a time, or on a cluster."),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="With joblib: how many at a time (all cores).")] = None,
    cluster: Annotated[
        str | None, typer.Option(help="With slurm: conf/cluster/NAME.yaml, as in eqntk sweep.", metavar="NAME")
    ] = None,
    tracking: Annotated[
        str, typer.Option(help="Mirror of the report: auto, online, offline, disabled, as in compare-runs.")
    ] = "auto",
) -> None:
    """Train the runs of DIR/plan.yaml, look, and go on with twice the members where something is undecided.

    Pairs and controls stop when they are decided. Called again after it was stopped anywhere, it goes on. Exit status:
    0 every pair equivalent and every control different, 1 a pair different, 3 otherwise, 2 a mistake.
    """
    from eqntk_cli.cli.compare_runs import conclude
    from eqntk_cli.cli.going_on import going_on, say_if_too_few
    from eqntk_cli.cli.sweep_status import shown
    from eqntk_cli.runs.plan import read_plan, require_controls
    from eqntk_cli.sweeps.looks import PlannedRuns

    plan = read_plan(folder)
    require_controls(plan, str(folder / "plan.yaml"))
    study = PlannedRuns.of(folder, plan, launcher, cluster)
    way = Way(launcher, jobs, cluster)
    way.check(study.manifest.launcher, study.manifest.cluster_settings)
    study = replace(study, manifest=replace(study.manifest, hydra=way.hydra() or study.manifest.hydra))
    say_if_too_few(study.configs.values(), plan.level_of_a_look)
    with going_on(f"go on with: eqntk decide {shown(folder)}", folder):
        analysis = _looks(study, way)
    raise typer.Exit(conclude(analysis, None, tracking))


def _looks(study: "PlannedRuns", way: Way) -> "Analysis":
    """Look after look; the analysis of the last one."""
    needed = set(study.configs)
    for number, look in enumerate(study.plan.looks, 1):
        idle, active = _without_active(study)
        missing = idle.prepare(look, needed)
        names = ", ".join(job.folder for job in missing) or "nothing to train"
        sys.stderr.write(f"look {number} of {len(study.plan.looks)}, {look} members: {names}\n")
        if active:
            sys.stderr.write(f"{', '.join(job.folder for job in active)}: in the queue already, and waited for\n")
        if missing or active:
            _train(study, missing, active, way)
        analysis = _analysis(study)
        needed = _open(analysis)
        for line in _standing(analysis):
            sys.stderr.write(f"  {line}\n")
        if not needed:
            break
    return analysis


def _without_active(study: "PlannedRuns") -> "tuple[PlannedRuns, list[Job]]":
    """The study without the runs that are in a queue or being made, and these.

    Raises:
        ConfigError: they cannot be waited for, or the queue does not answer.
    """
    from eqntk_cli.sweeps.status import overview

    manifest = study.manifest
    sweep = overview(study.folder, manifest)
    active = [run.job for run in sweep.runs if run.active]
    if manifest.launcher == "slurm" and sweep.trouble:
        raise ConfigError(f"{sweep.trouble} Without the queue it is not known what is missing.")
    if manifest.launcher != "slurm" and active:
        raise ConfigError(
            f"{', '.join(job.folder for job in active[:3])} of {study.folder} is in a queue or being made by another "
            "process; call eqntk decide again when it has ended (--launcher slurm waits for a queue)."
        )
    idle = tuple(job for job in manifest.jobs if job not in active)
    return replace(study, manifest=replace(manifest, jobs=idle)), active


def _train(study: "PlannedRuns", jobs: "Sequence[Job]", active: "Sequence[Job]", way: Way) -> None:
    """Make the runs `jobs`, and wait for those that are active, too.

    Raises:
        ConfigError, ClusterError: the cluster cannot run them.
        typer.Exit: status 2, whatever kept a run from its end; 1 would say that a pair is different.
    """
    from eqntk_cli.cli.sweep_cluster import arrays, check_cluster
    from eqntk_cli.cli.sweep_run import start

    if study.manifest.launcher == "slurm" and jobs:
        check_cluster(arrays(study.manifest, [(job, study.configs[job.folder]) for job in jobs]))
    try:
        start(study.folder, replace(study.manifest, jobs=(*jobs, *active)), jobs, way)
    except typer.Exit as error:
        raise typer.Exit(2) from error


def _analysis(study: "PlannedRuns") -> "Analysis":
    """The analysis of the runs of the plan, by the plan.

    Raises:
        ConfigError: a run was not begun under the plan as it stands.
    """
    from eqntk_cli.report.analysis import analyse
    from eqntk_cli.runs.plan import PLAN_FILE, plan_digest

    analysis = analyse([str(study.folder / job.folder) for job in study.manifest.jobs])
    sha256 = plan_digest(study.folder)
    if analysis.fixing.plan != sha256:
        others = [Path(run.path).name for run in analysis.runs if run.record.plan != sha256]
        raise ConfigError(
            f"{', '.join(others[:3]) or study.folder} was not begun under {study.folder / PLAN_FILE}, so that nothing "
            "is decided by it; move it out of the folder and call eqntk decide again, which makes it anew."
        )
    return analysis


def _open(analysis: "Analysis") -> set[str]:
    """Folders of the ensembles of which something is undecided."""
    folders = {run.record.run_id: Path(run.path).name for run in analysis.runs}
    parts: list[PairAnalysis | ControlAnalysis] = list(analysis.pairs)
    parts += [control for pair in analysis.pairs for control in pair.controls]
    undecided = [part for part in parts if part.verdict.outcome == _UNDECIDED]
    return {folders[run] for part in undecided for run in (part.run_a, part.run_b)}


def _standing(analysis: "Analysis") -> list[str]:
    lines = []
    for pair in analysis.pairs:
        lines.append(f"{pair.name}: {pair.verdict.outcome}, {pair.test.members_a} members")
        lines += [
            f"  control {control.control}: {control.verdict.outcome}, {control.comparison.members_a} members"
            for control in pair.controls
        ]
    return lines
