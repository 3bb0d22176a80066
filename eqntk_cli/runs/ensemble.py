"""Run an ensemble block by block: train, check, write, journal; and go on where an earlier session stopped."""

import time
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.errors import NumericalError, StorageError
from eqntk_cli.files.room import Reserve
from eqntk_cli.models.base import EnsembleModel
from eqntk_cli.runs.integrity import damaged_blocks
from eqntk_cli.runs.metrics import by_step, metric_rows, write_metrics
from eqntk_cli.runs.points import evaluation_points
from eqntk_cli.runs.record import Block
from eqntk_cli.runs.session import Session
from eqntk_cli.runs.store import EnsembleStore

GROWTH = 1e3  # predictions that outgrow their start and the targets by this factor have diverged


def run_ensemble(session: Session, model: EnsembleModel, data: DataBundle) -> None:
    """Compute the members that are missing, then the metrics of the mean over all of them.

    Raises:
        NumericalError: the training diverges; blocks computed before are kept.
        StorageError: the disk is full; blocks computed before are kept.
    """
    store = _open_store(session, model, data)
    for start, stop in session.record.missing_blocks():
        _run_block(session, model, data, store, start, stop)
    rows = metric_rows(data, tuple(model.record_steps), ensemble_mean(session, store), session.config.training.loss)
    write_metrics(session.folder, rows)
    for row in by_step(rows):
        session.tracker.log(row)


def ensemble_mean(session: Session, store: EnsembleStore) -> Float[np.ndarray, "step sample output"]:
    """Mean over the members at the samples as they are (the first element), block by block in float64."""
    total = np.zeros((store.shape[1], *store.shape[3:]))
    for start, stop in session.record.blocks:
        total += store.read_block(start, stop)[:, :, 0].sum(axis=0, dtype=np.float64)
    return total / store.shape[0]


def check_block(
    values: Float[np.ndarray, "member step element sample output"], first: int, model: EnsembleModel, scale: float
) -> None:
    """Refuse predictions that are not finite, or far beyond their start and the targets (of RMS `scale`).

    Raises:
        NumericalError: with the step from which on they are so, and the limit of the step size.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.sqrt(np.mean(np.square(values, dtype=np.float64), axis=(2, 3, 4)))  # (member, step)
        wrong = ~np.isfinite(size) | (size > GROWTH * (size[:, :1] + scale))
    if wrong.any():
        member, number = min(np.argwhere(wrong), key=lambda found: found[1])
        limit = model.stability_limit
        stable = "" if limit is None else f" and gradient descent is stable below {limit:.6g}"
        raise NumericalError(
            f"member {first + member} diverges: its predictions have RMS {size[member, number]:.3g} at step "
            f"{model.record_steps[number]}, the targets {scale:.3g}. The step size is {model.step_size:.6g}{stable}; "
            "choose a smaller training.step_size, or auto."
        )


def _run_block(
    session: Session, model: EnsembleModel, data: DataBundle, store: EnsembleStore, start: int, stop: int
) -> None:
    members = store.shape[0]
    done = session.record.members_done
    what = f"{done} of {members} members"
    began = time.monotonic()
    with Reserve(session.folder, store.block_bytes) as reserve:
        values = model.run_block(
            start, stop, lambda share: session.progress(done + share * (stop - start), members, what)
        )
        expected = (stop - start, *store.shape[1:])
        if values.shape != expected:
            raise ValueError(f"a block of predictions has shape {values.shape}, expected {expected}")
        check_block(values, start, model, float(np.sqrt(np.mean(np.square(data.train_y)))))
        error = _larger(session.record.invariance_error, model.invariance_error())
        with session.interrupts.shielded():
            reserve.release()
            block = Block(start, stop, store.write_block(start, values), time.monotonic() - began)
            session.save(replace(session.record.with_block(block), invariance_error=error))
    record = session.record
    session.log.info("members %d-%d in %.1f s, sha256 %s", start, stop - 1, block.seconds, block.sha256)
    session.progress(record.members_done, members, f"{record.members_done} of {members} members")
    rate = record.member_steps_per_second
    session.tracker.log({"members_done": record.members_done, "progress/member_steps_per_second": rate})


def _open_store(session: Session, model: EnsembleModel, data: DataBundle) -> EnsembleStore:
    """The store with all blocks that are intact, or a new one; the layout on record holds."""
    record = session.record
    if record.blocks_done:
        try:
            store = EnsembleStore.open(session.folder)
        except StorageError as error:
            session.note(f"all members are computed again: {error}")
        else:
            _keep_intact(session)
            return store
    block_size = record.blocks[0][1] if record.blocks else model.block_size
    members = model.members
    store = EnsembleStore.create(
        session.folder,
        evaluation_points(data, model.record_steps),
        tuple(model.element_names),
        members,
        block_size,
        session.config.precision,
    )
    blocks = [[start, min(start + block_size, members)] for start in range(0, members, block_size)]
    session.save(replace(session.record.with_blocks([]), blocks=blocks))
    return store


def _keep_intact(session: Session) -> None:
    damaged = damaged_blocks(session.folder, session.record)
    for block in damaged:
        session.note(f"members {block.start}-{block.stop - 1} were damaged on the disk and are computed again")
    session.save(session.record.with_blocks([block for block in session.record.blocks_done if block not in damaged]))


def _larger(before: float | None, now: float | None) -> float | None:
    known = [value for value in (before, now) if value is not None]
    return max(known) if known else None
