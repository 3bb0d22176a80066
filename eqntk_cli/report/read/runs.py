"""Run folders as the report sees them: what a run is, and its predictions block by block.

Nothing but the run folder is trusted. Blocks of members are read one at a time and compared with the checksums that
were recorded when they were computed, so a damaged store is found and not averaged over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml
from jaxtyping import Float, Int

from eqntk_cli.errors import DataError, NumericalError, StorageError
from eqntk_cli.files.digest import bytes_digest
from eqntk_cli.report.read.remote import download, is_remote
from eqntk_cli.report.read.units import members_per_unit
from eqntk_cli.runs.contents import CONFIG_FILE, RECORD_FILE
from eqntk_cli.runs.integrity import config_edited, damages, half_grown
from eqntk_cli.runs.listing import list_runs
from eqntk_cli.runs.record import Record, read_record
from eqntk_cli.runs.store import open_predictions
from eqntk_cli.targets.scale import TargetScale
from eqntk_cli.targets.task import REGRESSION, Task

if TYPE_CHECKING:
    import xarray

SPLITS = ("train", "test", "ood")
ENSEMBLES = ("augmented_ensemble", "gcnn_ensemble")


@dataclass(frozen=True)
class Run:
    """One run folder, opened lazily."""

    folder: Path
    record: Record

    @property
    def name(self) -> str:
        """The run id."""
        return self.record.run_id

    @property
    def task(self) -> Task:
        """What is asked of the networks."""
        return Task.of(self.record.task or REGRESSION.name)

    @property
    def scale(self) -> TargetScale:
        """From targets as the networks saw them to physical values."""
        return TargetScale.of(self.record.target)

    @property
    def is_ensemble(self) -> bool:
        """Whether it has members (else it is the prediction of the kernel)."""
        return self.record.model in ENSEMBLES

    @cached_property
    def data(self) -> "xarray.Dataset":
        """The predictions, lazily.

        Raises:
            StorageError: the store is missing, damaged, or lacks what its kind of run must have.
        """
        data = open_predictions(self.folder)
        needed = {"prediction", "target"} if self.is_ensemble else {"mean", "target"}
        missing = sorted(needed - set(data.data_vars)) + sorted({"split", "step"} - set(data.coords))
        if missing:
            raise StorageError(f"the predictions of {self.folder} lack {', '.join(missing)}; make the run again.")
        if [int(step) for step in data["step"].values] != list(self.record.record_steps):
            raise StorageError(f"{self.folder}: record and predictions have other steps; make the run again.")
        return data

    @cached_property
    def dataset_settings(self) -> dict[str, object]:
        """The settings of the data set in config.yaml; empty where the folder has none.

        Raises:
            StorageError: the file is not yaml.
        """
        path = self.folder / CONFIG_FILE
        if not path.is_file():
            return {}
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise StorageError(f"{path} is damaged ({str(error).splitlines()[0]}); restore it from a copy.") from error
        settings = content.get("dataset") if isinstance(content, dict) else None
        return settings if isinstance(settings, dict) else {}

    @property
    def steps(self) -> tuple[int, ...]:
        """The training steps at which predictions were recorded."""
        return tuple(int(step) for step in self.data["step"].values)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        count = self.data.sizes["output"]
        return tuple(str(name) for name in self.data.coords.get("output", np.arange(count)).values)

    @property
    def elements(self) -> tuple[str, ...]:
        """Names of the group elements by which the evaluation points were moved."""
        return tuple(str(name) for name in self.data["element"].values)

    def samples_of(self, split: str) -> Int[np.ndarray, " sample"]:
        """Places of the samples of a split."""
        return np.flatnonzero(self.data["split"].values == split)

    @property
    def target(self) -> Float[np.ndarray, "sample output"]:
        """What was to be learnt, as the networks saw it; nan where unknown."""
        return np.asarray(self.data["target"].values, dtype=np.float64)

    @property
    def label(self) -> Int[np.ndarray, "sample label"] | None:
        """Integer labels of a classification, -1 where unknown."""
        return np.asarray(self.data["label"].values) if "label" in self.data.variables else None

    def blocks(self, members: Sequence[int]) -> Iterator[tuple[list[int], Float[np.ndarray, "member ..."]]]:
        """The given members block by block: their numbers and predictions (member, step, element, sample, output).

        Raises:
            StorageError: a block cannot be read or is not what was written.
            NumericalError: a member's predictions are not finite.
        """
        wanted = set(members)
        for block in self.record.blocks_done:
            chosen = [member for member in range(block.start, block.stop) if member in wanted]
            if not chosen:
                continue
            try:
                values = self.data["prediction"][block.start : block.stop].values
            except (OSError, ValueError, RuntimeError) as error:
                raise StorageError(f"{self.folder}: members from {block.start} on are damaged ({error}).") from error
            if bytes_digest(values) != block.sha256:
                raise StorageError(
                    f"{self.folder}: members {block.start} to {block.stop - 1} are not what was written (checksum); "
                    "restore the folder from a copy or make the run again."
                )
            if len(chosen) < len(values):
                values = values[[member - block.start for member in chosen]]
            self._check_finite(values, chosen)
            yield chosen, values

    def _check_finite(self, values: Float[np.ndarray, "member ..."], members: list[int]) -> None:
        for member, prediction in zip(members, values, strict=True):
            if not np.isfinite(prediction.sum(dtype=np.float64)):
                raise NumericalError(
                    f"{self.folder}: predictions of member {member} are not finite, so training diverged; leave the "
                    "run out or make it again with a smaller training.step_size."
                )


def open_runs(paths: Sequence[str], *, partial: bool = False) -> list[Run]:
    """All runs under the given paths: run folders, folders of them, globs, or Weights & Biases paths.

    Args:
        paths: a path that starts with "wandb:" (or entity/project/run, where there is no such folder) is downloaded.
        partial: also take runs that are still being written or have failed, with the members they have.

    Raises:
        StorageError: there are no runs, or one is damaged or still being written.
    """
    folders: dict[Path, None] = {}
    for path in paths:
        for folder in _folders(path):
            folders[folder.resolve()] = None
    runs = [Run(folder, read_record(folder)) for folder in folders]
    if not partial:
        return [_unchanged(_complete(run)) for run in runs]
    return [_unchanged(run) for run in runs if _has_something(run)]


def _folders(path: str) -> list[Path]:
    if is_remote(path) and not Path(path).exists():
        return [download(path)]
    places = sorted(Path(place) for place in glob(path, recursive=True)) if has_magic(path) else [Path(path)]
    folders = []
    for place in places:
        if (place / RECORD_FILE).is_file():
            folders.append(place)
        elif place.is_dir():
            folders += [summary.folder for summary in list_runs(place)]
        elif not has_magic(path):
            raise StorageError(f"there is no folder {path}; expected a run folder or a folder of runs.")
    if not folders:
        raise StorageError(f"no runs in {path}; expected run folders, which hold a {RECORD_FILE}.")
    return folders


def _unchanged(run: Run) -> Run:
    """The run if its settings and, of a kernel, its predictions are those that it recorded.

    Blocks of members are compared with their checksums when they are read. Records of earlier programs promise less.

    Raises:
        StorageError: something was changed after the run, or it was stopped while it was grown; says what.
    """
    if half_grown(run.folder, run.record) is not None:
        raise StorageError(
            f"run {run.folder} was stopped while it was grown to {run.record.members} members; go on with eqntk train "
            f"--resume {run.folder}."
        )
    if config_edited(run.folder, run.record):
        clauses = [f"{CONFIG_FILE} was edited"]
    else:
        clauses = [] if run.is_ensemble else damages(run.folder, run.record)
    if clauses:
        raise StorageError(
            f"run {run.folder} is not what its record promises ({'; '.join(clauses)}); restore it from a copy or make "
            "it again (`eqntk runs check` looks at all runs of a folder)."
        )
    return run


def _complete(run: Run) -> Run:
    """The run if it may enter a report as it is: done, or an ensemble broken off with at least two draws of its law."""
    state, record = run.record.state, run.record
    if state == "running":
        raise StorageError(
            f"run {run.folder} is still being written ({record.members_done} of {record.members} members); wait for "
            "it, go on with it by `eqntk train --resume`, or compare what there is with --partial."
        )
    if state == "failed":
        raise StorageError(f"run {run.folder} has failed ({record.error}); leave it out or resume it.")
    if not run.is_ensemble and state != "done":
        raise StorageError(
            f"run {run.folder} is {state}: it was stopped before its kernel prediction was complete; go on with it by "
            f"`eqntk train --resume {run.folder}`, or leave it out with --partial."
        )
    if run.is_ensemble and record.members_done < _fewest(record):
        done = record.members_done
        raise DataError(f"run {run.folder} has {done} complete members; at least {_fewest(record)} are needed.")
    return run


def _has_something(run: Run) -> bool:
    return run.record.members_done >= _fewest(run.record) if run.is_ensemble else run.record.state == "done"


def _fewest(record: Record) -> int:
    """Members without which there is no spread over independent draws."""
    return 2 * members_per_unit(record)
