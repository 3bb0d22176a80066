"""An experiment: one question, with the runs that answer it and their roles.

    question: ...     what is asked
    claim: ...        what theory says
    settings: {...}   of every run; a setting on the command line takes their place
    grid: {...}       key -> values; every run is made for every combination
    runs: {...}       name -> settings that make this run what it is; the command line does not change these

Files stand in `experiments/`; a path to a file of one's own does as well.
"""

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eqntk_cli.config.yaml_files import as_mapping, experiments_dir, read_yaml
from eqntk_cli.errors import ConfigError

Values = dict[str, str]


@dataclass(frozen=True)
class Experiment:
    """What an experiment file says; values as they stand in an override."""

    name: str
    question: str = ""
    claim: str = ""
    settings: Values = field(default_factory=dict)
    grid: dict[str, list[str]] = field(default_factory=dict)
    runs: dict[str, Values] = field(default_factory=dict)


def experiment_names() -> tuple[str, ...]:
    """The experiments that come with the program."""
    return tuple(sorted(file.stem for file in experiments_dir().glob("*.yaml")))


def read_experiment(name: str) -> Experiment:
    """An experiment by its name, or from a file of the user's (`my/file.yaml`).

    Raises:
        ConfigError: there is none, or the file is not an experiment.
    """
    own = name.endswith((".yaml", ".yml"))
    path = Path(name) if own else experiments_dir() / f"{name}.yaml"
    if not path.is_file():
        near = difflib.get_close_matches(name, experiment_names(), n=1)
        hint = f"the nearest is {near[0]}; all: " if near else "expected a yaml file of your own, or "
        raise ConfigError(f"experiment={name} is not there; {hint}{' | '.join(experiment_names())}.")
    return _validated(path, read_yaml(path))


def as_value(value: Any) -> str:
    """A value from yaml in the grammar of an override."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return "[" + ",".join(as_value(item) for item in value) + "]"
    return str(value)


def _validated(path: Path, content: Any) -> Experiment:
    legal = ("question", "claim", "settings", "grid", "runs")
    if not isinstance(content, dict) or not set(content) <= set(legal):
        unexpected = sorted(set(content) - set(legal)) if isinstance(content, dict) else type(content).__name__
        raise ConfigError(f"{path} holds {unexpected}; an experiment has {' | '.join(legal)}.")
    grid = as_mapping(content.get("grid"), f"{path}: grid")
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"{path}: grid {key}={values} is not possible; expected a list of values.")
    runs = as_mapping(content.get("runs"), f"{path}: runs")
    return Experiment(
        name=path.stem,
        question=str(content.get("question", "")).strip(),
        claim=str(content.get("claim", "")).strip(),
        settings=_values(path, "settings", content.get("settings")),
        grid={key: [as_value(value) for value in values] for key, values in grid.items()},
        runs={name: _values(path, f"run {name}", values) for name, values in runs.items()},
    )


def _values(path: Path, part: str, content: Any) -> Values:
    return {key: as_value(value) for key, value in as_mapping(content, f"{path}: {part}").items()}
