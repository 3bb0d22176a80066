"""Run a kernel prediction: mean and covariance of the infinitely wide ensemble.

Its Gram matrices, which are nearly all of the work, are kept tile by tile in the run folder until the run is done; a
run that was killed goes on from them. The predictions that follow are made in one piece.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.errors import NumericalError
from eqntk_cli.files.room import require_room
from eqntk_cli.models.base import KERNEL_SHARE, KernelModel
from eqntk_cli.models.grams import Grams
from eqntk_cli.runs.contents import KERNELS
from eqntk_cli.runs.evaluation import evaluation_points, metric_rows
from eqntk_cli.runs.interrupts import good_moment
from eqntk_cli.runs.metrics import write_metrics
from eqntk_cli.runs.provenance import DECISIVE
from eqntk_cli.runs.session import Session
from eqntk_cli.runs.store import ROOM, write_kernel_predictions


def kept_kernels(session: Session) -> Grams:
    """What computes the Gram matrices of a kernel prediction, keeps their tiles in the run folder and shows them."""
    versions = {name: session.record.versions.get(name, "absent") for name in DECISIVE}
    return Grams(session.folder / KERNELS, versions, _ShownPairs(session), session.note)


def discard_kernels(folder: Path) -> None:
    """Remove the tiles of a run that is done."""
    shutil.rmtree(folder / KERNELS, ignore_errors=True)


class KernelRun:
    """A kernel prediction: its Gram matrices, which tasks compute together, and what one of them makes of these."""

    def __init__(self, session: Session, model: KernelModel, data: DataBundle) -> None:
        self._session = session
        self._model = model
        self._data = data

    def open(self) -> None:
        """Nothing: every matrix has a folder of its own."""

    def compute(self) -> None:
        """The Gram matrices.

        Raises:
            NumericalError: an entry is not finite.
            StorageError: the disk is full.
        """
        self._model.prepare()

    def conclude(self) -> bool:
        """Predict, and write it.

        Raises:
            NumericalError: the kernel cannot be inverted, or the prediction is not finite.
            StorageError: the disk is full.
        """
        _predict(self._session, self._model, self._data)
        return True


def _predict(session: Session, model: KernelModel, data: DataBundle) -> None:
    """Predict, write, and the metrics of the first kernel's mean."""
    points = evaluation_points(data, model.record_steps)
    require_room(session.folder, points.target.nbytes * len(points.steps), *ROOM)
    prediction = model.predict(lambda share: session.progress(share, 1.0, "predictions"))
    if not np.isfinite(prediction.mean).all():
        limit = "unknown" if model.stability_limit is None else f"{model.stability_limit:.6g}"
        raise NumericalError(
            f"the kernel prediction is not finite; the step size is {model.step_size:.6g} and the stability limit "
            f"{limit}: choose a smaller training.step_size, precision=float64, or a training.ridge."
        )
    with session.interrupts.shielded():
        write_kernel_predictions(session.folder, points, prediction.kernels, prediction.mean, prediction.covariance)
        record = replace(session.record, kernel=dict(prediction.diagnostics))
        # of several tasks, whose step sizes may differ in the last digit, it is this one that predicts
        record = replace(record, step_size=float(model.step_size))
        session.save(replace(record, invariance_error=prediction.invariance_error))
    rows = metric_rows(data, points.steps, np.asarray(prediction.mean[0], np.float64), session.config.training.loss)
    write_metrics(session.folder, rows)


class _ShownPairs:
    """Pairs of samples on the progress bar."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, done: int, total: int, kept: int) -> None:
        share = KERNEL_SHARE / total
        self._session.progress(share * done, 1.0, f"{done} of {total} pairs", kept=share * kept)
        if done > kept:
            good_moment()
