"""One pass over the predictions of an ensemble: moments over members, and units for the tests.

Blocks of members come in one after another and are forgotten. What stays in memory grows with steps x elements x
points only; the units (see `read.units`, or averages of batches of them) go to files (`read.unit_files`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.report.read.runs import Run
from eqntk_cli.report.read.unit_files import StoredSample, UnitWriter
from eqntk_cli.report.read.units import members_per_unit, units

IDENTITY = "identity"  # f(x)
SYMMETRISED = "symmetrised"  # mean over the group elements of f(g x)
_KEPT = 200  # members whose last predictions are kept one by one, for metrics of single members


@dataclass(frozen=True)
class Reduced:
    """An ensemble after the pass; arrays over (step, sample, output) cover all samples of the store."""

    run: Run
    members: tuple[int, ...]
    mean: Float[np.ndarray, "step sample output"]  # over members, of f(x)
    variance: Float[np.ndarray, "step sample output"]  # of a single member
    mean_variance: Float[np.ndarray, "step sample output"]  # of that mean: variance over draws / draws
    orbit_mean: Float[np.ndarray, "step element sample output"]  # over members, of f(g x)
    orbit_variance: Float[np.ndarray, "step sample output"]  # mean over members of Var_g f(g x)
    draw_orbit_variance: Float[np.ndarray, "step sample output"]  # the same of a draw: the mean over its members
    last: Float[np.ndarray, "member sample output"]  # the first members after the last step
    first_orbit: Float[np.ndarray, "element sample output"]  # the first member after the last step
    samples: dict[tuple[str, str], StoredSample]  # by split and kind

    @property
    def draws(self) -> int:
        """How many independent draws there are: the members, or their antithetic pairs."""
        return len(self.members) // members_per_unit(self.run.record)

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
    writer = UnitWriter(run, len(members), scratch, kinds)
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
    return Reduced(
        run=run,
        members=tuple(members),
        **sums.results(),
        last=np.concatenate(last),
        first_orbit=np.asarray(first_orbit),
        samples=writer.samples(),
    )


class _Moments:
    """Means and variances over members, merged block by block (Chan, Golub and LeVeque, 1979)."""

    def __init__(self, run: Run) -> None:
        sizes = run.data.sizes
        steps, elements, points = sizes["step"], sizes["element"], (sizes["sample"], sizes["output"])
        self._record = run.record
        self._count = 0
        self._mean = np.zeros((steps, *points))
        self._squares = np.zeros((steps, *points))  # sum over members of (f - mean)^2
        self._orbit = np.zeros((steps, elements, *points))
        self._along = np.zeros((steps, *points))
        # the same over draws, which are the members themselves unless these are antithetic
        self._draw_squares = np.zeros((steps, *points)) if run.record.antithetic else self._squares
        self._draw_along = np.zeros((steps, *points)) if run.record.antithetic else self._along

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
            self._squares[step] += _inside(plain[:, step], mean) + gap**2 * (count * new / total)
            if self._record.antithetic:
                pairs, between = units(plain[:, step], self._record), count * new / total / 2
                self._draw_squares[step] += _inside(pairs, mean) + gap**2 * between
            self._mean[step] += gap * (new / total)
            orbit = values[:, step].mean(axis=0, dtype=np.float64)
            self._orbit[step] += (orbit - self._orbit[step]) * (new / total)
            if values.shape[2] > 1:
                self._along[step] += (_along(values[:, step]) - self._along[step]) * (new / total)
                if self._record.antithetic:
                    along = _along(units(values[:, step], self._record))
                    self._draw_along[step] += (along - self._draw_along[step]) * (new / total)
        self._count = total

    def results(self) -> dict[str, Float[np.ndarray, "..."]]:
        """The moments by the names that they have in `Reduced`; for the variance see `statistics.member_variance`."""
        draws = self._count // members_per_unit(self._record)
        mean_variance = self._draw_squares / (draws - 1) / draws
        return {
            "mean": self._mean,
            "variance": self._squares / self._count + mean_variance,
            "mean_variance": mean_variance,
            "orbit_mean": self._orbit,
            "orbit_variance": self._along,
            "draw_orbit_variance": self._draw_along,
        }


def _inside(
    values: Float[np.ndarray, "draw sample output"], mean: Float[np.ndarray, "sample output"]
) -> Float[np.ndarray, "sample output"]:
    """Sum of the squares about the mean."""
    return np.square(values - mean.astype(values.dtype)).sum(axis=0, dtype=np.float64)


def _along(values: Float[np.ndarray, "draw element sample output"]) -> Float[np.ndarray, "sample output"]:
    """Mean over draws of the variance along the orbit."""
    return values.var(axis=1, dtype=np.float64).mean(axis=0)
