"""Variance over members against the variance that the infinite ensemble predicts.

The covariance S_t(x, x') of the theory is the same for every output, so its diagonal is compared with the variance
over members averaged over outputs. The error of the measured variance comes from the scatter of the members'
squared deviations, which makes no use of normality and counts points that move together only once.
"""

from collections.abc import Iterator
from math import isfinite, sqrt

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.findings import VarianceComparison
from eqntk_cli.report.statistics.samples import Sample

_SAMPLES = 256  # taken at once
_NAMED = 5.0  # standard errors beyond which the departure of a variance is named


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
        measured: variance over all members.
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


def finite_width(found: VarianceComparison, width: int) -> str | None:
    """Names a measured variance that is many standard errors away from that of infinite width; None where it is not.

    The largest departure over the recorded steps counts, which is why few standard errors are nothing.
    """
    apart = [
        (abs(ratio - 1) / error, ratio, error, step)
        for ratio, error, step in zip(found.ratio, found.ratio_error, found.steps, strict=True)
        if error > 0 and isfinite(ratio)
    ]
    if not apart or max(apart)[0] < _NAMED:
        return None
    deviations, ratio, error, step = max(apart)
    return (
        f"variance over members of {found.model}, {found.split} points: {ratio:.2f} +- {error:.2f} of the prediction "
        f"at step {step}, {deviations:.0f} standard errors away. The prediction is that of infinite width, the "
        f"networks have width {width}: such a departure is an effect of finite width, expected to shrink as the width "
        "grows"
    )


def _errors(sample: Sample, step: int, outputs: int) -> tuple[float, Float[np.ndarray, " sample"]]:
    """Standard error of the variance averaged over all points, and of that of each sample."""
    units, batch = sample.units, sample.members / sample.units
    # a unit of b members has the variance divided by b; b units' worth of members make the error smaller by b^(1/2)
    factor = batch * sqrt(units) / (units - 1) / sqrt(batch)
    total, each, count = np.zeros(units), [], 0
    for squares in _squares(sample, step, outputs):
        total += squares.sum(axis=1)
        count += squares.shape[1]
        each.append(factor * squares.std(axis=0, ddof=1))
    return float(factor * np.std(total / count, ddof=1)), np.concatenate(each)


def _squares(sample: Sample, step: int, outputs: int) -> Iterator[Float[np.ndarray, "unit sample"]]:
    """Squared deviations of the units from their mean, averaged over outputs, some samples at a time."""
    for start in range(0, sample.points, _SAMPLES * outputs):
        slab = sample.slab(step, start, min(start + _SAMPLES * outputs, sample.points)).astype(np.float64)
        squares = np.square(slab - slab.mean(axis=0))
        yield squares.reshape(len(squares), -1, outputs).mean(axis=2)
