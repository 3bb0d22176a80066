"""The units of an ensemble in files of a scratch folder, one per split and kind, from which the tests read slabs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.read.runs import SPLITS, Run
from eqntk_cli.report.read.units import halves, members_per_unit, units
from eqntk_cli.report.statistics.samples import batch_size


@dataclass(frozen=True)
class StoredSample:
    """A sample (see `statistics.samples`) in a file (step, unit, point), and its halves in another."""

    path: Path
    shape: tuple[int, int, int]
    members: int
    halves: Path | None = None

    @property
    def draws(self) -> int:
        """How many independent draws were averaged."""
        return self.members if self.halves is None else self.members // 2

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
        return _slab(self.path, step, start, stop)

    def half(self, step: int, start: int, stop: int) -> Float[np.ndarray, "unit point"] | None:
        """Half the differences inside antithetic pairs, averaged like the units; None of independent members."""
        return None if self.halves is None else _slab(self.halves, step, start, stop)


class UnitWriter:
    """Averages batches of draws and writes them, and the halves of antithetic pairs, to files."""

    def __init__(self, run: Run, members: int, scratch: Path, kinds: tuple[str, ...]) -> None:
        self._record = run.record
        draws = members // members_per_unit(run.record)
        self._batch = batch_size(draws)
        self._units = draws // self._batch
        self._places = {split: run.samples_of(split) for split in SPLITS}
        self._places = {split: places for split, places in self._places.items() if len(places)}
        self._seen: dict[Path, int] = {}
        self._pending: dict[Path, np.ndarray] = {}
        sizes = run.data.sizes
        self._files: dict[tuple[str, str], StoredSample] = {}
        for kind in kinds:
            for split, places in self._places.items():
                shape = (sizes["step"], self._units, len(places) * sizes["output"])
                paths = [scratch / f"{split}-{kind}.npy"]
                paths += [scratch / f"{split}-{kind}-half.npy"] if run.record.antithetic else []
                for path in paths:
                    np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
                members_kept = self._units * self._batch * members_per_unit(run.record)
                self._files[split, kind] = StoredSample(paths[0], shape, members_kept, *paths[1:])

    def add(self, kind: str, values: Float[np.ndarray, "member step sample output"]) -> None:
        """Take members in, without splitting a pair."""
        half = halves(values, self._record)
        draws = units(values, self._record)
        for split, places in self._places.items():
            sample = self._files[split, kind]
            self._append(sample.path, draws[:, :, places])
            if sample.halves is not None and half is not None:
                self._append(sample.halves, half[:, :, places])

    def _append(self, path: Path, draws: Float[np.ndarray, "draw step sample output"]) -> None:
        """Whole batches are written, the rest waits for the next block."""
        waiting = self._pending.pop(path, None)
        draws = draws if waiting is None else np.concatenate([waiting, draws])
        first = self._seen.get(path, 0)
        count = min(len(draws) // self._batch, self._units - first)
        if count < len(draws) / self._batch:
            self._pending[path] = draws[count * self._batch :].copy()
        self._seen[path] = first + count
        if count == 0:
            return
        taken = draws[: count * self._batch]
        batches = taken.reshape(count, self._batch, *draws.shape[1:])
        averages = taken if self._batch == 1 else batches.mean(axis=1, dtype=np.float64)
        file = np.load(path, mmap_mode="r+")
        file[:, first : first + count] = np.moveaxis(averages.reshape(*averages.shape[:2], -1), 0, 1)
        del file  # unmaps

    def samples(self) -> dict[tuple[str, str], StoredSample]:
        """The finished samples."""
        return self._files


def _slab(path: Path, step: int, start: int, stop: int) -> Float[np.ndarray, "unit point"]:
    # mapped for this moment only, so that pages do not pile up in memory
    return np.array(np.load(path, mmap_mode="r")[step, :, start:stop])
