"""What stands in a run folder besides record and predictions: the settings, and the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from eqntk_cli.config.schema import Config
from eqntk_cli.errors import StorageError
from eqntk_cli.files.atomic import disk_errors, write_text
from eqntk_cli.runs.contents import CONFIG_FILE, LOG_FILE

LOGGER = "eqntk.runs"


def write_config(folder: Path, config: Config) -> None:
    """Write the settings, fully resolved, to config.yaml.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    write_text(folder / CONFIG_FILE, OmegaConf.to_yaml(OmegaConf.structured(config), resolve=True))


def read_config(folder: Path) -> Config:
    """The settings of a run folder.

    Raises:
        StorageError: there are none, or they are not what this program writes.
        ConfigError: a value is out of range.
    """
    path = folder / CONFIG_FILE
    try:
        settings = OmegaConf.merge(OmegaConf.structured(Config), _BEFORE, OmegaConf.load(path))
        return cast(Config, OmegaConf.to_object(settings))
    except FileNotFoundError as error:
        raise StorageError(f"{folder} is not a run folder (no {CONFIG_FILE}); see `eqntk runs list`.") from error
    except (OmegaConfBaseException, YAMLError, UnicodeDecodeError, TypeError) as error:
        said = str(error).splitlines()[0]
        raise StorageError(f"{path} is damaged ({said}); restore it from a copy or start a new run.") from error


def as_begun(folder: Path, config: Config) -> Config:
    """The settings, with what the run in the folder was begun without as it was then, unless it is asked for now."""
    try:
        begun = OmegaConf.load(folder / CONFIG_FILE)
    except (OSError, YAMLError, UnicodeDecodeError):
        return config  # a new run, or one that `read_config` refuses
    if config.model.antithetic != "auto" or OmegaConf.select(begun, "model.antithetic") is not None:
        return config
    return replace(config, model=replace(config.model, antithetic=False))


def difference(before: Config, now: Config) -> str | None:
    """The first setting, by its key, in which two configurations would not give the same predictions."""
    old, new = (decisive(OmegaConf.to_container(OmegaConf.structured(config))) for config in (before, now))
    for key in sorted(old | new):
        if old.get(key) != new.get(key):
            return f"{key} was {old.get(key)} and is now {new.get(key)}"
    return None


def decisive(settings: object) -> dict[str, object]:
    """The settings that predictions depend on, by their keys with dots, from nested dictionaries.

    Where the data are does not count; they have a fingerprint of their own.
    """
    return {key: value for key, value in _flat(settings, "").items() if not key.startswith(_HARMLESS)}


@contextmanager
def logging_to(folder: Path) -> Iterator[logging.Logger]:
    """A logger that appends to eqntk.log of the run folder; a full disk does not make it fail."""
    logger = logging.getLogger(LOGGER)
    with disk_errors(folder):
        handler = _QuietHandler(folder / LOG_FILE, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False  # the console has the progress bar; lines of the log would tear it
    logger.addHandler(handler)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.level, logger.propagate = before


# how runs were made before a setting was there, where that is not its default
_BEFORE: dict[str, object] = {"model": {"antithetic": False}}
_HARMLESS = ("tracking", "label", "dataset.root", "dataset.url", "model.block_size", "model.shards")


class _QuietHandler(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Lose the line; the run matters more."""


def _flat(tree: object, prefix: str) -> dict[str, object]:
    if not isinstance(tree, dict):
        return {prefix: tree}
    below = [_flat(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in tree.items()]
    return {key: value for part in below for key, value in part.items()}
