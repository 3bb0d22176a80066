"""The single test point at which the two means are furthest apart, at every step.

An RMS over points may hide one that is far off. Of P points some are apart by chance: the largest of P normal numbers
is near sqrt(2 ln P) standard errors, which is given beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log, sqrt
from typing import Annotated

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.findings.base import SPLIT, STEPS, Counts, Series, Sheet, column, series
from eqntk_cli.report.findings.scope import PairCase, PairFinding
from eqntk_cli.report.paper.table import integer, number, percent
from eqntk_cli.report.read.reduce import IDENTITY
from eqntk_cli.report.read.unit_files import StoredSample


@dataclass(frozen=True)
class WorstPoint(PairFinding):
    """The point (sample, output) with the largest |mean_A - mean_B| after every recorded step t > 0."""

    KEY = "worst_points"
    SHEETS = (
        Sheet(
            "worst_points",
            "The worst single point",
            "The test point at which the means are furthest apart, with its standard error; in units of the RMS of the "
            "mean prediction at that step. By chance: the standard errors by which the worst of so many independent "
            "points would be off if the means were the same.",
        ),
    )

    split: Annotated[str, SPLIT]
    steps: Annotated[Counts, STEPS]
    sample: Annotated[Counts, column("Sample", integer)]  # index within the store
    output: Annotated[tuple[str, ...], column("Output")]
    difference: Annotated[Series, column("Difference", number)]  # mean_A - mean_B, in the units of training
    error: Annotated[Series, column("its error", number)]
    share: Annotated[Series, column("of the RMS", percent)]  # |difference| / RMS of the mean of both
    deviations: Annotated[Series, column("in standard errors", number)]
    by_chance: Annotated[Series, column("by chance", number)]  # sqrt(2 ln P)

    @classmethod
    def measure(cls, case: PairCase) -> Iterator["WorstPoint"]:
        """On the test points, by the means that the verdict compares."""
        run, places = case.b.run, case.b.places("test")
        a, b = case.a.samples["test", case.a.compared], case.b.samples["test", IDENTITY]
        coupled = run.record.coupling == "shared"
        counted = [index for index, step in enumerate(run.steps) if step > 0]
        rows = [_difference(a, b, index, paired=coupled) for index in counted]
        worst = [int(np.argmax(np.abs(difference))) for difference, _, _ in rows]
        outputs = len(run.outputs)
        apart = np.array([row[0][point] for row, point in zip(rows, worst, strict=True)])
        error = np.array([row[1][point] for row, point in zip(rows, worst, strict=True)])
        size = np.array([row[2] for row in rows])
        with np.errstate(divide="ignore", invalid="ignore"):
            share, deviations = np.abs(apart) / size, np.abs(apart) / error
        yield cls(
            split="test",
            steps=tuple(run.steps[index] for index in counted),
            sample=tuple(int(places[point // outputs]) for point in worst),
            output=tuple(run.outputs[point % outputs] for point in worst),
            difference=series(apart),
            error=series(error),
            share=series(share),
            deviations=series(deviations),
            by_chance=(sqrt(2 * log(max(a.points, 2))),) * len(counted),
        )


def _difference(
    a: StoredSample, b: StoredSample, index: int, *, paired: bool
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"], float]:
    """Difference of the means after one step, its standard error at every point, and the RMS of the mean of both."""
    of_a, of_b = (sample.slab(index, 0, sample.points).astype(np.float64) for sample in (a, b))
    means = of_a.mean(axis=0), of_b.mean(axis=0)
    if paired:
        variance = (of_a - of_b).var(axis=0, ddof=1) / len(of_a)
    else:
        variance = of_a.var(axis=0, ddof=1) / len(of_a) + of_b.var(axis=0, ddof=1) / len(of_b)
    return means[0] - means[1], np.sqrt(variance), float(np.sqrt(np.mean(((means[0] + means[1]) / 2) ** 2)))
