"""A finite-width quantity against the width n on log axes, with the fitted and the expected power law.

Theory expects the difference of one coupled member to fall like n^(-1/2) (1/n if f - f_0 is trained), and the bias of
means like 1/n.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np

from eqntk_cli.report.findings.base import STEP, TITLE, Counts, Series, Sheet, column
from eqntk_cli.report.findings.comparison import distance_at
from eqntk_cli.report.findings.scope import ACROSS, PairResult, Study, StudyFinding
from eqntk_cli.report.findings.sweep import AGAINST, BETWEEN, comparison_of, sweeps_over_width, title_of
from eqntk_cli.report.model import Analysis
from eqntk_cli.report.paper.drawing import Drawing
from eqntk_cli.report.paper.style import INK, MUTED, Look, look_of
from eqntk_cli.report.paper.table import integer, number
from eqntk_cli.report.statistics.scaling import power_law

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PER_MEMBER, OF_MEANS = "difference per member", "distance of the means"
_CAPTION = "Scaling with the width n, noise removed; fitted power law with its standard error, and the expected one."
_LOOKS = {
    PER_MEMBER: Look("", INK, INK, "o"),
    OF_MEANS: Look("", INK, INK, "s"),
    "augmented - theory": look_of("augmented_ensemble"),
    "gcnn - theory": look_of("gcnn_ensemble"),
}


@dataclass(frozen=True)
class WidthScaling(StudyFinding):
    """A quantity against the width n over a sweep, value ~ n^exponent, on the test split."""

    KEY = "scalings"
    SHEETS = (
        Sheet("widths", "Scaling with the width n", "RMS with the noise removed; value ~ n^exponent.", tracked=True),
    )

    title: Annotated[str, TITLE]
    quantity: Annotated[str, column("Quantity")]  # PER_MEMBER | OF_MEANS | "augmented - theory" ...
    step: Annotated[int, STEP]
    widths: Annotated[Counts, column("Width", integer, "width")]
    value: Annotated[Series, column("Value", number)]  # RMS with the noise removed
    error: Annotated[Series, column("its error", number)]  # standard error
    floor: Annotated[Series, column("Noise floor", number)]
    exponent: Annotated[float | None, column("Exponent", number)]  # None: something is seen at fewer than two widths
    exponent_error: Annotated[float | None, column("its error", number)]
    expected: Annotated[float, column("expected", number)]

    @classmethod
    def measure(cls, study: Study) -> Iterator["WidthScaling"]:
        """Differences at the last step against the width, for every set of pairs that differ in nothing else."""
        for group in sweeps_over_width(study.results):
            first = group[0].analysis
            if first.coupled:
                yield _scaling(group, PER_MEMBER, _member_slope(group[0]))
            yield _scaling(group, OF_MEANS, -1.0)
            if all(result.analysis.run_ntk for result in group):
                for name in AGAINST.values():
                    yield _scaling(group, name, -1.0)

    @classmethod
    def drawings(cls, analysis: Analysis) -> Iterator[Drawing]:
        """One figure per quantity and sweep."""
        for place, scaling in enumerate(analysis.of(cls), 1):
            title, needs = f"{scaling.title}: {scaling.quantity}", "two widths at which something is seen"
            yield Drawing(f"width-{place}", ACROSS, title, _CAPTION, partial(draw_width, scaling), needs)


def draw_width(scaling: WidthScaling) -> "Figure | None":
    """Value with error bars against width, noise floor, fit and expected slope; None if nothing was seen."""
    from eqntk_cli.report.paper.canvas import legend_above, log_counts, log_values, new_figure, positive

    value = positive(scaling.value)
    if len(scaling.widths) < 2 or not np.isfinite(value).any():
        return None
    look = _LOOKS.get(scaling.quantity, look_of(None))
    figure, (axes,) = new_figure(2.4)
    widths, error = np.array(scaling.widths, dtype=float), np.nan_to_num(np.array(scaling.error, dtype=float))
    below = np.minimum(error, 0.99 * np.nan_to_num(value, nan=1.0))  # a bar to zero has no end on a log axis
    bars = look.style() | {"linestyle": "none", "zorder": 3, "label": f"step {scaling.step}"}
    axes.errorbar(widths, value, yerr=np.stack([below, error]), **bars)
    axes.plot(widths, positive(scaling.floor), color=MUTED, linewidth=3.2, alpha=0.35, label="noise floor")
    _draw_laws(axes, scaling, widths, value, look)
    axes.set(yscale="log", ylabel=f"{scaling.quantity}, RMS")
    axes.set_ylim(bottom=np.nanmin(np.concatenate([value, positive(scaling.floor)])) / 2)
    log_values(axes.yaxis)
    log_counts(axes, scaling.widths, "width $n$")
    axes.set_xlim(widths.min() / 1.25, widths.max() * 1.25)
    legend_above(figure, axes)
    return figure


def _member_slope(result: PairResult) -> float:
    """Exponent of the difference of coupled members, plain ones averaged over the group: -1/2, centred -1.

    The kernels of two members agree after averaging over the group; the rest, of order n^(-1/2), acts only on the part
    of the residual that is not invariant. At the start that is f_0 of the plain network, of order 1, or, centred,
    nothing at all; there it grows to order n^(-1/2) by the same rest, and the difference is of order 1/n.
    """
    return -1.0 if result.pair.gcnn.record.training.get("centred") else -0.5


def _scaling(group: Sequence[PairResult], quantity: str, expected: float) -> WidthScaling:
    values, errors, floors = [], [], []
    for result in group:
        if quantity == PER_MEMBER:
            value, error = result.analysis.test.member_rms[-1], result.analysis.test.member_rms_error[-1]
            floor = float("nan")
        else:
            comparison = comparison_of(result, BETWEEN if quantity == OF_MEANS else quantity)
            value, error = distance_at(comparison, len(comparison.steps) - 1)
            floor = comparison.noise_floor[-1]
        values.append(value)
        errors.append(error)
        floors.append(floor)
    widths = [result.analysis.width for result in group]
    exponent, exponent_error = power_law(widths, values, errors)
    return WidthScaling(
        title=title_of(group),
        quantity=quantity,
        step=group[0].analysis.test.steps[-1],
        widths=tuple(widths),
        value=tuple(values),
        error=tuple(errors),
        floor=tuple(floors),
        exponent=exponent,
        exponent_error=exponent_error,
        expected=expected,
    )


def _draw_laws(axes: "Axes", scaling: WidthScaling, widths: np.ndarray, value: np.ndarray, look: Look) -> None:
    seen = np.isfinite(value)
    logs = np.log(widths[seen])
    centre, level = np.exp(logs.mean()), np.exp(np.log(value[seen]).mean())
    ends = np.array([widths.min(), widths.max()])
    if scaling.exponent is not None:
        error = "" if scaling.exponent_error is None else f" \\pm {scaling.exponent_error:.2f}"
        label = f"fit $n^{{{scaling.exponent:.2f}{error}}}$"
        axes.plot(ends, level * (ends / centre) ** scaling.exponent, color=look.light, linewidth=1, label=label)
    label = f"expected $n^{{{scaling.expected:g}}}$"
    expected = level * (ends / centre) ** scaling.expected
    axes.plot(ends, expected, color=INK, linewidth=0.8, linestyle=":", label=label)
