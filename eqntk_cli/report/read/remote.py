"""Runs that lie in Weights & Biases: their artifacts are downloaded into a local cache and read from there."""

import os
from pathlib import Path

from eqntk_cli.errors import StorageError
from eqntk_cli.runs.contents import RECORD_FILE

PREFIX = "wandb:"


def is_remote(path: str) -> bool:
    """Whether this names a run by its Weights & Biases path, [wandb:]entity/project/run."""
    parts = path.removeprefix(PREFIX).split("/")
    return path.startswith(PREFIX) or (len(parts) == 3 and all(parts) and not path.startswith(("/", ".", "~")))


def cache_folder() -> Path:
    """Where downloaded runs are kept: $XDG_CACHE_HOME/eqntk/runs or ~/.cache/eqntk/runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eqntk" / "runs"


def download(path: str, into: Path | None = None) -> Path:
    """The run folder among the artifacts of a run; downloaded once.

    Raises:
        StorageError: the path is not entity/project/run, nobody answers, or the run keeps no run folder there.
    """
    name = path.removeprefix(PREFIX)
    if len([part for part in name.split("/") if part]) != 3:
        raise StorageError(f"{path} is not a path of Weights & Biases; expected wandb:entity/project/run.")
    folder = (into or cache_folder()) / name.replace("/", "__")
    if not (folder / RECORD_FILE).is_file():
        _fetch(name, folder)
    if not (folder / RECORD_FILE).is_file():
        raise StorageError(f"the run {name} keeps no artifact with a {RECORD_FILE}; copy its run folder here instead.")
    return folder


def _fetch(name: str, folder: Path) -> None:
    import requests
    import wandb  # takes more than a second, and only remote runs need it

    try:
        for artifact in wandb.Api(timeout=30).run(name).logged_artifacts():
            if any(file.name == RECORD_FILE for file in artifact.files()):
                artifact.download(root=str(folder))
                return
    except (wandb.errors.Error, requests.RequestException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StorageError(
            f"there is no folder {name}, and as a path of Weights & Biases it cannot be read ({reason}); "
            "expected a run folder, or entity/project/run with a network and `wandb login`."
        ) from error
