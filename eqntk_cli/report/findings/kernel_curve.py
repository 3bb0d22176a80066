"""Test errors of infinitely wide ensembles against the number N of training samples, and how fast they fall."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np

from eqntk_cli.report.findings.base import METRIC, UNIT, Counts, Finding, Series, Sheet, column
from eqntk_cli.report.findings.draws import ERRORS, Draws, Metric, mean_curve
from eqntk_cli.report.findings.scope import LEARNING, Registered, Study, StudyFinding
from eqntk_cli.report.model import Analysis
from eqntk_cli.report.paper.drawing import Drawing
from eqntk_cli.report.paper.style import CONTROLS, MODELS, Look
from eqntk_cli.report.paper.table import Cell, integer, number
from eqntk_cli.report.read.selection import CurveKey
from eqntk_cli.report.statistics.learning import decay
from eqntk_cli.targets.units import MEV_PER_KCAL_PER_MOL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETTING = column("Setting")
_CAPTION = (
    "Test error of infinitely wide ensembles at the last step against the number N of training samples: mean over "
    "draws of the data with its standard error, and the fitted N^(-beta). The equivariant kernel on N samples and the "
    "plain kernel on their orbits are the same predictor where the network is exactly equivariant; there their points "
    "must coincide."
)
_NAMES = {"loss": "test loss (mean square)", "error": "test error (1 - ACC)", "mae": "mean absolute error"}
_LOOKS = {
    "equivariant": (MODELS["gcnn_ensemble"], MODELS["ntk"], CONTROLS["other_step_size"]),
    "augmented": (MODELS["augmented_ensemble"], CONTROLS["other_group"], CONTROLS["other_group"]),
    "plain": (CONTROLS["no_augmentation"],),
}


@dataclass(frozen=True)
class KernelCurve(StudyFinding):
    """A test metric of an infinitely wide ensemble against the number N of training samples, mean over draws of data.

    Where the metric is an error, a N^(-beta) is fitted through the means (beta > 0: the error falls). Series have one
    entry per `n_train`.
    """

    KEY = "kernel_curves"
    SECTION = LEARNING
    SHEETS = (
        Sheet(
            "kernel_curves",
            "Learning curves, all values",
            "Test points, last recorded step; the error is the standard error over draws of the data.",
            ("title", "label", "metric", "unit", "n_train", "draws", "value", "error", "kcal_per_mol", "step"),
            tracked=True,
        ),
    )

    title: Annotated[str, SETTING]  # what all curves of one comparison share
    group: str
    kind: str  # equivariant (group kernel) | augmented (plain kernel on the orbits) | plain (no symmetry)
    label: Annotated[str, column("Kernel", key="kernel")]  # "C4 equivariant kernel"
    # loss: 1/(2 n_test) sum over samples, outputs of (f - y)^2 | error: 1 - acc | acc | auc | mae | rmse
    metric: Annotated[str, METRIC]
    unit: Annotated[str, UNIT]  # "" for shares and for the loss, which is in the units of training
    step: Annotated[int, column("Step", integer)]  # the last recorded one
    n_train: Annotated[Counts, column("N", integer)]
    draws: Annotated[Counts, column("Draws", integer)]  # different training sets that were averaged over
    value: Annotated[Series, column("Mean over draws", number)]
    error: Annotated[Series, column("its error", number)]  # standard error over draws; nan where there is one
    # the values again, where `unit` is an energy per molecule
    kcal_per_mol: Annotated[Series | None, column("kcal/mol", number)]
    beta: float | None  # None: the metric is no error, or fewer than two N at which something is seen
    beta_error: float | None
    amplitude: float | None  # a
    fitted: tuple[int, int] | None  # the smallest and the largest N of the fit
    steps: Counts
    history: tuple[Series, ...]  # per n_train the mean over draws at every recorded step

    @classmethod
    def measure(cls, study: Study) -> Iterator["KernelCurve"]:
        """Every metric of every kernel."""
        known = study.kernel_draws
        for key, draws in known.by_curve.items():
            first = next(iter(draws[min(draws)].values()))
            for metric in first.history:
                yield _measured(key, known.titles[key.setting], draws, metric, first.steps)

    @classmethod
    def drawings(cls, analysis: Analysis) -> Iterator[Drawing]:
        """One figure per setting with all kernels."""
        for place, title in enumerate(dict.fromkeys(curve.title for curve in analysis.of(cls)), 1):
            make = partial(draw_kernel_learning, [curve for curve in analysis.of(cls) if curve.title == title])
            needs, words = "two numbers of training samples", f"{title}: test error against training samples"
            yield Drawing(f"kernel-learning-{place}", LEARNING, words, _CAPTION, make, needs)


@dataclass(frozen=True)
class KernelExponent(Registered):
    """The power law through one learning curve of a kernel; in report.json it stands with its curve."""

    SECTION = LEARNING
    SHEETS = (
        Sheet(
            "kernel_exponents",
            "How fast test errors fall",
            "Test error at the last step ~ N^(-beta), a straight line in log-log weighted with the spread over draws; "
            "beta above 0: the error falls. loss: 1/(2 test samples) sum of (f - y)^2, for which Spigler, Geiger and "
            "Wyart (arXiv 1905.10843) found beta near 0.4 on MNIST. error: 1 - accuracy.",
            tracked=True,
        ),
    )

    title: Annotated[str, SETTING]
    kernel: Annotated[str, column("Kernel")]
    metric: Annotated[str, METRIC]
    beta: Annotated[float, column("beta", number)]
    beta_error: Annotated[float | None, column("its error", number)]
    first: Annotated[int | None, column("N from", integer)]
    last: Annotated[int | None, column("to", integer)]
    value: Annotated[float, column("at largest N", number)]
    error: Annotated[float, column("its error", number)]
    kcal_per_mol: Annotated[float | None, column("kcal/mol", number)]
    unit: Annotated[str, UNIT]

    @classmethod
    def labelled(cls, analysis: Analysis) -> Iterator[tuple[Mapping[str, Cell], Finding]]:
        """One for every curve that has an exponent."""
        for curve in analysis.of(KernelCurve):
            if curve.beta is None:
                continue
            first, last = curve.fitted or (None, None)
            kcal = curve.kcal_per_mol[-1] if curve.kcal_per_mol else None
            fit = (curve.title, curve.label, curve.metric, curve.beta, curve.beta_error, first, last)
            yield {}, cls(*fit, curve.value[-1], curve.error[-1], kcal, curve.unit)


def label_of(kind: str, group: str) -> str:
    """What a curve is called: "C4 equivariant kernel"."""
    planar = group[0] in "cd" and group[1:].rstrip("z").isdigit()
    name = "SO(3)" if group == "so3" else group[0].upper() + group[1:] if planar else group
    words = {
        "equivariant": f"{name} equivariant kernel",
        "augmented": f"plain kernel on the {name} orbit",
        "plain": "plain kernel",
    }
    return words[kind]


def draw_kernel_learning(curves: Sequence[KernelCurve]) -> "Figure | None":
    """One panel per error (loss, error or mae) with all kernels of one setting; None without two N."""
    from eqntk_cli.report.paper.canvas import new_figure

    shown = [curve for curve in curves if curve.metric in _NAMES and len(curve.n_train) > 1]
    kinds = list(dict.fromkeys((curve.metric, curve.unit) for curve in shown))
    if not kinds:
        return None
    figure, axes = new_figure(2.9 * len(kinds), len(kinds))
    for panel, kind in zip(axes, kinds, strict=True):
        _draw_panel(panel, [curve for curve in shown if (curve.metric, curve.unit) == kind])
        panel.set_ylabel(f"{_NAMES[kind[0]]}, {kind[1]}" if kind[1] else _NAMES[kind[0]], parse_math=False)
    return figure


def _draw_panel(axes: "Axes", curves: Sequence[KernelCurve]) -> None:
    from eqntk_cli.report.paper.canvas import log_counts, log_values, positive

    groups = list(dict.fromkeys(curve.group for curve in curves if curve.kind != "plain"))
    for curve in curves:
        looks = _LOOKS[curve.kind]
        look = looks[groups.index(curve.group) % len(looks)] if curve.group in groups else looks[0]
        value, error = positive(curve.value), np.nan_to_num(np.array(curve.error, dtype=float))
        below = np.minimum(error, 0.99 * np.nan_to_num(value, nan=1.0))  # a bar to zero has no end on a log axis
        style = replace(look, hollow=curve.kind == "equivariant").style()
        bars = style | {"linestyle": "none", "label": f"{curve.label}{_power(curve)}"}
        axes.errorbar(curve.n_train, value, yerr=np.stack([below, error]), **bars)
        _draw_fit(axes, curve, look)
    axes.set_yscale("log")
    log_values(axes.yaxis)
    log_counts(axes, [count for curve in curves for count in curve.n_train], "training samples $N$")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.2)


def _draw_fit(axes: "Axes", curve: KernelCurve, look: Look) -> None:
    if curve.beta is None or curve.amplitude is None or curve.fitted is None:
        return
    ends = np.array(curve.fitted, dtype=float)
    axes.plot(ends, curve.amplitude * ends**-curve.beta, color=look.light, linewidth=1, linestyle=look.dashes)


def _power(curve: KernelCurve) -> str:
    if curve.beta is None:
        return ""
    error = "" if curve.beta_error is None else f" \\pm {curve.beta_error:.2f}"
    return f", $\\beta = {curve.beta:.2f}{error}$"


def _measured(key: CurveKey, title: str, draws: Draws, metric: Metric, steps: Counts) -> KernelCurve:
    averaged = mean_curve(draws, metric)
    fall = decay(averaged.n_train, averaged.value, averaged.error, averaged.draws) if metric[0] in ERRORS else None
    return KernelCurve(
        title=title,
        group=key.group,
        kind=key.kind,
        label=label_of(key.kind, key.group),
        metric=metric[0],
        unit=metric[1],
        step=steps[-1],
        n_train=averaged.n_train,
        draws=averaged.draws,
        value=averaged.value,
        error=averaged.error,
        kcal_per_mol=tuple(value / MEV_PER_KCAL_PER_MOL for value in averaged.value) if metric[1] == "meV" else None,
        beta=fall.beta if fall else None,
        beta_error=fall.beta_error if fall else None,
        amplitude=fall.amplitude if fall else None,
        fitted=(fall.first, fall.last) if fall else None,
        steps=steps,
        history=averaged.history,
    )
