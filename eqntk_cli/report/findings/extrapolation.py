"""Mean differences extrapolated linearly in 1/n to infinite width, point by point."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np

from eqntk_cli.report.findings.base import STEPS, TITLE, Counts, Series, Sheet, column
from eqntk_cli.report.findings.scope import ACROSS, Study, StudyFinding
from eqntk_cli.report.findings.sweep import comparison_of, sweeps_over_width, title_of
from eqntk_cli.report.model import Analysis
from eqntk_cli.report.paper.drawing import Drawing
from eqntk_cli.report.paper.style import INK, MUTED, Look
from eqntk_cli.report.paper.table import number
from eqntk_cli.report.statistics.scaling import extrapolate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CAPTION = "Difference of the means extrapolated in 1/n to infinite width, point by point; RMS and noise floor."


@dataclass(frozen=True)
class Extrapolation(StudyFinding):
    """Mean difference extrapolated linearly in 1/n to infinite width, point by point; RMS over the test points."""

    KEY = "extrapolations"
    SHEETS = (
        Sheet(
            "extrapolations",
            "Extrapolated to infinite width",
            "The mean difference of each point, extrapolated in 1/n to infinite width.",
        ),
    )

    title: Annotated[str, TITLE]
    # "augmented - theory" | "gcnn - theory" | "augmented - gcnn"
    name: Annotated[str, column("Comparison", key="comparison")]
    steps: Annotated[Counts, STEPS]
    widths: Counts
    rms_distance: Annotated[Series, column("Distance at infinite width", number)]  # of the extrapolated difference
    noise_floor: Annotated[Series, column("Noise floor", number)]
    unbiased_squared: Annotated[Series, column("D^2 without noise", number)]
    # RMS over points of the coefficient of 1/n, noise removed: difference ~ bias / n
    bias_rms: Annotated[Series, column("Bias times width", number)]

    @classmethod
    def measure(cls, study: Study) -> Iterator["Extrapolation"]:
        """For every set of pairs that differ in width alone."""
        for group in sweeps_over_width(study.results):
            for name in group[0].differences:
                if not all(name in result.differences for result in group):
                    continue
                comparisons = [comparison_of(result, name) for result in group]
                steps = comparisons[0].steps
                widths = [result.analysis.width for result in group]
                rows = [
                    extrapolate(
                        widths,
                        np.stack([result.differences[name][index] for result in group]),
                        [comparison.noise_floor[index] for comparison in comparisons],
                    )
                    for index in range(len(steps))
                ]
                distance, floor, unbiased, bias = (tuple(column) for column in zip(*rows, strict=True))
                yield cls(title_of(group), name, steps, tuple(widths), distance, floor, unbiased, bias)

    @classmethod
    def drawings(cls, analysis: Analysis) -> Iterator[Drawing]:
        """One figure per comparison and sweep."""
        for place, limit in enumerate(analysis.of(cls), 1):
            title, needs = f"{limit.title}: {limit.name}, infinite width", "recorded steps after 0"
            yield Drawing(f"extrapolation-{place}", ACROSS, title, _CAPTION, partial(draw_extrapolation, limit), needs)


def draw_extrapolation(limit: Extrapolation) -> "Figure | None":
    """Distance extrapolated to infinite width against its noise floor over training steps t > 0."""
    from eqntk_cli.report.paper.canvas import legend_above, line, log_steps, log_values, new_figure, positive

    after = np.array(limit.steps) > 0
    distance = positive(limit.rms_distance)[after]
    if not np.isfinite(distance).any():
        return None
    figure, (axes,) = new_figure(2.4)
    steps, floor = np.array(limit.steps)[after], positive(limit.noise_floor)[after]
    lowest = float(np.nanmin(np.concatenate([distance, floor]))) / 2
    axes.fill_between(steps, lowest, floor, color=MUTED, alpha=0.18, linewidth=0, label="noise floor")
    line(axes, steps, distance, Look("", INK, INK, "o"), label=f"{limit.name}, n to infinity")
    axes.set(yscale="log", ylabel="distance of the means, RMS")
    axes.set_ylim(bottom=lowest)
    log_values(axes.yaxis)
    log_steps(axes, limit.steps)
    legend_above(figure, axes)
    return figure
