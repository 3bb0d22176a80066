"""The plan of a sweep: made from its checked runs before any of them begins."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from eqntk_cli.config.schema import Config
from eqntk_cli.errors import ConfigError
from eqntk_cli.files.atomic import names_in
from eqntk_cli.runs.plan import PLAN_FILE, Plan, PlannedRun, checked_plan, read_plan, settings_digest, write_plan
from eqntk_cli.sweeps.expand import Job
from eqntk_cli.sweeps.manifest import Manifest

KEYS = ("margin", "level", "steps", "looks")  # of a plan, as words of `eqntk plan`
_FIRST_UNITS = 8
_ENSEMBLES = ("augmented_ensemble", "gcnn_ensemble")


def sorted_words(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """What a plan fixes (margin=0.05, looks=[16,32]), and the settings of runs."""
    own = {word.partition("=")[0]: word.partition("=")[2] for word in words if word.partition("=")[0] in KEYS}
    return own, [word for word in words if word.partition("=")[0] not in KEYS]


def plan_of(manifest: Manifest, runs: Sequence[tuple[Job, Config]], own: dict[str, str], *, looks: bool) -> Plan | None:
    """The plan of an experiment; None where there are no ensembles of both kinds to be compared.

    Args:
        manifest: names the experiment.
        runs: checked.
        own: what the command line fixes, as text.
        looks: whether the first look has few members and the next ones twice as many each; else there is one.

    Raises:
        ConfigError: it could not be followed.
    """
    ensembles = [config for _, config in runs if config.model.name in _ENSEMBLES]
    if len({config.model.name for config in ensembles}) < 2:
        return None
    members = max(config.model.members for config in ensembles)
    per_unit = 2 if any(_antithetic(config) for config in ensembles) else 1
    planned = {job.folder: (PlannedRun(job.overrides, settings_digest(config)), config.role) for job, config in runs}
    plan = Plan(
        experiment=manifest.name,
        fixed=datetime.now().astimezone().isoformat(timespec="seconds"),
        members=members,
        looks=doubling(_FIRST_UNITS * per_unit, members) if looks else (members,),
        seeds=tuple(sorted({config.seed for _, config in runs})),
        runs={name: run for name, (run, role) in planned.items() if role != "control"},
        controls={name: run for name, (run, role) in planned.items() if role == "control"},
        config_dir=manifest.config_dir,
    )
    plan = _with(plan, own)
    recorded = {step for config in ensembles for step in _recorded(config)}
    absent = [step for step in plan.steps or () if step not in recorded]
    if absent:
        raise ConfigError(
            f"steps={list(plan.steps or ())} is not possible: step {absent[0]} is not recorded; recorded are "
            f"{sorted(recorded)} (training.record_steps)."
        )
    if looks:
        check_looks(plan, {job.folder: config for job, config in runs})
    return plan


def check_looks(plan: Plan, configs: Mapping[str, Config]) -> None:
    """Refuse looks at numbers of members that an ensemble cannot have, before anything is trained.

    Raises:
        ConfigError: names the look and the run.
    """
    from eqntk_cli.architectures.checks import check

    for look in plan.looks:
        for name, config in configs.items():
            if config.model.name not in _ENSEMBLES:
                continue
            try:
                check(replace(config, model=replace(config.model, members=look)))
            except ConfigError as error:
                raise ConfigError(f"look at {look} members, run {name}: {error}") from error


def doubling(first: int, largest: int) -> tuple[int, ...]:
    """first, 2 first, 4 first, ... and the largest."""
    looks = []
    while first < largest:
        looks.append(first)
        first *= 2
    return (*looks, largest)


def holds_plan_alone(folder: Path) -> bool:
    """Whether a folder holds a plan and nothing else: the study is to be run there."""
    return folder.is_dir() and names_in(folder) == {PLAN_FILE}


def keep_plan(folder: Path, plan: Plan) -> Plan:
    """Write the plan into the folder of a sweep, or take the one that is there if it is of the same runs.

    Raises:
        ConfigError: the plan that is there is of another experiment, of other settings, or of fewer members.
    """
    if not (folder / PLAN_FILE).is_file():
        write_plan(folder, plan)
        return plan
    kept = read_plan(folder)
    if kept.experiment != plan.experiment:
        raise ConfigError(
            f"{folder / PLAN_FILE} is the plan of experiment={kept.experiment}, not of {plan.experiment}; give a new "
            "folder."
        )
    mine, its = ({**study.runs, **study.controls} for study in (plan, kept))
    differing = sorted(name for name in {*mine, *its} if _digest(mine.get(name)) != _digest(its.get(name)))
    if differing:
        raise ConfigError(
            f"{folder / PLAN_FILE} holds other runs or settings ({differing[0]}); give the settings that the plan was "
            "made with, or a new folder."
        )
    if plan.members > kept.members:
        raise ConfigError(
            f"model.members={plan.members} is not possible; {folder / PLAN_FILE} allows at most {kept.members}: give "
            "that number or fewer, or a new folder."
        )
    return kept


def _with(plan: Plan, own: dict[str, str]) -> Plan:
    """The plan with what the command line fixes.

    Raises:
        ConfigError: a value that is none.
    """
    changes: dict[str, object] = {}
    for key, text in own.items():
        try:
            if key not in ("steps", "looks"):
                changes[key] = float(text)
            elif (key, text) == ("steps", "all"):
                changes[key] = None
            else:
                changes[key] = tuple(int(number) for number in text.strip("[]").split(","))
        except ValueError as error:
            legal = "whole numbers such as [16,32]" if key in ("steps", "looks") else "a number"
            raise ConfigError(f"{key}={text} is not possible; expected {legal}.") from error
    return checked_plan(replace(plan, **changes), "plan")  # type: ignore[arg-type]


def _digest(run: PlannedRun | None) -> str | None:
    return None if run is None else run.sha256


def _antithetic(config: Config) -> bool:
    from eqntk_cli.config.checks import is_antithetic

    return is_antithetic(config)


def _recorded(config: Config) -> tuple[int, ...]:
    from eqntk_cli.training.schedule import record_steps  # imports jax

    return record_steps(config.training)
