"""Distance of the means of the first m members each: falls like m^(-1/2) until the true distance shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan, sqrt
from typing import TYPE_CHECKING, Annotated

import numpy as np

from eqntk_cli.report.findings.base import STEP, Counts, Series, Sheet, column
from eqntk_cli.report.findings.scope import PairCase, PairFinding, Picture
from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.style import INK, MUTED, Look
from eqntk_cli.report.paper.table import integer, number
from eqntk_cli.report.read.reduce import IDENTITY
from eqntk_cli.report.statistics.samples import Sample, point_blocks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DISTANCE = Look("augmented - GCNN", INK, INK, "o")


@dataclass(frozen=True)
class MemberScaling(PairFinding):
    """RMS distance of the means of the first m members each: falls like m^(-1/2) down to the true distance."""

    KEY = "member_scaling"
    SINGLE = True
    SHEETS = (
        Sheet(
            "members",
            "Distance with fewer members",
            "Of the first m members of each ensemble; antithetic members count in whole pairs. Left out where one "
            "ensemble has so many (over 200) that they are averaged in batches, and the other not in batches as large.",
        ),
    )
    PICTURE = Picture(
        "members",
        "Distance against members",
        "Distance between the means{inputs} of the first m members of each ensemble: noise falls like m^(-1/2).",
        "more members, or batches of the same size in both ensembles",
    )

    step: Annotated[int, STEP]
    members: Annotated[Counts, column("Members", integer)]
    distance: Annotated[Series, column("Distance", number)]
    floor: Annotated[Series, column("Noise floor", number)]

    @classmethod
    def measure(cls, case: PairCase) -> Iterator["MemberScaling"]:
        """At the last step, on the test points; nothing where the units of both are not of as many members."""
        steps = case.b.run.steps
        a, b = case.a.samples["test", case.a.compared], case.b.samples["test", IDENTITY]
        if a.members * b.units == b.members * a.units:
            yield member_scaling(a, b, len(steps) - 1, steps[-1], paired=case.pair.coupled)

    @classmethod
    def caption(cls, pair: PairAnalysis) -> str:
        """Names the inputs."""
        return super().caption(pair).format(inputs=pair.inputs_in_words)

    @classmethod
    def draw(cls, pair: PairAnalysis) -> "Figure | None":
        """Distance and noise floor against members on log axes; None with fewer than two counts."""
        from eqntk_cli.report.paper.canvas import legend_above, line, log_counts, log_values, new_figure, positive

        scaling = next(iter(pair.of(cls)), None)
        if scaling is None:
            return None
        distance, floor = positive(scaling.distance), positive(scaling.floor)
        if len(scaling.members) < 2 or not np.isfinite(distance).any():
            return None
        figure, (axes,) = new_figure(2.4)
        line(axes, scaling.members, distance, _DISTANCE, label=f"distance at step {scaling.step}")
        axes.plot(scaling.members, floor, color=MUTED, linewidth=3.2, alpha=0.35, label="noise floor")
        start = int(np.flatnonzero(np.isfinite(distance))[0])
        counts = np.array(scaling.members[start:], dtype=float)
        guide = distance[start] * np.sqrt(counts[0] / counts)
        axes.plot(counts, guide, color=INK, linewidth=0.8, linestyle=":", label="slope $-1/2$")
        axes.set(yscale="log", ylabel="distance of the means, RMS")
        log_values(axes.yaxis)
        log_counts(axes, scaling.members, "members of each ensemble")
        legend_above(figure, axes, 3)
        return figure


def member_scaling(a: Sample, b: Sample, step: int, number: int, *, paired: bool) -> MemberScaling:
    """RMS distance of the means of the first 2, 4, 8, ... units of both ensembles.

    The noise floor of m units each is sqrt((var_A + var_B) / m), with the variances over all units that there are.

    Args:
        a: of the augmented ensemble.
        b: of the group ensemble; its units average as many members.
        step: index of the step.
        number: of the step.
        paired: the units belong together one by one; their noise is that of their differences.
    """
    most = min(a.units, b.units)
    counts = [2**power for power in range(1, most.bit_length()) if 2**power < most] + [most]
    squares, variance = np.zeros(len(counts)), 0.0
    for start, stop in point_blocks(a.points):
        of_a, of_b = (sample.slab(step, start, stop).astype(np.float64) for sample in (a, b))
        differences = of_a[:most] - of_b[:most]
        total = np.cumsum(differences, axis=0)
        squares += [np.sum(np.square(total[count - 1] / count)) for count in counts]
        variance += sum(values.var(axis=0, ddof=1).sum() for values in ((differences,) if paired else (of_a, of_b)))
    per_unit = a.members // a.units
    return MemberScaling(
        step=number,
        members=tuple(count * per_unit for count in counts),
        distance=tuple(np.sqrt(squares / a.points).tolist()),
        floor=tuple(sqrt(variance / a.points / count) if variance > 0 else nan for count in counts),
    )
