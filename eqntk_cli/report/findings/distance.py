"""Distance of the two means over training, with what noise alone would give, the margin and the controls.

Above: D(t) = RMS over points of (mean_A - mean_B) for the pair and for its controls, the noise floor and the
margin. Below: the one-sided upper bound of the true distance at the level of the report, in units of the margin; a
pair is equivalent where it stays below 1 at every counted step.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eqntk_cli.report.findings.base import Finding, Sheet, table_of
from eqntk_cli.report.findings.comparison import MeanComparison
from eqntk_cli.report.findings.scope import PAIR, PairCase, PairFinding, Picture
from eqntk_cli.report.model import Analysis, PairAnalysis
from eqntk_cli.report.paper.style import INK, MUTED, Look, look_of
from eqntk_cli.report.paper.table import Cell, Column, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PAIR = Look("augmented - GCNN", INK, INK, "o")


@dataclass(frozen=True)
class Distances(PairFinding):
    """All comparisons of means of a pair: subjects, controls, theory. They stand in the pair itself."""

    LABELS = (PAIR, Column("kind", "Kind"))
    SHEETS = (
        Sheet(
            "steps",
            "Step by step",
            "D: RMS over points (sample, output) of the difference of the two means. Noise floor: the D that equal "
            "means would show with these many members. Bound: one-sided upper bound of the true distance, at the "
            "level of the report (of one look, under a plan of several). Step 0 is no step of the verdict, nor is "
            "one that a plan does not count. Independent points: how many the samples and outputs amount to, since "
            "neighbours move together.",
            on_page=False,
            tracked=True,
        ),
    )
    PICTURE = Picture(
        "distance",
        "Distance over training",
        "RMS over the test points of the difference between the two mean predictions{inputs}. Grey: the distance that "
        "equal means would show with this many members. Bars: 95 % interval of the true distance. Dashed: the margin. "
        "Coloured: the controls, which must lie above. Below: the upper bound of the true distance, at the level of "
        "the report, in units of the margin; equivalent if it is below 1 (shaded) at every counted step.",
        "recorded steps after 0",
    )

    @classmethod
    def measure(cls, case: PairCase) -> Iterator["Distances"]:  # noqa: ARG003
        """Nothing of its own: the comparisons were made for the verdict."""
        yield from ()

    @classmethod
    def caption(cls, pair: PairAnalysis) -> str:
        """Names the inputs."""
        return super().caption(pair).format(inputs=pair.inputs_in_words)

    @classmethod
    def labelled(cls, analysis: Analysis) -> Iterator[tuple[Mapping[str, Cell], Finding]]:
        """Every comparison of every pair."""
        for pair in analysis.pairs:
            for kind, comparison in _comparisons(pair):
                yield {"pair": pair.name, "kind": kind}, comparison

    @classmethod
    def tables(cls, analysis: Analysis) -> Iterator[Table]:
        """One row per comparison and recorded step."""
        yield table_of(MeanComparison, cls.SHEETS[0], cls.labelled(analysis), cls.LABELS)

    @classmethod
    def draw(cls, pair: PairAnalysis) -> "Figure | None":
        """Distance and bound over training steps t > 0; None if only step 0 was recorded."""
        from eqntk_cli.report.paper.canvas import legend_above, new_figure

        if max(pair.test.steps, default=0) < 1:
            return None
        figure, (above, below) = new_figure(3.7, 2, sharex=True, height_ratios=(2.3, 1))
        _distances(above, pair)
        _bounds(below, pair)
        legend_above(figure, above)
        return figure


def _comparisons(pair: PairAnalysis) -> list[tuple[str, MeanComparison]]:
    own = [("pair", comparison) for comparison in (pair.test, pair.ood, pair.train) if comparison is not None]
    own += [("unmoved inputs", pair.unmoved)] if pair.unmoved is not None else []
    theory = [("theory", comparison) for comparison in pair.theory]
    return own + theory + [(f"control: {control.control}", control.comparison) for control in pair.controls]


def _distances(axes: "Axes", pair: PairAnalysis) -> None:
    from eqntk_cli.report.paper.canvas import line, log_values, positive

    test, now = pair.test, _after_start(pair.test)
    steps = np.array(test.steps)[now]
    floor = positive(test.noise_floor)[now]
    bottom = _bottom(pair)
    axes.fill_between(steps, bottom, floor, color=MUTED, alpha=0.18, linewidth=0, label="noise floor")
    axes.plot(steps, positive(test.margin)[now], color=INK, linewidth=1, linestyle=(0, (6, 2)), label="margin")
    for control in pair.controls:
        at = _after_start(control.comparison)
        look = look_of(control.control)
        line(axes, np.array(control.comparison.steps)[at], positive(control.comparison.rms_distance)[at], look)
    low, high = (np.sqrt(np.maximum(np.nan_to_num(end), bottom**2))[now] for end in _interval(test))
    axes.vlines(steps, low, high, color=INK, linewidth=3.2, alpha=0.3, label="true distance, 95 %")
    line(axes, steps, positive(test.rms_distance)[now], _PAIR, linewidth=1.6)
    axes.set(yscale="log", ylabel="distance of the means\n(RMS, units of training)")
    axes.set_ylim(bottom=bottom)
    log_values(axes.yaxis)


def _bounds(axes: "Axes", pair: PairAnalysis) -> None:
    from eqntk_cli.report.paper.canvas import line, log_steps, log_values, positive

    comparisons = [(_PAIR, pair.test), *((look_of(control.control), control.comparison) for control in pair.controls)]
    for look, comparison in comparisons:
        now = _after_start(comparison)
        ratio = positive(comparison.upper_bound)[now] / positive(comparison.margin)[now]
        line(axes, np.array(comparison.steps)[now], ratio, look, label=None)
    axes.axhline(1, color=INK, linewidth=1, linestyle=(0, (6, 2)))
    axes.set(yscale="log", ylabel="upper bound\n/ margin")
    low, high = axes.get_ylim()
    low, high = min(low / 1.3, 0.4), max(high * 1.3, 2.5)
    axes.axhspan(low, 1, color=look_of("ntk").light, alpha=0.10, linewidth=0)
    axes.set_ylim(low, high)
    log_values(axes.yaxis)
    log_steps(axes, pair.test.steps)


def _interval(comparison: MeanComparison) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % interval of the true squared distance."""
    low, high = comparison.unbiased_squared_low, comparison.unbiased_squared_high
    return np.array(low, dtype=float), np.array(high, dtype=float)


def _after_start(comparison: MeanComparison) -> np.ndarray:
    return np.array(comparison.steps) > 0


def _bottom(pair: PairAnalysis) -> float:
    """Lower end of the axis: a little below everything that is drawn."""
    from eqntk_cli.report.paper.canvas import positive

    series = [pair.test.rms_distance, pair.test.noise_floor, pair.test.margin]
    series += [control.comparison.rms_distance for control in pair.controls]
    now = _after_start(pair.test)
    values = np.concatenate([positive(one)[now] if len(one) == len(now) else positive(one)[1:] for one in series])
    return float(np.nanmin(values)) / 2 if np.isfinite(values).any() else 1e-3
