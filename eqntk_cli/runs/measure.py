"""The cost of a run from a few seconds of its training and of its Gram matrices, in this process.

Members are trained in programs of equal shape, so one program tells the time of all; in it every step costs the same,
and so does every reading of predictions. The pace of the two, after all is compiled, gives the time of the whole.
Gram matrices go by the pace of pairs. The algebra behind them (n^3) is measured where they are finished in the time
of a probe, and otherwise missing.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from itertools import pairwise
from typing import NamedTuple

import jax
import numpy as np
from scipy.optimize import nnls

from eqntk_cli.config.schema import Config
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.data.registry import load_data
from eqntk_cli.domains.samples import count
from eqntk_cli.kernels.gram.program import peak_resident
from eqntk_cli.models.finite import augmented_ensemble, gcnn_ensemble
from eqntk_cli.models.grams import Grams
from eqntk_cli.models.infinite import InfiniteModel
from eqntk_cli.models.problem import Problem
from eqntk_cli.runs.cost import Cost
from eqntk_cli.runs.session import devices
from eqntk_cli.runs.store import ensemble_bytes, kernel_bytes
from eqntk_cli.training.schedule import record_steps

WATCHED = 5.0  # seconds of steady work, of training and of Gram matrices each
_REPORTS = 3  # of progress at least
_MATRICES = 2  # NNGP and NTK
_IN_HAND = 3  # copies of a block of predictions: as recorded, joined, and with their axes in order


def measured(config: Config, began: float) -> Cost:
    """The cost of a run whose process began at the second `began` of the monotonic clock.

    Raises:
        UserError: the run cannot be made.
    """
    data = load_data(config.dataset, config.architecture)
    ensemble = None if config.model.name == "ntk" else _trained(config, data)
    start = (time.monotonic() if ensemble is None else ensemble.first) - began
    kernels = _kernels(config, data)
    held = [(device.memory_stats() or {}).get("peak_bytes_in_use", 0) for device in jax.local_devices()]
    return Cost(
        start=start,
        kernels=kernels.seconds,
        program=0.0 if ensemble is None else ensemble.program,
        members=1 if ensemble is None else ensemble.members,
        block=1 if ensemble is None else ensemble.block,
        memory=peak_resident() + kernels.missing_bytes + (0 if ensemble is None else _IN_HAND * ensemble.block_bytes),
        storage=kernels.storage if ensemble is None else ensemble.storage,
        whole=kernels.whole,
        device=devices()[0],
        device_memory=max(held),
    )


class _Enough(Exception):
    """Raised by a report of progress: the pace is known."""


class _AnyStep(Problem):
    """A problem without its kernel: how large a step is does not change what it costs."""

    @cached_property
    def limit(self) -> float:
        """Whatever; nothing diverges."""
        return 1.0

    @cached_property
    def step_size(self) -> float:
        """So small that nothing diverges."""
        return 1e-9

    @cached_property
    def record_steps(self) -> tuple[int, ...]:
        """A reading after the first step, which is compiled by then, and none among those that are watched."""
        last = record_steps(self.config.training)[-1]
        return tuple(sorted({0, 1, last}))


class _Ensemble(NamedTuple):
    first: float  # the second at which all was compiled
    program: float
    members: int
    block: int
    block_bytes: int
    storage: int


def _trained(config: Config, data: DataBundle) -> _Ensemble:
    """What one program of members takes."""
    problem = _AnyStep(config, data)
    model = {"gcnn_ensemble": gcnn_ensemble, "augmented_ensemble": augmented_ensemble}[config.model.name](problem)
    recorded = record_steps(config.training)
    shape = (model.members, len(recorded), len(model.element_names), count(problem.samples), problem.train_y.shape[1])
    members = model.trainer.layout.members
    steps = _Steps(problem.record_steps)
    with suppress(_Enough):
        model.run_block(0, members, steps)
    return _Ensemble(
        first=steps.seen[0][0],
        program=steps.seconds(recorded[-1], len(recorded)),
        members=members,
        block=model.block_size,
        block_bytes=ensemble_bytes((model.block_size, *shape[1:]), model.block_size, config.precision),
        storage=ensemble_bytes(shape, model.block_size, config.precision),
    )


class _Steps:
    """Progress of one program: the seconds at which so many steps were done."""

    def __init__(self, recorded: tuple[int, ...]) -> None:
        self._recorded = recorded
        self.seen: list[tuple[float, int]] = []

    def __call__(self, share: float) -> None:
        self.seen.append((time.monotonic(), round(share * self._recorded[-1])))
        if len(self.seen) >= _REPORTS and self.seen[-1][0] - self.seen[0][0] > WATCHED:
            raise _Enough

    def seconds(self, steps: int, readings: int) -> float:
        """Of so many steps and readings of predictions; a reading comes after the report of its step."""
        stretches = list(pairwise(self.seen))
        work = [(after[1] - before[1], before[1] in self._recorded) for before, after in stretches]
        paces, _ = nnls(np.array(work, float), np.array([after[0] - before[0] for before, after in stretches]))
        return float(paces @ (steps, readings))


class _Kernels(NamedTuple):
    seconds: float
    whole: bool
    missing_bytes: int
    storage: int


def _kernels(config: Config, data: DataBundle) -> _Kernels:
    """What the Gram matrices of a run take: those of a kernel prediction, or of the step size of an ensemble."""
    pairs = _Pairs()
    problem = Problem(config, data, Grams(on_pairs=pairs))
    predict, storage = (_kernel_prediction if config.model.name == "ntk" else _step_size)(problem)
    began = time.monotonic()
    with suppress(_Enough):
        predict()
        return _Kernels(time.monotonic() - began, True, 0, storage)
    # each pair stands twice in a symmetric matrix, and the matrix of all copies is spread out from them
    copies = count(problem.train_x) * problem.orbit.copies
    entries = 2 * (pairs.total - pairs.seen[-1][1]) + copies**2
    return _Kernels(pairs.seconds(began), False, _MATRICES * np.dtype(float).itemsize * entries, storage)


def _kernel_prediction(problem: Problem) -> tuple[Callable[[], object], int]:
    """The work, and the bytes that it keeps."""
    model, config = InfiniteModel(problem), problem.config
    tiles = _MATRICES * problem.grams.pairs_expected * np.dtype(config.precision).itemsize
    points = (len(problem.record_steps), count(problem.samples), problem.train_y.shape[1])
    kept = kernel_bytes(len(model.names), *points, covariance=config.model.covariance)
    return partial(model.predict, _nobody), tiles + kept


def _step_size(problem: Problem) -> tuple[Callable[[], object], int]:
    """The work, and the bytes that it keeps: none."""
    problem.grams.expect(problem.relative.augmented_pairs() + problem.step_pairs)
    return lambda: (problem.step_size, problem.limit), 0  # the stability limit stands in the record in any case


def _nobody(share: float) -> None:
    """Nobody looks at the algebra."""
    del share


class _Pairs:
    """Progress of Gram matrices: the seconds at which so many pairs were done."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []
        self.total = 0

    def __call__(self, done: int, total: int, kept: int) -> None:
        del kept  # nothing is
        self.total = total
        if done and (not self.seen or done > self.seen[-1][1]):
            self.seen.append((time.monotonic(), done))
        if len(self.seen) >= _REPORTS and self.seen[-1][0] - self.seen[0][0] > WATCHED:
            raise _Enough

    def seconds(self, began: float) -> float:
        """Of all pairs; the first ones, for which programs are compiled, do not count for the pace."""
        (first, before), (last, done) = self.seen[0], self.seen[-1]
        return first - began + (self.total - before) * (last - first) / (done - before)
