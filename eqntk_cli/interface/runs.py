"""`eqntk_cli.train`, `sweep`, `compare` and `open_run`: runs in folders, and the report on them, as function calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import jax
import xarray

from eqntk_cli.architectures.checks import check
from eqntk_cli.config.compose import compose
from eqntk_cli.config.schema import Config
from eqntk_cli.errors import ConfigError, StorageError
from eqntk_cli.files.atomic import names_in
from eqntk_cli.runs.contents import CONFIG_FILE, LOCK_FILE, LOG_FILE, RECORD_FILE
from eqntk_cli.runs.record import read_record
from eqntk_cli.runs.store import open_predictions
from eqntk_cli.sweeps.begin import checked, new_manifest, new_sweep_folder
from eqntk_cli.sweeps.job import execute, recorded_as
from eqntk_cli.sweeps.planned import plan_of

if TYPE_CHECKING:
    from eqntk_cli.report.model import Analysis

_STAMP = "%Y-%m-%d_%H-%M-%S-%f"
_TOLD = ("run_id", "state", "role", "model", "group", "dataset", "task", "coupling", "width", "members", "precision")
_MORE = ("seed", "step_size", "started", "stopped", "seconds", "invariance_error")


def train(*settings: str, out: str | Path | None = None, config_dir: str | None = None) -> Path:
    """Run one model as `eqntk train` does, and return its run folder.

    Args:
        settings: KEY=VALUE, as on the command line.
        out: the run folder; None: runs/DATASET/TIME. If it holds a run with these settings, this one goes on with it.
        config_dir: a folder with more options of the config groups.

    Raises:
        ConfigError: settings that cannot be run.
        DataError, StorageError, NumericalError: what comes up on the way.

    Examples:
        >>> import eqntk_cli
        >>> words = ["dataset=digits", "dataset.n_train=6", "dataset.n_test=3", "dataset.n_ood=0", "group=c4"]
        >>> run = eqntk_cli.train(*words, "model=ntk", "tracking=disabled", out="kernel")
        >>> dict(eqntk_cli.open_run(run)["mean"].sizes)["sample"]
        9
    """
    words = list(settings)
    folder = None if out is None else Path(out)
    config = settings_of_run(folder, words, config_dir)
    if folder is None:
        folder = Path("runs") / config.dataset.name / datetime.now().strftime(_STAMP)
    with _own_precision(), recorded_as(["eqntk", "train", *words]):
        return execute(config, folder)


def settings_of_run(folder: Path | None, words: list[str], config_dir: str | None) -> Config:
    """The settings of a run, checked, for a folder that is new, empty, or holds a run.

    Raises:
        ConfigError: settings that cannot be run.
        StorageError: the folder holds something else.
    """
    if folder is not None and folder.exists() and not folder.is_dir():
        raise StorageError(f"--out {folder} is a file; give a folder.")
    if folder is not None and folder.is_dir() and _holds_others(folder):
        raise StorageError(f"--out {folder} holds other files and no run; give an empty or a new folder.")
    config = compose(words, config_dir)
    check(config)
    return config


def sweep(
    *settings: str,
    out: str | Path | None = None,
    launcher: Literal["basic", "joblib"] = "basic",
    config_dir: str | None = None,
) -> Path:
    """Run every combination of settings, or an experiment, as `eqntk sweep` does here, and return its folder.

    Args:
        settings: KEY=VALUE, KEY=A,B for several values, experiment=NAME.
        out: the folder of the sweep, which must be new; None: runs/NAME_TIME.
        launcher: basic (one after another) or joblib (several processes).
        config_dir: a folder with more options of the config groups.

    Raises:
        ConfigError: settings that cannot be run, of any of the runs; nothing was begun then.
        UserError: the first error of a run, with its folder; the other runs are there.

    Examples:
        >>> import eqntk_cli
        >>> words = ["dataset=digits", "dataset.n_test=8", "dataset.n_ood=0", "model=ntk", "tracking=disabled"]
        >>> folder = eqntk_cli.sweep(*words, "architecture.hidden_layers=0", "dataset.n_train=4,8", out="curves")
        >>> len(list(folder.glob("*/record.json")))
        2
    """
    from eqntk_cli.sweeps.launch import launch

    if launcher not in ("basic", "joblib"):
        raise ConfigError(f"launcher={launcher} is not possible here; expected basic | joblib, or `eqntk sweep`.")
    with _own_precision(), recorded_as(["eqntk", "sweep", *settings]):
        manifest = new_manifest(settings, launcher, config_dir)
        runs = checked(manifest)
        plan = plan_of(manifest, runs, {}, looks=False)
        folder, manifest = new_sweep_folder(manifest, None if out is None else Path(out), plan)
        errors = launch(folder, manifest, manifest.jobs)
    for job, error in zip(manifest.jobs, errors, strict=True):
        if error is not None:
            error.add_note(f"in {folder / job.folder}; go on with: eqntk sweep --resume {folder}")
            raise error
    return folder


def compare(
    *runs: str | Path, margin: float | None = None, partial: bool = False, out: str | Path | None = None
) -> "Analysis":
    """The analysis behind `eqntk compare-runs`: `outcome`, `first_line`, `pairs` and `findings`.

    Args:
        runs: run folders, folders of runs, globs, or entity/project/run.
        margin: the largest difference that counts as none, as a share of the RMS prediction; None: that of the plan
            of the runs, or 10 %.
        partial: take unfinished runs with the members that they have.
        out: write the report into this folder, too.

    Raises:
        StorageError, DataError, ConfigError: runs that cannot be read or compared.

    Examples:
        >>> import eqntk_cli
        >>> words = ["dataset=digits", "dataset.n_test=8", "dataset.n_ood=0", "model=ntk", "tracking=disabled"]
        >>> folder = eqntk_cli.sweep(*words, "architecture.hidden_layers=0", "dataset.n_train=4,8", out="two")
        >>> analysis = eqntk_cli.compare(folder)
        >>> analysis.first_line[:31], analysis.pairs
        ('Learning curves of 2 kernels on', ())
    """
    from eqntk_cli.report.analysis import analyse
    from eqntk_cli.report.page.export import write_report

    analysis = analyse([str(run) for run in runs], margin=margin, partial=partial)
    if out is not None:
        write_report(analysis, Path(out))
    return analysis


def open_run(folder: str | Path) -> xarray.Dataset:
    """The predictions of a run, opened lazily, with what the record says of it in `attrs`.

    Ensembles have `prediction` (member, step, element, sample, output), kernels `mean` (kernel, step, sample, output)
    and `covariance` (kernel, step, sample, sample2). `target` and the coordinate `split` (train, test, ood) belong to
    the samples. Members that are not computed yet are NaN.

    Raises:
        StorageError: the folder holds no run, or one that is damaged or has no predictions yet.

    Examples:
        >>> import eqntk_cli
        >>> words = ["dataset=digits", "dataset.n_train=6", "dataset.n_test=3", "dataset.n_ood=0", "model=ntk"]
        >>> run = eqntk_cli.train(*words, "architecture.hidden_layers=0", "tracking=disabled", out="opened")
        >>> data = eqntk_cli.open_run(run)
        >>> data["mean"].dims, data.attrs["state"]
        (('kernel', 'step', 'sample', 'output'), 'done')
        >>> test = data["mean"].isel(sample=data["split"].values == "test")
        >>> float(abs(test.isel(step=0)).max())  # the mean starts at zero
        0.0
    """
    path = Path(folder)
    record = read_record(path)
    attributes = {name: getattr(record, name) for name in (*_TOLD, *_MORE)}
    unit = (record.target or {}).get("unit")
    return open_predictions(path).assign_attrs(
        {name: value for name, value in {**attributes, "unit": unit}.items() if value is not None}
    )


def _holds_others(folder: Path) -> bool:
    """Whether there is something and no run; another task may be about to begin one there."""
    beginning = {CONFIG_FILE, LOG_FILE} if (folder / LOCK_FILE).exists() else set()
    others = [name for name in names_in(folder) if not name.startswith(".") and name not in beginning]
    return bool(others) and not (folder / RECORD_FILE).exists()


@contextmanager
def _own_precision() -> Iterator[None]:
    """A run sets jax's precision for the whole process; afterwards it is as it was."""
    before = jax.config.read("jax_enable_x64")
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)
