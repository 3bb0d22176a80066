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
            "Of the first m members of each ensemble; antithetic members count in whole pairs.",
        ),
    )
    PICTURE = Picture(
        "members",
        "Distance against members",
        "Distance between the means{inputs} of the first m members of each ensemble: noise falls like m^(-1/2).",
        "more members",
    )

    step: Annotated[int, STEP]
    members: Annotated[Counts, column("Members", integer)]
    distance: Annotated[Series, column("Distance", number)]
    floor: Annotated[Series, column("Noise floor", number)]

    @classmethod
    def measure(cls, case: PairCase) -> Iterator["MemberScaling"]:
        """At the last step, on the test points."""
        steps = case.b.run.steps
        samples = case.a.samples["test", case.a.compared], case.b.samples["test", IDENTITY]
        yield member_scaling(*samples, len(steps) - 1, steps[-1], case.floor)

    @classmethod
    def caption(cls, pair: PairAnalysis) -> str:
        """Names the inputs."""
        return super().caption(pair).format(inputs=pair.inputs_in_words)

    @classmethod
    def draw(cls, pair: PairAnalysis) -> "Figure | None":
        """Distance and noise floor against members on log axes; None with fewer than two counts."""
        from eqntk_cli.report.paper.canvas import legend_above, line, log_counts, log_values, new_figure, positive

        (scaling,) = pair.of(cls)
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


def member_scaling(a: Sample, b: Sample, step: int, number: int, floor: float) -> MemberScaling:
    """RMS distance of the means of the first 2, 4, 8, ... units of both ensembles, after the step with index `step`."""
    most = min(a.units, b.units)
    counts = [2**power for power in range(1, most.bit_length()) if 2**power < most] + [most]
    squares = np.zeros(len(counts))
    for start, stop in point_blocks(a.points):
        slabs = [sample.slab(step, start, stop)[:most] for sample in (a, b)]
        total = np.cumsum(slabs[0].astype(np.float64) - slabs[1], axis=0)
        squares += [np.sum(np.square(total[count - 1] / count)) for count in counts]
    batch = a.members // a.units
    # the floor of all members, when the two ensembles are cut to the same size
    return MemberScaling(
        step=number,
        members=tuple(count * batch for count in counts),
        distance=tuple(np.sqrt(squares / a.points).tolist()),
        floor=tuple(floor * sqrt(most / count) if floor > 0 else nan for count in counts),
    )
