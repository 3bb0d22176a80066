"""Variance over members against the variance that the infinite ensemble predicts.

Only the means of the two ensembles agree; their variances differ, and the infinite-width covariance predicts each. The
covariance S_t(x, x') of the theory is the same for every output, so its diagonal is compared with the variance over
members averaged over outputs. The error of the measured variance comes from the scatter of the members' squared
deviations, which makes no use of normality and counts points that move together only once; antithetic members are not
independent of each other, so there it comes from the scatter of their pairs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Annotated

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.findings.base import MODEL, SPLIT, STEPS, Counts, Series, Sheet, column
from eqntk_cli.report.findings.scope import PairCase, PairFinding, Picture
from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.style import MUTED, look_of
from eqntk_cli.report.paper.table import number
from eqntk_cli.report.read.reduce import IDENTITY
from eqntk_cli.report.read.theory import KERNEL_OF
from eqntk_cli.report.statistics.samples import Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SAMPLES = 256  # taken at once
_NAMED = 5.0  # standard errors beyond which the departure of a variance is named


@dataclass(frozen=True)
class VarianceComparison(PairFinding):
    """Variance over members against the diagonal of the predicted covariance, for one model."""

    KEY = "variances"
    SHEETS = (
        Sheet(
            "variances",
            "Variance over members, measured and predicted",
            "Variance over members (initialisations), mean over points, against the infinite-width covariance.",
            ("model", "split", "steps", "measured", "measured_error", "predicted", "ratio", "ratio_error"),
        ),
        Sheet(
            "variance_points",
            "Variance of single samples",
            "Mean over outputs.",
            ("model", "split", "scatter_step", "scatter_measured", "scatter_error", "scatter_predicted"),
            on_page=False,
        ),
    )
    PICTURE = Picture(
        "variance",
        "Variance over members",
        "Variance over members at the unmoved inputs, measured (markers, one standard error) and predicted by the "
        "infinite-width covariance (lines); below, sample by sample at one step, with the line of equality (not for "
        "centred training, where the limit has no variance). Only the means of the two models agree: their variances "
        "differ, and theory gives both.",
        "an ntk run with covariance=true",
    )

    model: Annotated[str, MODEL]
    kernel: str  # "plain" for the augmented ensemble, "group" for the gcnn ensemble
    split: Annotated[str, SPLIT]
    steps: Annotated[Counts, STEPS]
    measured: Annotated[Series, column("Variance measured", number)]  # mean over points of the variance over members
    measured_error: Annotated[Series, column("its error", number)]
    predicted: Annotated[Series, column("predicted", number)]  # mean over points of the predicted variance
    ratio: Annotated[Series, column("Ratio", number)]  # measured / predicted
    ratio_error: Annotated[Series, column("its error", number)]
    scatter_step: Annotated[int, STEPS]  # one step in detail: one entry per sample, averaged over outputs
    scatter_measured: Annotated[Series, column("measured", number, "measured")]
    scatter_error: Annotated[Series, column("error", number, "error")]
    scatter_predicted: Annotated[Series, column("predicted", number, "predicted")]

    @classmethod
    def measure(cls, case: PairCase) -> Iterator["VarianceComparison"]:
        """Both ensembles on test and ood points, where a covariance is known."""
        for split in ("test", "ood") if case.theory is not None else ():
            for ensemble in case.ensembles:
                places, model = ensemble.places(split), ensemble.run.record.model
                predicted = case.theory.variance(model, places) if case.theory is not None else None
                if predicted is None or len(places) == 0:
                    continue
                measured, sample = ensemble.variance[:, places], ensemble.samples[split, IDENTITY]
                labels = (model, KERNEL_OF[model], split)
                yield compare_variance(labels, ensemble.run.steps, sample, measured, predicted)

    def remarks(self, width: int) -> Iterable[str]:
        """Names a measured variance that is many standard errors away from that of infinite width.

        The largest departure over the recorded steps counts, which is why few standard errors are nothing.
        """
        apart = [
            (abs(ratio - 1) / error, ratio, error, step)
            for ratio, error, step in zip(self.ratio, self.ratio_error, self.steps, strict=True)
            if error > 0 and isfinite(ratio)
        ]
        if not apart or max(apart)[0] < _NAMED:
            return
        deviations, ratio, error, step = max(apart)
        yield (
            f"variance over members of {self.model}, {self.split} points: {ratio:.2f} +- {error:.2f} of the prediction "
            f"at step {step}, {deviations:.0f} standard errors away. The prediction is that of infinite width, the "
            f"networks have width {width}: such a departure is an effect of finite width, expected to shrink as the "
            "width grows"
        )

    @classmethod
    def draw(cls, pair: PairAnalysis) -> "Figure | None":
        """Mean variance over training (above) and sample by sample at one step (below); None without predictions.

        Centred members of infinite width are all alike: where no variance is predicted only the upper panel is drawn.
        """
        from eqntk_cli.report.paper.canvas import legend_above, new_figure, steps_axis

        variances = [variance for variance in pair.of(cls) if variance.split == "test"] or list(pair.of(cls))
        if not variances:
            return None
        predicted = any(value > 0 for variance in variances for value in variance.scatter_predicted)
        figure, panels = new_figure(4.6, 2, height_ratios=(1, 1.35)) if predicted else new_figure(2.4)
        above = panels[0]
        for variance in variances:
            _over_time(above, variance)
        steps_axis(above, variances[0].steps)
        above.set_ylabel("variance over members")
        above.set_ylim(bottom=0)
        if predicted:
            for variance in variances:
                _by_sample(panels[1], variance)
            _identity(panels[1], variances)
        legend_above(figure, above)
        return figure


def compare_variance(
    labels: tuple[str, str, str],
    steps: tuple[int, ...],
    sample: Sample,
    measured: Float[np.ndarray, "step sample output"],
    predicted: Float[np.ndarray, "step sample"],
) -> VarianceComparison:
    """The comparison at every step, and sample by sample after the last.

    Args:
        labels: model, kernel and split.
        steps: recorded steps.
        sample: the units of the ensemble at these samples, for the errors.
        measured: variance of a single member, from all of them.
        predicted: diagonal of the predicted covariance.
    """
    errors = [_errors(sample, step, measured.shape[2])[0] for step in range(len(steps))]
    scatter = _errors(sample, len(steps) - 1, measured.shape[2])[1]
    mean, expected = measured.mean(axis=(1, 2)), predicted.mean(axis=1)
    model, kernel, split = labels
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, ratio_error = mean / expected, np.array(errors) / expected
    return VarianceComparison(
        model=model,
        kernel=kernel,
        split=split,
        steps=steps,
        measured=tuple(mean.tolist()),
        measured_error=tuple(errors),
        predicted=tuple(expected.tolist()),
        ratio=tuple(ratio.tolist()),
        ratio_error=tuple(ratio_error.tolist()),
        scatter_step=steps[-1],
        scatter_measured=tuple(measured[-1].mean(axis=1).tolist()),
        scatter_error=tuple(scatter.tolist()),
        scatter_predicted=tuple(predicted[-1].tolist()),
    )


def _errors(sample: Sample, step: int, outputs: int) -> tuple[float, Float[np.ndarray, " sample"]]:
    """Standard error of the variance averaged over all points, and of that of each sample."""
    units, batch = sample.units, sample.draws / sample.units
    # a unit of b draws has the variance divided by b; b units' worth of draws make the error smaller by b^(1/2)
    factor = batch * sqrt(units) / (units - 1) / sqrt(batch)
    total, errors, count = np.zeros(units), [], 0
    for squares in _squares(sample, step, outputs):
        total += squares.sum(axis=1)
        count += squares.shape[1]
        errors.append(factor * squares.std(axis=0, ddof=1))
    return float(factor * np.std(total / count, ddof=1)), np.concatenate(errors)


def _squares(sample: Sample, step: int, outputs: int) -> Iterator[Float[np.ndarray, "unit sample"]]:
    """Squared deviations of the units from their mean, averaged over outputs, some samples at a time.

    Of a pair of antithetic members, the mean of the squared deviations of both, ((f - m)^2 + (f' - m)^2) / 2.
    """
    for start in range(0, sample.points, _SAMPLES * outputs):
        stop = min(start + _SAMPLES * outputs, sample.points)
        slab, half = sample.slab(step, start, stop).astype(np.float64), sample.half(step, start, stop)
        squares = np.square(slab - slab.mean(axis=0))
        squares += 0 if half is None else np.square(half, dtype=np.float64)
        yield squares.reshape(len(squares), -1, outputs).mean(axis=2)


def _over_time(axes: "Axes", variance: VarianceComparison) -> None:
    look = look_of(variance.model)
    error = np.nan_to_num(np.array(variance.measured_error, dtype=float))
    axes.errorbar(
        variance.steps,
        variance.measured,
        yerr=error,
        **(look.style() | {"linestyle": "none", "label": f"{look.label}, measured"}),
    )
    axes.plot(variance.steps, variance.predicted, color=look.light, label=f"{look.label}, theory")


def _by_sample(axes: "Axes", variance: VarianceComparison) -> None:
    look = look_of(variance.model)
    axes.errorbar(
        variance.scatter_predicted,
        variance.scatter_measured,
        yerr=np.nan_to_num(np.array(variance.scatter_error, dtype=float)),
        **(look.style() | {"linestyle": "none", "markersize": 2.8, "elinewidth": 0.5, "capsize": 0, "alpha": 0.75}),
    )


def _identity(axes: "Axes", variances: Sequence[VarianceComparison]) -> None:
    from eqntk_cli.report.paper.canvas import log_values

    values = np.concatenate([np.array(v.scatter_predicted + v.scatter_measured, dtype=float) for v in variances])
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        return
    ends = np.array([values.min() / 1.2, values.max() * 1.2])
    if ends[1] / ends[0] > 20:
        axes.set(xscale="log", yscale="log")
    else:
        ends[0] = 0
    axes.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
    axes.set(xlim=tuple(ends), ylim=tuple(ends))
    if ends[0] > 0:
        log_values(axes.xaxis)
        log_values(axes.yaxis)
    axes.set_xlabel(f"variance predicted, per sample, step {variances[0].scatter_step}")
    axes.set_ylabel("variance measured")
    axes.set_box_aspect(0.72)
