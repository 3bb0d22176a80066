"""What can go wrong through a user's doing, and the exit status that says so.

Every message says what was expected, what came and what to do next. The command line prints it on one
line, without a traceback, and leaves with `exit_code`.
"""

import json
import shlex
import sys
from importlib import metadata, util
from urllib.parse import unquote, urlparse


class UserError(Exception):
    """A mistake or a condition that the user can mend (exit status 2)."""

    exit_code = 2


class ConfigError(UserError):
    """A setting, or a combination of settings, that cannot be run; names the key and the legal values."""


class DataError(UserError):
    """Data that is missing, damaged or not what its description says; names the file or the sample."""


class NumericalError(UserError):
    """A computation that left the range in which its result means anything (divergence, singular matrix)."""


class StorageError(UserError):
    """A result that cannot be written or read back (full disk, damaged store, run still being written)."""


class DiskError(StorageError):
    """The disk is full or a folder cannot be written; how to go on is added by the command that is running."""


class DeviceMemoryError(ConfigError):
    """A device has too little memory; what makes the work smaller is added by the command that is running."""


class HeldError(StorageError):
    """Another process is writing there."""


class ClusterError(UserError):
    """A cluster that refuses a job, or does not answer; says what it was asked for."""


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
