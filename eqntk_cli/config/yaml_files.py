"""The yaml files of config groups, clusters and experiments: where they lie, and how a user's own ones are read."""

from pathlib import Path
from typing import Any

from eqntk_cli.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parents[1]


def conf_dir() -> Path:
    """The folder of the config groups."""
    return _shipped("conf")


def experiments_dir() -> Path:
    """The folder of the experiments."""
    return _shipped("experiments")


def read_yaml(path: Path) -> Any:
    """What a yaml file holds.

    Raises:
        ConfigError: it is not yaml.
    """
    import yaml  # a list of the options needs the names of the files alone

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not yaml: {' '.join(str(error).split())}.") from error


def as_mapping(content: Any, name: str) -> dict[str, Any]:
    """The keys and values of a part of such a file; none where it is empty.

    Raises:
        ConfigError: it is something else; `name` says which part.
    """
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{name} is a {type(content).__name__}; expected `key: value` lines.")
    return {str(key): value for key, value in content.items()}


def _shipped(name: str) -> Path:
    # a wheel holds the folder inside the package, a checkout (or an editable install) beside it
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
