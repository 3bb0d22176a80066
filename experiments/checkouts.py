"""Which code was measured."""

import subprocess
from pathlib import Path


def commit(folder: Path) -> str:
    """The commit of a checkout; with "-changed" where its package is not as it was committed."""
    name = subprocess.run(
        ["git", "describe", "--always", "--exclude", "*"], cwd=folder, capture_output=True, text=True, check=True
    )
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "eqntk_cli"], cwd=folder, check=False).returncode
    return name.stdout.strip() + "-changed" * bool(changed)
