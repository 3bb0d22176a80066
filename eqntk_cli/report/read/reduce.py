"""One pass over the predictions of an ensemble: moments over members, and units for the tests in a scratch folder.

Blocks of members come in one after another and are forgotten. What stays in memory grows with steps x elements x
points only; the units (members, or averages of batches of them) go to files, one per split and kind, from which the
tests read slabs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.report.read.runs import SPLITS, Run
from eqntk_cli.report.statistics.samples import batch_size

IDENTITY = "identity"  # f(x)
SYMMETRISED = "symmetrised"  # mean over the group elements of f(g x)
_KEPT = 200  # members whose last predictions are kept one by one, for metrics of single members


@dataclass(frozen=True)
class StoredSample:
    """A sample (see `statistics.samples`) in a file (step, unit, point)."""

    path: Path
    shape: tuple[int, int, int]
    members: int

    @property
    def units(self) -> int:
        """How many independent draws there are."""
        return self.shape[1]

    @property
    def points(self) -> int:
        """How many (sample, output) pairs."""
        return self.shape[2]

    def slab(self, step: int, start: int, stop: int) -> Float[np.ndarray, "unit point"]:
        """The units at the points start, ..., stop - 1 after the step with this index."""
        # mapped for this moment only, so that pages do not pile up in memory
        return np.array(np.load(self.path, mmap_mode="r")[step, :, start:stop])


@dataclass(frozen=True)
class Reduced:
    """An ensemble after the pass; arrays over (step, sample, output) cover all samples of the store."""

    run: Run
    members: tuple[int, ...]
    mean: Float[np.ndarray, "step sample output"]  # over members, of f(x)
    variance: Float[np.ndarray, "step sample output"]
    orbit_mean: Float[np.ndarray, "step element sample output"]  # over members, of f(g x)
    orbit_variance: Float[np.ndarray, "step sample output"]  # mean over members of Var_g f(g x)
    last: Float[np.ndarray, "member sample output"]  # the first members after the last step
    first_orbit: Float[np.ndarray, "element sample output"]  # the first member after the last step
    samples: dict[tuple[str, str], StoredSample]  # by split and kind

    @property
    def compared(self) -> str:
        """The kind of units by which it is compared: coupled plain networks by their orbit means."""
        return SYMMETRISED if ("test", SYMMETRISED) in self.samples else IDENTITY

    def places(self, split: str) -> Int[np.ndarray, " sample"]:
        """Places of the samples of a split."""
        return self.run.samples_of(split)


def reduce_run(run: Run, members: Sequence[int], scratch: Path, *, symmetrise: bool) -> Reduced:
    """Read an ensemble once.

    Args:
        run: the ensemble.
        members: which of its members; all must be complete.
        scratch: an existing folder for the units, several bytes per unit, step and point.
        symmetrise: also keep units of the orbit means, which coupled ensembles are compared by.

    Raises:
        StorageError, NumericalError: see `Run.blocks`.
    """
    kinds = (IDENTITY, SYMMETRISED) if symmetrise else (IDENTITY,)
    sums = _Moments(run)
    writer = _UnitWriter(run, len(members), scratch, kinds)
    last: list[np.ndarray] = []
    first_orbit = None
    identity = run.elements.index("e") if "e" in run.elements else 0
    for _, values in run.blocks(members):
        plain = values[:, :, identity]
        sums.add(values, plain)
        writer.add(IDENTITY, plain)
        if symmetrise:
            writer.add(SYMMETRISED, values.mean(axis=2))
        room = _KEPT - sum(len(part) for part in last)
        if room > 0:
            last.append(plain[:room, -1].copy())
        if first_orbit is None:
            first_orbit = values[0, -1].copy()
    mean, variance, orbit_mean, orbit_variance = sums.results()
    return Reduced(
        run=run,
        members=tuple(members),
        mean=mean,
        variance=variance,
        orbit_mean=orbit_mean,
        orbit_variance=orbit_variance,
        last=np.concatenate(last),
        first_orbit=np.asarray(first_orbit),
        samples=writer.samples(),
    )


class _Moments:
    """Means and variances over members, merged block by block (Chan, Golub and LeVeque, 1979)."""

    def __init__(self, run: Run) -> None:
        sizes = run.data.sizes
        steps, elements, points = sizes["step"], sizes["element"], (sizes["sample"], sizes["output"])
        self._count = 0
        self._mean = np.zeros((steps, *points))
        self._squares = np.zeros((steps, *points))  # sum over members of (f - mean)^2
        self._orbit = np.zeros((steps, elements, *points))
        self._along = np.zeros((steps, *points))

    def add(
        self,
        values: Float[np.ndarray, "member step element sample output"],
        plain: Float[np.ndarray, "member step sample output"],
    ) -> None:
        """Take a block of members in, one step after another so that no large copies are made."""
        count, new = self._count, len(values)
        total = count + new
        for step in range(len(self._mean)):
            mean = plain[:, step].mean(axis=0, dtype=np.float64)
            gap = mean - self._mean[step]
            inside = np.square(plain[:, step] - mean.astype(plain.dtype)).sum(axis=0, dtype=np.float64)
            self._squares[step] += inside + gap**2 * (count * new / total)
            self._mean[step] += gap * (new / total)
            orbit = values[:, step].mean(axis=0, dtype=np.float64)
            self._orbit[step] += (orbit - self._orbit[step]) * (new / total)
            if values.shape[2] > 1:
                along = values[:, step].var(axis=1, dtype=np.float64).mean(axis=0)
                self._along[step] += (along - self._along[step]) * (new / total)
        self._count = total

    def results(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Mean, variance over members, mean along the orbit, mean over members of the variance along the orbit."""
        return self._mean, self._squares / (self._count - 1), self._orbit, self._along


class _UnitWriter:
    """Averages batches of members and writes them to files."""

    def __init__(self, run: Run, members: int, scratch: Path, kinds: tuple[str, ...]) -> None:
        self._batch = batch_size(members)
        self._units, self._members = members // self._batch, members
        self._places = {split: run.samples_of(split) for split in SPLITS}
        self._places = {split: places for split, places in self._places.items() if len(places)}
        self._seen = dict.fromkeys(kinds, 0)
        self._pending: dict[str, np.ndarray] = {}
        sizes = run.data.sizes
        self._files: dict[tuple[str, str], StoredSample] = {}
        for kind in kinds:
            for split, places in self._places.items():
                shape = (sizes["step"], self._units, len(places) * sizes["output"])
                path = scratch / f"{split}-{kind}.npy"
                np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
                self._files[split, kind] = StoredSample(path, shape, self._units * self._batch)

    def add(self, kind: str, values: Float[np.ndarray, "member step sample output"]) -> None:
        """Take members in; whole batches are written, the rest waits for the next block."""
        waiting = self._pending.pop(kind, None)
        values = values if waiting is None else np.concatenate([waiting, values])
        first = self._seen[kind]
        count = min(len(values) // self._batch, self._units - first)
        if count < len(values) / self._batch:
            self._pending[kind] = values[count * self._batch :].copy()
        self._seen[kind] += count
        if count == 0:
            return
        taken = values[: count * self._batch]
        batches = taken.reshape(count, self._batch, *values.shape[1:])
        units = taken if self._batch == 1 else batches.mean(axis=1, dtype=np.float64)
        for split, places in self._places.items():
            file = np.load(self._files[split, kind].path, mmap_mode="r+")
            file[:, first : first + count] = np.moveaxis(units[:, :, places].reshape(*units.shape[:2], -1), 0, 1)
            del file  # unmaps

    def samples(self) -> dict[tuple[str, str], StoredSample]:
        """The finished samples."""
        return self._files
