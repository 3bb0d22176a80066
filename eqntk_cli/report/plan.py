"""What was fixed before looking: the settings of a report from the plan of its runs, and what may be said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eqntk_cli.errors import ConfigError
from eqntk_cli.report.findings.comparison import Settings
from eqntk_cli.report.paper.table import setting
from eqntk_cli.report.read.remote import cache_folder
from eqntk_cli.report.read.runs import Run
from eqntk_cli.runs.plan import PLAN_FILE, Plan, read_plan, require_plan_unchanged

CHOSEN = "margin and steps chosen when the report was made"


@dataclass(frozen=True)
class Fixing:
    """When margin, level and steps were chosen."""

    words: str  # a clause
    plan: str | None = None  # sha256; None: chosen when the report was made
    fixed: str | None = None  # ISO 8601 with time zone
    experiment: str | None = None
    looks: tuple[int, ...] = ()


def settings_of(
    runs: Sequence[Run], margin: float | None, level: float, resamples: int, seed: int
) -> tuple[Settings, Fixing]:
    """The settings of a report, from the plan that all its runs were begun under, or as they were asked for.

    Args:
        runs: all runs of the report.
        margin: asked for; None: that of the plan, or 10 %.
        level: without a plan.
        resamples: of every test.
        seed: of the resampling.

    Raises:
        StorageError: a plan was edited after a run had begun under it.
        ConfigError: the plan cannot be followed, or a run is not as it allows.
    """
    downloaded = [run for run in runs if run.record.plan is not None and run.folder.parent == cache_folder().resolve()]
    for run in runs:
        if run.record.plan is not None and run not in downloaded:
            require_plan_unchanged(run.folder, run.record.plan)
    shared = {(run.record.plan, run.folder.parent) for run in runs}
    asked = Settings(margin=0.1 if margin is None else margin, level=level, resamples=resamples, seed=seed)
    if downloaded:
        return asked, Fixing(f"{CHOSEN}; the plan of runs that were downloaded is not at hand")
    if len(shared) != 1 or None in {sha256 for sha256, _ in shared}:
        planned = [run.folder.name for run in runs if run.record.plan is not None]
        some = f"; only some of the runs are of a plan ({', '.join(planned[:3])})" if planned else ""
        return asked, Fixing(CHOSEN + some)
    ((sha256, folder),) = shared
    plan = read_plan(folder)
    if margin is not None:
        return asked, Fixing(f"{CHOSEN} (--margin {setting(margin)}, the plan has {setting(plan.margin)})")
    _check(runs, plan, folder)
    settings = Settings(
        margin=plan.margin,
        level=plan.level_of_a_look,
        resamples=resamples,
        seed=seed,
        steps=plan.steps,
        looks=plan.looks,
    )
    words = f"fixed at {plan.fixed}, before the first member was trained (plan {str(sha256)[:12]})"
    return settings, Fixing(words + _looked(runs, plan), sha256, plan.fixed, plan.experiment, plan.looks)


def _check(runs: Sequence[Run], plan: Plan, folder: Path) -> None:
    for run in runs:
        record, name = run.record, run.folder.name
        part = plan.controls if record.role == "control" else plan.runs
        if name not in part:
            raise ConfigError(
                f"{folder / PLAN_FILE} (experiment={plan.experiment}) has no {record.role} {name}; leave the run out."
            )
        if (record.members or 0) > plan.members:
            raise ConfigError(
                f"{run.folder} has {record.members} members, and its plan allows {plan.members}; --margin "
                f"{plan.margin} makes a report without the plan."
            )
        missing = [step for step in plan.steps or () if step not in record.record_steps]
        if missing:
            raise ConfigError(f"{run.folder}: step {missing[0]} of its plan is not recorded; make the run again.")


def _looked(runs: Sequence[Run], plan: Plan) -> str:
    """Level of one look, and members that were not planned to be looked at."""
    several = len(plan.looks) > 1
    words = f"; level {setting(plan.level)} over {len(plan.looks)} looks" if several else ""
    odd = {run.record.members_done for run in runs if run.is_ensemble} - {*plan.looks}
    return words + (f"; {min(odd)} members are no look of the plan" if odd else "")
