"""Predictions of single points over training: both ensembles with their bands against the mean of theory.

Solid band: the mean with two standard errors; pale band: one standard deviation over members. The theory says that
both means follow mu_t, while the pale bands differ. The samples are the first ones, never chosen by what they show.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from eqntk_cli.report.findings.base import SPLIT, STEPS, Counts, Series, Sheet, column, series
from eqntk_cli.report.findings.scope import PairCase, PairFinding, Picture
from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.style import INK, MUTED, Look, look_of
from eqntk_cli.report.paper.table import integer, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 6


@dataclass(frozen=True)
class Trajectory(PairFinding):
    """Prediction of one point over training: ensembles with their spread against mu_t."""

    KEY = "trajectories"
    SHEETS = (
        Sheet(
            "trajectories",
            "Predictions of single points",
            "In the units of training.",
            ("split", "sample", "output", "steps", "mean_a", "spread_a", "error_a", "mean_b", "spread_b", "error_b")
            + ("mu", "mu_spread_a", "mu_spread_b", "target"),
            on_page=False,
        ),
    )
    PICTURE = Picture(
        "trajectories",
        "Single points",
        "Prediction of single test points during training, inputs unmoved. Inner band: mean with two standard errors; "
        "outer band: one standard deviation over members. The means should follow the kernel's mean mu_t; the outer "
        "bands need not agree.",
        "predictions of single points",
    )

    sample: Annotated[int, column("Sample", integer)]  # index within the store
    split: Annotated[str, SPLIT]
    output: Annotated[str, column("Output")]
    target: Annotated[float | None, column("Target", number)]
    steps: Annotated[Counts, STEPS]
    mean_a: Annotated[Series, column("mean augmented", number, "mean_augmented")]
    # standard deviation of one member
    spread_a: Annotated[Series, column("spread augmented", number, "spread_augmented")]
    # standard error of the mean; not the spread over the root of the members where these are antithetic
    error_a: Annotated[Series, column("error augmented", number, "error_augmented")]
    mean_b: Annotated[Series, column("mean GCNN", number, "mean_gcnn")]
    spread_b: Annotated[Series, column("spread GCNN", number, "spread_gcnn")]
    error_b: Annotated[Series, column("error GCNN", number, "error_gcnn")]
    mu: Annotated[Series | None, column("mean of theory", number)]
    # predicted standard deviation over members (kernel "plain", kernel "group")
    mu_spread_a: Annotated[Series | None, column("its spread, plain kernel", number, "mu_spread_plain")]
    mu_spread_b: Annotated[Series | None, column("group kernel", number, "mu_spread_group")]

    @classmethod
    def measure(cls, case: PairCase) -> Iterator["Trajectory"]:
        """The first test samples over training, each at the output of its largest target."""
        augmented, gcnn, theory, run = case.a, case.b, case.theory, case.a.run
        chosen = augmented.places("test")[:_MOST]
        target = run.target
        outputs = np.argmax(np.nan_to_num(np.abs(target[chosen])), axis=1)
        mu = deviation_a = deviation_b = None
        if theory is not None:
            mean = theory.mean(theory.kernel_for("gcnn_ensemble"), chosen)
            mu = mean.reshape(len(mean), len(chosen), -1)
            variance_a, variance_b = (theory.variance(name, chosen) for name in ("augmented_ensemble", "gcnn_ensemble"))
            deviation_a = None if variance_a is None else np.sqrt(np.maximum(variance_a, 0))
            deviation_b = None if variance_b is None else np.sqrt(np.maximum(variance_b, 0))
        for index, (place, output) in enumerate(zip(chosen, outputs, strict=True)):
            yield cls(
                sample=int(place),
                split="test",
                output=run.outputs[output],
                target=float(target[place, output]) if np.isfinite(target[place, output]) else None,
                steps=run.steps,
                mean_a=series(augmented.mean[:, place, output]),
                spread_a=series(np.sqrt(augmented.variance[:, place, output])),
                error_a=series(np.sqrt(augmented.mean_variance[:, place, output])),
                mean_b=series(gcnn.mean[:, place, output]),
                spread_b=series(np.sqrt(gcnn.variance[:, place, output])),
                error_b=series(np.sqrt(gcnn.mean_variance[:, place, output])),
                mu=None if mu is None else series(mu[:, index, output]),
                mu_spread_a=None if deviation_a is None else series(deviation_a[:, index]),
                mu_spread_b=None if deviation_b is None else series(deviation_b[:, index]),
            )

    @classmethod
    def draw(cls, pair: PairAnalysis) -> "Figure | None":
        """Up to six points, two side by side; None if the analysis kept none."""
        from eqntk_cli.report.paper.canvas import legend_above, new_figure

        points = pair.of(cls)[:_MOST]
        if not points:
            return None
        rows = -(-len(points) // 2)
        figure, axes = new_figure(1.45 * rows + 0.65, rows, 2 if len(points) > 1 else 1, sharex=True)
        for panel, point in zip(axes, points, strict=False):
            _draw_point(panel, point)
        for panel in axes[len(points) :]:
            panel.set_visible(False)
        for panel in axes[:-2]:
            panel.set_xlabel("")
        figure.supylabel("prediction (units of training)", fontsize=7.5)
        legend_above(figure, axes[0], 4)
        return figure


def _draw_point(axes: "Axes", point: Trajectory) -> None:
    from eqntk_cli.report.paper.canvas import line, shown, steps_axis

    augmented, gcnn = (point.mean_a, point.spread_a, point.error_a), (point.mean_b, point.spread_b, point.error_b)
    _draw_ensemble(axes, point.steps, *augmented, look_of("augmented_ensemble"))
    _draw_ensemble(axes, point.steps, *gcnn, look_of("gcnn_ensemble"))
    if point.mu is not None:
        look = look_of("ntk")
        line(
            axes,
            point.steps,
            point.mu,
            look,
            marker="",
            linestyle=(0, (3, 1.2)),
            linewidth=1.5,
            label="theory, $\\mu_t$",
        )
    if point.target is not None:
        axes.axhline(point.target, color=MUTED, linewidth=0.7, linestyle=":", label="target")
    title = axes.set_title(shown(f"sample {point.sample}, output {point.output}", 30), fontsize=6.8, color=INK)
    title.set_parse_math(False)
    title.set_fontweight("normal")
    steps_axis(axes, point.steps)


def _draw_ensemble(axes: "Axes", steps: Counts, mean: Series, spread: Series, error: Series, look: Look) -> None:
    from eqntk_cli.report.paper.canvas import band, line

    centre, wide, narrow = (np.array(values, dtype=float) for values in (mean, spread, error))
    band(axes, steps, centre - wide, centre + wide, look, 0.10)
    band(axes, steps, centre - 2 * narrow, centre + 2 * narrow, look, 0.30)
    line(axes, steps, centre, look, markersize=2.4, linewidth=1.0)
