"""Every key that a run understands, from the schema and the files in conf/.

One index serves three: `--help` lists from it, the shell completes from it, and a misspelt key or option is answered
with the nearest legal one. It needs no Hydra and is fast.
"""

import dataclasses
import difflib
from functools import cache
from typing import Any

from eqntk_cli.config import schema
from eqntk_cli.config.yaml_files import conf_dir
from eqntk_cli.errors import ConfigError

LEGAL_VALUES: dict[str, tuple[str, ...]] = {
    "dataset.ood": schema.OODS,
    "dataset.labels": schema.LABELS,
    "dataset.baseline": schema.BASELINES,
    "architecture.padding": schema.PADDINGS,
    "architecture.readout": schema.READOUTS,
    "architecture.group_support": schema.SUPPORTS,
    "model.augmentation": schema.AUGMENTATIONS,
    "model.route": schema.ROUTES,
    "model.antithetic": ("auto", "true", "false"),
    "training.optimizer": schema.OPTIMIZERS,
    "training.loss": schema.LOSSES,
    "tracking.mode": schema.TRACKING_MODES,
    "coupling": schema.COUPLINGS,
    "role": ("subject", "control"),
    "control": (*schema.CONTROLS, "null"),
    "precision": schema.PRECISIONS,
}
_OF_A_SWEEP = ("experiment", "runs")
_NOT_OF_A_RUN = ("cluster",)  # config groups of the launcher


@cache
def groups() -> dict[str, tuple[str, ...]]:
    """The config groups of a run and their options: `{"group": ("c1", "c2", ...), ...}`."""
    folders = sorted(folder for folder in conf_dir().iterdir() if folder.is_dir())
    return {folder.name: options(folder.name) for folder in folders if folder.name not in _NOT_OF_A_RUN}


@cache
def options(group: str) -> tuple[str, ...]:
    """The options of one config group, from its files and from the files in its folders."""
    folder = conf_dir() / group
    return tuple(sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.yaml")))


@cache
def keys() -> tuple[str, ...]:
    """Every single setting with dots: `model.width`, `seed`, ..."""
    return tuple(_fields(schema.Config, ""))


def legal_values(key: str) -> tuple[str, ...]:
    """The words that a key or config group takes; empty where it takes numbers or free text."""
    if key in groups():
        return groups()[key]
    return LEGAL_VALUES.get(key, ("true", "false") if key in _switches() else ())


def check_overrides(overrides: list[str], own_options: bool = False) -> None:
    """Refuse overrides with a key or an option that does not exist, naming the nearest that does.

    Args:
        overrides: `KEY=VALUE`, in Hydra's grammar.
        own_options: whether a folder of the user's may hold further options.

    Raises:
        ConfigError: the first override that is wrong.
    """
    for override in overrides:
        if any("\ud800" <= letter <= "\udfff" for letter in override):  # a byte that the shell's encoding has not
            shown = override.encode("utf-8", "backslashreplace").decode()
            raise ConfigError(f"{shown} is no text in UTF-8; write the setting in UTF-8, or choose other letters.")
        text = override.lstrip("+~")
        key, equals, value = text.partition("=")
        key = key.partition("@")[0]
        if not equals and not override.startswith("~"):
            raise ConfigError(f"'{override}' is not KEY=VALUE; {_suggest(text, _all_keys())}.")
        if key.startswith(("hydra.", "hydra/")):
            continue
        if key in _OF_A_SWEEP:
            raise ConfigError(f"{key}= belongs to `eqntk sweep`, which runs several; a single run is settings alone.")
        if key not in _all_keys():
            raise ConfigError(f"{key} is not a setting; {_suggest(key, _all_keys())}.")
        if key in groups() and not own_options:
            _check_options(key, value)


def _check_options(group: str, value: str) -> None:
    known = groups()[group]
    for option in value.split(","):
        word = option.strip()
        if word.isidentifier() and word not in known:
            near = difflib.get_close_matches(word, known, n=1, cutoff=0.4) or [name for name in known if word in name]
            hint = f"the nearest is {near[0]}; all: " if near else "expected "
            raise ConfigError(f"{group}={word} is not known; {hint}{' | '.join(known)}.")


def _suggest(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if not near:  # the right name in the wrong place: width -> model.width
        ends = {key.rpartition(".")[2]: key for key in known}
        near = [ends[end] for end in difflib.get_close_matches(word.rpartition(".")[2], ends, n=1, cutoff=0.6)]
    return f"the nearest is {near[0]}" if near else "`eqntk train --help` lists them"


@cache
def _all_keys() -> tuple[str, ...]:
    return (*groups(), *(key for key in keys() if key not in groups()))


@cache
def _switches() -> tuple[str, ...]:
    return tuple(key for key in keys() if isinstance(_default(key), bool))


def _default(key: str) -> Any:
    value: Any = schema.Config()
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _fields(kind: type, prefix: str) -> list[str]:
    names: list[str] = []
    for entry in dataclasses.fields(kind):
        inner = isinstance(entry.type, type) and dataclasses.is_dataclass(entry.type)
        names += _fields(entry.type, f"{prefix}{entry.name}.") if inner else [prefix + entry.name]  # type: ignore[arg-type]
    return names
