"""Where a result comes from: versions, commit, machine and command line."""

import os
import platform
import resource
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import eqntk_cli

PACKAGES = ("jax", "jaxlib", "flax", "optax", "e3nn-jax", "numpy", "scipy", "xarray", "zarr")
DECISIVE = ("eqntk", "jax", "jaxlib", "flax", "optax", "numpy")  # another version may give other last digits


def versions() -> dict[str, str]:
    """Versions of this program, of Python and of the packages that results depend on."""
    installed = {"eqntk": eqntk_cli.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


def git_commit() -> str | None:
    """The commit of the checkout that this program runs from, "+" behind it when files differ from the commit.

    None for an installed package: a repository further up, in which the environment may lie, says nothing about it.
    """
    root = Path(eqntk_cli.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "eqntk_cli")
    return commit + "+" if changed else commit


def host() -> str:
    """Name of the machine."""
    return platform.node()


def command() -> str:
    """The command line, as one could type it again."""
    return shlex.join([os.path.basename(sys.argv[0]), *sys.argv[1:]])


def peak_memory_bytes() -> int:
    """The largest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def _git(root: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
