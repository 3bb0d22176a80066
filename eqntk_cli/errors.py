"""What can go wrong through a user's doing, and the exit status that says so.

Every message says what was expected, what came and what to do next. The command line prints it on one
line, without a traceback, and leaves with `exit_code`. For callers from Python a wrong setting and wrong data are a
ValueError, as scikit-learn has it: a handler of ValueError around code that raises them lets them pass first.
"""

import json
import shlex
import sys
from importlib import metadata, util
from urllib.parse import unquote, urlparse


class UserError(Exception):
    """A mistake or a condition that the user can mend (exit status 2).

    Examples:
        >>> from eqntk_cli.errors import ConfigError, UserError
        >>> from eqntk_cli.groups.registry import get_group
        >>> from eqntk_cli.config.schema import GroupConfig
        >>> try:
        ...     get_group(GroupConfig("c3"))
        ... except UserError as error:
        ...     print(error.exit_code, type(error).__name__, str(error)[:8])
        2 ConfigError group=c3
    """

    exit_code = 2


class ConfigError(UserError, ValueError):
    """A setting, or a combination of settings, that cannot be run; names the key and the legal values.

    Examples:
        >>> issubclass(ConfigError, ValueError)  # as scikit-learn and its users expect of a wrong value
        True
    """


class DataError(UserError, ValueError):
    """Data that is missing, damaged or not what its description says; names the file or the sample.

    Examples:
        >>> issubclass(DataError, ValueError)
        True
    """


class NumericalError(UserError, ArithmeticError):
    """A computation that left the range in which its result means anything (divergence, singular matrix).

    Examples:
        >>> issubclass(NumericalError, ArithmeticError)
        True
    """


class StorageError(UserError):
    """A result that cannot be written or read back (full disk, damaged store, run still being written).

    Examples:
        >>> [error.__name__ for error in StorageError.__subclasses__()[:2]]
        ['DiskError', 'HeldError']
    """


class DiskError(StorageError):
    """The disk is full or a folder cannot be written; how to go on is added by the command that is running."""


class DeviceMemoryError(ConfigError):
    """A device has too little memory; what makes the work smaller is added by the command that is running."""


class HeldError(StorageError):
    """Another process is writing there."""


class ClusterError(UserError):
    """A cluster that refuses a job, or does not answer; says what it was asked for."""


def out_of_memory(error: Exception) -> bool:
    """Whether a computation has ended because a device has too little memory: smaller pieces of it may do."""
    return "RESOURCE_EXHAUSTED" in str(error)


def how_to_install(requirement: str) -> str:
    """The command that adds a package, or an extra of this program ("eqntk[slurm]"), to the environment in use.

    An environment made by uv has no pip; a checkout is not on any index, so an extra is installed from its folder.
    """
    name, bracket, extra = requirement.partition("[")
    place = _checkout(name)
    words = [requirement] if place is None else ["-e", place + bracket + extra]
    pip = ["pip"] if util.find_spec("pip") is not None else ["uv", "pip"]
    python = ["--python", sys.executable] if pip[0] == "uv" else []
    return shlex.join([*pip, "install", *python, *words])


def _checkout(name: str) -> str | None:
    """The folder from which a package is used directly; None if it was installed from elsewhere."""
    try:
        source = json.loads(metadata.distribution(name).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return None
    address = str(source.get("url", ""))
    return unquote(urlparse(address).path) if source.get("dir_info", {}).get("editable") else None
