"""sweep.json: the jobs of a sweep, kept in its folder, so that it can be looked at and gone on with."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from eqntk_cli.errors import StorageError
from eqntk_cli.files.atomic import make_folder, names_in, write_text
from eqntk_cli.runs.listing import RunSummary, summary
from eqntk_cli.runs.record import RECORD_FILE
from eqntk_cli.sweeps.expand import Job

SCHEMA = 1
MANIFEST_FILE = "sweep.json"


@dataclass(frozen=True)
class Manifest:
    """A sweep as it was asked for."""

    name: str
    jobs: tuple[Job, ...]
    launcher: str
    created: str
    command: str | None = None
    question: str = ""
    claim: str = ""
    hydra: tuple[str, ...] = field(default=())  # overrides of the launcher
    config_dir: str | None = None
    cluster: str = "default"  # with the launcher slurm: which cluster file, and settings in place of the file's
    cluster_settings: dict[str, str] = field(default_factory=dict)
    looks: bool = False  # made by eqntk decide, which goes on with it look after look
    schema: int = SCHEMA


def new_folder(path: Path, stamped: bool) -> Path:
    """Make the folder of a new sweep, with the time behind its name if `stamped`.

    Raises:
        StorageError: it is there already and not empty, or cannot be made.
    """
    folder = path.with_name(f"{path.name}_{datetime.now():%Y-%m-%d_%H-%M-%S-%f}") if stamped else path
    if folder.exists() and (not folder.is_dir() or names_in(folder)):
        raise StorageError(
            f"{folder} is there already; give a new folder, or go on with eqntk sweep --resume {folder}."
        )
    make_folder(folder)
    return folder


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write sweep.json, whole or not at all."""
    write_text(folder / MANIFEST_FILE, json.dumps(asdict(manifest), indent=2, ensure_ascii=False) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """Read sweep.json.

    Raises:
        StorageError: there is none, or it is damaged.
    """
    path = folder / MANIFEST_FILE
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if values.get("schema") != SCHEMA:
            raise StorageError(f"{path} has schema {values.get('schema')}; this program reads schema {SCHEMA}.")
        jobs = tuple(Job(**{**job, "overrides": tuple(job["overrides"])}) for job in values.pop("jobs"))
        return Manifest(jobs=jobs, hydra=tuple(values.pop("hydra")), **values)
    except FileNotFoundError as error:
        raise StorageError(
            f"{folder} is not the folder of a sweep (no {MANIFEST_FILE}); see `eqntk runs list`."
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(f"{path} is damaged ({error}); the runs in it go on with eqntk train --resume.") from error


def states(folder: Path, manifest: Manifest) -> list[tuple[Job, RunSummary | None]]:
    """Every job and how far it is; None before it has begun."""
    return [(job, _summary(folder / job.folder)) for job in manifest.jobs]


def _summary(folder: Path) -> RunSummary | None:
    return summary(folder) if (folder / RECORD_FILE).exists() else None
