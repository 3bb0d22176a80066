"""Run an ensemble block by block: train, check, write, journal; and go on where others stopped, or beside them."""

import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Float

from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.errors import NumericalError, StorageError
from eqntk_cli.models.base import EnsembleModel
from eqntk_cli.progress import Bar
from eqntk_cli.runs.entries import Entry, drop_entry
from eqntk_cli.runs.evaluation import evaluation_points, metric_rows
from eqntk_cli.runs.integrity import damaged_blocks
from eqntk_cli.runs.interrupts import good_moment
from eqntk_cli.runs.metrics import headline, write_metrics
from eqntk_cli.runs.record import Block, Record
from eqntk_cli.runs.session import Session
from eqntk_cli.runs.store import EnsembleStore

_PAUSES = (0.05, 2.0)  # seconds between two looks at what other tasks have done, at first and later
GROWTH = 1e3  # predictions that outgrow their start and the targets by this factor have diverged


class EnsembleRun:
    """The members of a run, from the store that they go to until the metrics of their mean."""

    def __init__(self, session: Session, model: EnsembleModel, data: DataBundle) -> None:
        self._session = session
        self._model = model
        self._data = data
        self._program: int | None = None  # in which the last block begins

    def open(self) -> None:
        """The store with what earlier sessions have left there, or a new one; asked for by one task at a time.

        Raises:
            StorageError: there is no room for all members.
        """
        self._store = _open_store(self._session, self._model, self._data)

    def compute(self) -> None:
        """Train the members that are missing, and wait for those that other tasks are training.

        Raises:
            NumericalError: the training diverges; blocks computed before are kept.
            StorageError: the disk is full; blocks computed before are kept.
            SystemExit: the run was asked to end when a block is finished, or while it waits.
        """
        session, pause = self._session, _PAUSES[0]
        total = None if session.access.shared else _total(session, self._store)
        while session.record.state == "running" and (missing := session.record.missing_blocks()):
            claimed = self._claimed(missing)
            if claimed is None:
                first = f"members {missing[0][0]}-{missing[0][1] - 1}"
                session.progress(session.record.members_done, self._model.members, f"another task trains {first}")
                time.sleep(pause)
                pause = min(2 * pause, _PAUSES[1])
                session.look()
                session.mirror.follow(session.record)
                good_moment()
                continue
            (start, stop), right = claimed
            with right:
                session.look()
                if (start, stop) not in session.record.missing_blocks():  # it was finished just before
                    continue
                values = _run_block(session, self._model, self._data, self._store, start, stop)
            pause = _PAUSES[0]
            if total is not None:
                _add(total, values)
                _write_metrics(session, self._model, self._data, total / session.record.members_done)

    def conclude(self) -> bool:
        """Write the metrics of the mean over all members; False: some are damaged, and to be computed again."""
        session = self._session
        if session.access.shared and not _keep_intact(session):  # whoever wrote them, and wherever
            return False
        mean = ensemble_mean(session, self._store)  # summed in order, whatever was resumed
        _write_metrics(session, self._model, self._data, mean)
        return True

    def _claimed(self, missing: list[tuple[int, int]]) -> tuple[tuple[int, int], ExitStack] | None:
        """The first block that no other task has claimed, and the right to compute it."""
        program = (self._model.layout or {}).get("members", 1)  # computed together, also where blocks are smaller
        ranked = sorted(missing, key=partial(self._rank, program)) if self._session.access.shared else missing
        for start, stop in ranked:
            right = self._session.access.claim(start // self._store.chunk)
            if right is not None:
                self._program = start // program
                return (start, stop), right
        return None

    def _rank(self, program: int, block: tuple[int, int]) -> tuple[bool, bool, int]:
        """Blocks of the program that this task has computed come first, then those with which a program begins."""
        start = block[0]
        return start // program != self._program, start % program != 0, start


def ensemble_mean(session: Session, store: EnsembleStore) -> Float[np.ndarray, "step sample output"]:
    """Mean over the members at the samples as they are (the first element), block by block in float64."""
    return _total(session, store) / store.shape[0]


def _total(session: Session, store: EnsembleStore) -> Float[np.ndarray, "step sample output"]:
    """The sum of the predictions so far."""
    total = np.zeros((store.shape[1], *store.shape[3:]))
    for block in session.record.blocks_done:
        _add(total, store.read_block(block.start, block.stop))
    return total


def _add(
    total: Float[np.ndarray, "step sample output"], values: Float[np.ndarray, "member step element sample output"]
) -> None:
    """Add members one by one, so that the sum does not depend on the blocks that they are in."""
    for member in values[:, :, 0]:
        total += member


def _write_metrics(
    session: Session, model: EnsembleModel, data: DataBundle, mean: Float[np.ndarray, "step sample output"]
) -> None:
    """metrics.csv of the mean over the members so far; its last row on the test split goes to the log."""
    rows = metric_rows(data, tuple(model.record_steps), mean, session.config.training.loss)
    write_metrics(session.folder, rows)
    metric = headline(session.folder)
    if metric is not None:
        session.log.info("mean of %d members: test %s %.4g", session.record.members_done, *metric)


class BlockProgress:
    """The bar while one block of members trains: it counts the block's steps, and its length the members of the run."""

    def __init__(self, bar: Bar, start: int, stop: int, record: Record, steps: int) -> None:
        self._bar = bar
        self._start, self._stop = start, stop
        self._done, self._members = record.members_done, record.members or stop
        self._steps = steps

    def __call__(self, share: float) -> None:
        """`share` of the block's steps are done."""
        members = f"members {self._start}-{self._stop - 1} of {self._members}"
        step = f"step {round(share * self._steps)} of {self._steps}"
        self._bar(self._done + share * (self._stop - self._start), self._members, f"{members}, {step}")


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
        member, number = min(np.argwhere(wrong), key=lambda index: index[1])
        limit = model.stability_limit
        stable = "" if limit is None else f" and gradient descent is stable below {limit:.6g}"
        raise NumericalError(
            f"member {first + member} diverges: its predictions have RMS {size[member, number]:.3g} at step "
            f"{model.record_steps[number]}, the targets {scale:.3g}. The step size is {model.step_size:.6g}{stable}; "
            "choose a smaller training.step_size, or auto."
        )


def _run_block(
    session: Session, model: EnsembleModel, data: DataBundle, store: EnsembleStore, start: int, stop: int
) -> Float[np.ndarray, "member step element sample output"]:
    """Train and keep the members start, ..., stop - 1; their predictions."""
    began = time.monotonic()
    shown = BlockProgress(session.progress, start, stop, session.record, int(model.record_steps[-1]))
    shown(0.0)
    with session.access.room(store.block_bytes, start) as reserve:
        before = model.layout
        values = model.run_block(start, stop, shown)
        if model.layout != before:
            session.note(
                f"a device ran out of memory: from member {start} on the work has a smaller layout ({model.layout}); "
                "its numbers are alike to those of the usual one up to rounding"
            )
        expected = (stop - start, *store.shape[1:])
        if values.shape != expected:
            raise ValueError(f"a block of predictions has shape {values.shape}, expected {expected}")
        check_block(values, start, model, float(np.sqrt(np.mean(np.square(data.train_y)))))
        error = model.invariance_error()
        with session.interrupts.shielded():
            reserve.release()
            seconds = time.monotonic() - began
            block = Block(start, stop, store.write_block(start, values), seconds, model.layout)
            session.look()
            if any(other.layout not in (None, block.layout) for other in session.record.blocks_done):
                session.note(  # before the block counts, for then the run may be ended
                    f"members {start}-{stop - 1} were trained with another layout of the work ({block.layout}): alike "
                    "to the others up to rounding"
                )
            session.keep(Entry(block, error))
    record = session.record
    session.log.info("members %d-%d in %.1f s, sha256 %s", start, stop - 1, block.seconds, block.sha256)
    session.mirror.follow(record)
    return values


def _open_store(session: Session, model: EnsembleModel, data: DataBundle) -> EnsembleStore:
    """The store with all blocks that are intact, or a new one; the layout on record holds.

    Where other tasks may be at work blocks are looked at in the end.
    """
    record, shared = session.record, session.access.shared
    if record.blocks_done or (shared and record.blocks):
        try:
            store = EnsembleStore.open(session.folder)
        except StorageError as error:
            session.note(f"all members are computed again: {error}")
            for block in record.blocks_done:
                drop_entry(session.folder, block)
        else:
            store.enlarge(model.members)  # of a run that was grown
            if not shared:
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


def _keep_intact(session: Session) -> bool:
    """Whether all blocks are on the disk as they were written; those that are not count as missing from here on."""
    damaged = damaged_blocks(session.folder, session.record)
    for block in damaged:
        drop_entry(session.folder, block)
        session.note(f"members {block.start}-{block.stop - 1} were damaged on the disk and are computed again")
    session.save(session.record.with_blocks([block for block in session.record.blocks_done if block not in damaged]))
    return not damaged
