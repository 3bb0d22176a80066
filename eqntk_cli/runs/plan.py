"""plan.yaml: margin, counted steps, level, looks and runs of a study, fixed before the first member is trained.

The file lies in the folder of the study, beside the folders of its runs. Its sha256 goes into the record of a run
before the first step, so that neither can be changed afterwards without it being seen. What no hash can show is whether
the same study was tried before, with other seeds or under another plan, and thrown away.

Flat keys stand first, one per line, then the runs and the controls with their settings and a fingerprint of these.
"""

import json
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from eqntk_cli.config.schema import Config
from eqntk_cli.errors import ConfigError, StorageError
from eqntk_cli.files.atomic import write_text
from eqntk_cli.files.digest import file_digest, text_digest
from eqntk_cli.runs.folder import decisive

PLAN_FILE = "plan.yaml"
SCHEMA = 1
STATISTICS = ("upper bound", "simultaneous lower bound", "worst point")
_ALL = "all"  # every recorded step after the start
_HEAD = (
    "# Fixed before looking: the sha256 of this file stands in the record of every run. Do not change it any more.\n"
)
_LOOKED = ("model.members",)  # settings that a look changes


@dataclass(frozen=True)
class PlannedRun:
    """The settings of one run as overrides, and the fingerprint of what they come to."""

    settings: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class Plan:
    """What is fixed before looking."""

    experiment: str
    fixed: str  # ISO 8601 with time zone
    members: int  # the largest number, of each ensemble
    looks: tuple[int, ...]  # members at each look; the level is divided among them
    seeds: tuple[int, ...]
    runs: dict[str, PlannedRun]  # by the name of their folder
    controls: dict[str, PlannedRun]
    margin: float = 0.1  # share of the RMS prediction
    level: float = 0.05  # chance of a wrong answer of either kind, all looks together
    steps: tuple[int, ...] | None = None  # that count; None: every recorded one after the start
    config_dir: str | None = None

    @property
    def level_of_a_look(self) -> float:
        """Bonferroni: whatever is done at one look, all together err no more often than the level."""
        return self.level / len(self.looks)

    def run(self, name: str) -> PlannedRun | None:
        """The run in this folder."""
        return self.runs.get(name) or self.controls.get(name)


def write_plan(folder: Path, plan: Plan) -> None:
    """Write plan.yaml, whole or not at all."""
    steps = _ALL if plan.steps is None else list(plan.steps)
    flat = {
        "schema": SCHEMA,
        "experiment": plan.experiment,
        "fixed": plan.fixed,
        "margin": plan.margin,
        "level": plan.level,
        "steps": steps,
        "statistics": list(STATISTICS),
        "looks": list(plan.looks),
        "members": plan.members,
        "seeds": list(plan.seeds),
        "config_dir": plan.config_dir,
    }
    lines = [_HEAD, *(f"{key}: {_line(value)}\n" for key, value in flat.items())]
    for part, runs in (("runs", plan.runs), ("controls", plan.controls)):
        entries = [
            f"  {_line(name)}: {_line({'sha256': run.sha256, 'settings': list(run.settings)})}\n"
            for name, run in runs.items()
        ]
        lines += [f"{part}:\n" if entries else f"{part}: {{}}\n", *entries]
    write_text(folder / PLAN_FILE, "".join(lines))


def read_plan(folder: Path) -> Plan:
    """The plan of a study.

    Raises:
        ConfigError: there is none, or it cannot be followed; says why.
    """
    path = folder / PLAN_FILE
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{folder} holds no {PLAN_FILE}; make one with eqntk plan experiment=NAME --out DIR."
        ) from error
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({' '.join(str(error).split())}); make the plan again.") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ConfigError(f"{path} is no plan of schema {SCHEMA}; make one with eqntk plan experiment=NAME --out DIR.")
    try:
        return checked_plan(_from(content), str(path))
    except ConfigError:  # a ValueError, too
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path} is damaged ({type(error).__name__}: {error}); make the plan again.") from error


def checked_plan(plan: Plan, where: str) -> Plan:
    """The plan, if it can be followed.

    Raises:
        ConfigError: names the key, its value and what is legal.
    """
    increasing = all(one < two for one, two in zip(plan.looks, plan.looks[1:], strict=False))
    looks = bool(plan.looks) and plan.looks[0] >= 2 and increasing
    steps = plan.steps is None or (
        bool(plan.steps) and plan.steps == tuple(sorted({*plan.steps})) and plan.steps[0] > 0
    )
    demands = (
        (isfinite(plan.margin) and plan.margin > 0, "margin", plan.margin, "a positive share such as 0.1"),
        (0 < plan.level < 1, "level", plan.level, "a chance between 0 and 1, such as 0.05"),
        (steps, "steps", plan.steps, f"{_ALL}, or increasing step numbers after 0"),
        (looks, "looks", plan.looks, "increasing numbers of members from 2 on"),
        (
            not looks or plan.looks[-1] <= plan.members,
            "looks",
            plan.looks,
            f"at most members={plan.members}, the largest number of members",
        ),
    )
    for fine, key, value, legal in demands:
        if not fine:
            said = list(value) if isinstance(value, tuple) else value
            raise ConfigError(f"{where}: {key}={said} is not possible; expected {legal}.")
    return plan


def require_controls(plan: Plan, where: str) -> None:
    """Refuse a plan that could not tell agreement from blindness.

    Raises:
        ConfigError: it has no control.
    """
    if not plan.controls:
        raise ConfigError(
            f"{where}: experiment={plan.experiment} has no run with role=control, without which no verdict counts; add "
            "one (control=no_augmentation, for instance)."
        )


def plan_digest(folder: Path) -> str | None:
    """The sha256 of plan.yaml in a folder; None where there is none."""
    path = folder / PLAN_FILE
    return file_digest(path) if path.is_file() else None


def settings_digest(config: Config) -> str:
    """Fingerprint of the settings that predictions depend on, without the number of members, which looks change."""
    settings = decisive(OmegaConf.to_container(OmegaConf.structured(config)))
    kept = {key: value for key, value in settings.items() if key not in _LOOKED}
    return text_digest(json.dumps(sorted(kept.items()), default=str))


def plan_of_run(folder: Path, config: Config) -> str | None:
    """The sha256 of the plan that a run is about to begin under; None of a run that no plan beside it knows.

    Raises:
        ConfigError: the plan cannot be followed, or holds this run with other settings.
    """
    if not (folder.parent / PLAN_FILE).is_file():
        return None
    plan = read_plan(folder.parent)
    planned = plan.run(folder.name)
    if planned is None:
        return None
    if planned.sha256 != settings_digest(config):
        raise ConfigError(
            f"{folder.parent / PLAN_FILE} holds {folder.name} with other settings (experiment={plan.experiment}); "
            "start the study in a new folder, which makes a new plan."
        )
    if (config.model.members or 0) > plan.members and config.model.name != "ntk":
        raise ConfigError(
            f"model.members={config.model.members} of {folder} is not possible; the plan beside it allows at most "
            f"{plan.members}."
        )
    return plan_digest(folder.parent)


def require_plan_unchanged(folder: Path, sha256: str) -> None:
    """Refuse to go on with a run whose plan is another one by now.

    Raises:
        StorageError: plan.yaml was changed or is gone.
    """
    digest = plan_digest(folder.parent)
    if digest != sha256:
        what = "is gone" if digest is None else "was edited"
        raise StorageError(
            f"{folder.parent / PLAN_FILE} {what} after {folder.name} was begun under it (plan {sha256[:12]}); restore "
            "it from a copy."
        )


def _from(content: dict[str, Any]) -> Plan:
    runs, controls = (
        {
            str(name): PlannedRun(tuple(map(str, entry["settings"])), str(entry["sha256"]))
            for name, entry in part.items()
        }
        for part in (content["runs"] or {}, content["controls"] or {})
    )
    steps = content["steps"]
    return Plan(
        experiment=str(content["experiment"]),
        fixed=str(content["fixed"]),
        members=int(content["members"]),
        looks=tuple(map(int, content["looks"])),
        seeds=tuple(map(int, content["seeds"])),
        runs=runs,
        controls=controls,
        margin=float(content["margin"]),
        level=float(content["level"]),
        steps=None if steps == _ALL else tuple(map(int, steps)),
        config_dir=content["config_dir"],
    )


def _line(value: Any) -> str:
    """A value of yaml on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True, sort_keys=False)
    return str(text).removesuffix("\n").removesuffix("\n...")
