"""Where the yaml files are: inside the installed package, or beside it in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def conf_dir() -> Path:
    """The folder of the config groups."""
    return _shipped("conf")


def experiments_dir() -> Path:
    """The folder of the experiments."""
    return _shipped("experiments")


def _shipped(name: str) -> Path:
    # a wheel holds the folder inside the package, a checkout (or an editable install) beside it
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
