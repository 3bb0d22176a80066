"""From the settings of a sweep to its jobs: every run of the experiment for every combination of the grid."""

import itertools
import re
from dataclasses import dataclass, field

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from eqntk_cli.config.compose import one_line
from eqntk_cli.config.keys import check_overrides
from eqntk_cli.errors import ConfigError
from eqntk_cli.sweeps.experiment import Experiment, read_experiment

_LONGEST_NAME = 80


@dataclass(frozen=True)
class Job:
    """One run of a sweep: its number, its name and its folder in the sweep's, and its overrides."""

    number: int
    name: str
    folder: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Arguments:
    """The words of a command line, sorted: constant settings, lists of values, and what is not of a run."""

    constants: dict[str, str]
    grid: dict[str, list[str]]
    experiment: str | None = None
    runs: tuple[str, ...] | None = None
    cluster: dict[str, str] = field(default_factory=dict)  # cluster.KEY=VALUE: what a job asks for


def parse(words: list[str], own_options: bool = False) -> Arguments:
    """Sort the words `KEY=VALUE`; `KEY=A,B` and Hydra's range(...) and choice(...) are lists of values.

    Raises:
        ConfigError: a word that is no setting of a run.
    """
    special = {word.partition("=")[0]: word.partition("=")[2] for word in words if _is_special(word)}
    cluster = dict(_cluster_setting(word) for word in words if _of_cluster(word))
    words = [word for word in words if not _is_special(word) and not _of_cluster(word)]
    check_overrides(words, own_options)
    try:
        overrides = OverridesParser.create().parse_overrides(words)
    except HydraException as error:
        raise ConfigError(one_line(error)) from error
    constants: dict[str, str] = {}
    grid: dict[str, list[str]] = {}
    for word, override in zip(words, overrides, strict=True):
        if override.key_or_group.startswith(("hydra.", "hydra/")):
            raise ConfigError(
                f"{word} is not possible in a sweep; --launcher, --jobs, --cluster and --out say where and how it runs."
            )
        if override.is_sweep_override():
            grid[_key(override)] = [str(value) for value in override.sweep_string_iterator()]
        else:
            constants[_key(override)] = word.partition("=")[2]
    chosen = tuple(special["runs"].split(",")) if "runs" in special else None
    return Arguments(constants, grid, special.get("experiment"), chosen, cluster)


def expand(arguments: Arguments) -> tuple[Experiment | None, list[Job]]:
    """The jobs of a sweep, numbered, and the experiment that they belong to.

    Raises:
        ConfigError: no such experiment or run, or a setting that contradicts the experiment.
    """
    experiment = None if arguments.experiment is None else read_experiment(arguments.experiment)
    if experiment is None:
        if arguments.runs is not None:
            raise ConfigError("runs= chooses among the runs of an experiment; give experiment=NAME too.")
        return None, _jobs(Experiment(""), {"": {}}, arguments)
    return experiment, _jobs(experiment, _chosen(experiment, arguments), arguments)


def _jobs(experiment: Experiment, runs: dict[str, dict[str, str]], arguments: Arguments) -> list[Job]:
    given = {**arguments.constants, **arguments.grid}
    axes = {**{key: values for key, values in experiment.grid.items() if key not in given}, **arguments.grid}
    settings = {**experiment.settings, **arguments.constants}
    combinations: list[tuple[str, dict[str, str]]] = []
    for point in itertools.product(*axes.values()):
        varied = dict(zip(axes, point, strict=True))
        for name, fixed in runs.items():
            label = {} if not name or "label" in given else {"label": name}
            fixed = _following(fixed, {**settings, **varied})
            parts = [name, *(_short(key, value) for key, value in varied.items() if len(axes[key]) > 1)]
            combinations.append(("-".join(part for part in parts if part), {**settings, **label, **varied, **fixed}))
    combinations = _without_repeats(combinations)
    digits = len(str(len(combinations) - 1))
    return [
        Job(number, name, _folder(number, digits, name), tuple(f"{key}={value}" for key, value in values.items()))
        for number, (name, values) in enumerate(combinations)
    ]


def _following(fixed: dict[str, str], subject: dict[str, str]) -> dict[str, str]:
    """A control with another group keeps the step of its subjects, whatever group the command line gives them."""
    if "training.step_group" not in fixed or "group" not in subject:
        return fixed
    order = subject.get("group.order") if subject["group"] == "cn" else "null"
    followed = {} if order is None else {"training.step_group_order": order}
    return {**fixed, "training.step_group": subject["group"], **followed}


def _chosen(experiment: Experiment, arguments: Arguments) -> dict[str, dict[str, str]]:
    """The runs asked for; refuses what would make them something else."""
    runs = experiment.runs or {"": {}}
    names = arguments.runs or tuple(runs)
    unknown = [name for name in names if name not in runs]
    if unknown:
        raise ConfigError(f"runs={unknown[0]} is not in {experiment.name}; expected {' | '.join(runs)}.")
    chosen = {name: runs[name] for name in names}
    for key in (*arguments.constants, *arguments.grid):
        if all(key in fixed for fixed in chosen.values()):
            raise ConfigError(
                f"{key} is what tells the runs of {experiment.name} apart; choose among them with runs=NAME,NAME "
                f"({' | '.join(chosen)})."
            )
    for name, fixed in chosen.items():  # a control for another group must have another group
        group = fixed.get("group")
        asked = arguments.grid.get("group", [arguments.constants.get("group", "")])
        if fixed.get("control") == "other_group" and group in asked:
            others = ",".join(other for other in chosen if other != name)
            raise ConfigError(
                f"group={group} is also the group of the control {name} in {experiment.name}; take another group, or "
                f"leave that control out with runs={others}."
            )
    return chosen


def _without_repeats(combinations: list[tuple[str, dict[str, str]]]) -> list[tuple[str, dict[str, str]]]:
    """A run that pins an axis would be made once for every value of it: once is enough."""
    kept: dict[tuple[tuple[str, str], ...], tuple[str, dict[str, str]]] = {}
    for name, values in combinations:
        kept.setdefault(tuple(sorted(values.items())), (name, values))
    return list(kept.values())


def _is_special(word: str) -> bool:
    return word.startswith(("experiment=", "runs="))


def _of_cluster(word: str) -> bool:
    return word.startswith(("cluster.", "cluster="))


def _cluster_setting(word: str) -> tuple[str, str]:
    key, _, value = word.partition("=")
    if key == "cluster":
        raise ConfigError(f"{word} names a cluster file; write --cluster {value}.")
    return key.removeprefix("cluster."), value


def _key(override: Override) -> str:
    return str(override.get_key_element())


def _short(key: str, value: str) -> str:
    """`d4` for group=d4, `width64` for model.width=64."""
    return value if "." not in key and not value.isdigit() else key.rpartition(".")[2] + value


def _folder(number: int, digits: int, name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", name)[:_LONGEST_NAME].strip("_.")
    return f"{number:0{digits}d}_{plain}" if plain else f"{number:0{digits}d}"
