"""Learning curves: metrics of predictions on several draws of the data, averaged for every number N of samples.

Ensembles and kernels go the same way. A draw is one prediction on one training set; the value at N is the mean over
draws, its error their standard error, or, of a single draw, what that draw knows of its own.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.findings.base import Counts, Series
from eqntk_cli.report.read.runs import Run
from eqntk_cli.report.read.selection import CurveKey, Setting, curves_of, n_train, titles
from eqntk_cli.report.statistics.learning import mean_and_error
from eqntk_cli.targets.task import squared_loss

ERRORS = ("loss", "error", "mae", "rmse")  # what falls with N; the rest is a score
KINDS = ("equivariant", "augmented", "plain")
Metric = tuple[str, str]  # name and unit


@dataclass(frozen=True)
class Draw:
    """One prediction on one draw of the data, on its test points."""

    sample: object  # which draw it is: equal for the same training and test samples
    steps: Counts
    history: dict[Metric, Series]  # every metric over the recorded steps
    errors: dict[Metric, float] = field(default_factory=dict)  # standard errors at the last step, where known


Draws = dict[int, dict[object, Draw]]  # by N and by sample


@dataclass(frozen=True)
class Curve:
    """A metric averaged over draws; series have one entry per N."""

    n_train: Counts
    draws: Counts
    value: Series  # at the last step
    error: Series
    history: tuple[Series, ...]  # per N over the recorded steps


def mean_curve(draws: Mapping[int, Mapping[object, Draw]], metric: Metric) -> Curve:
    """The learning curve of one metric."""
    sizes = sorted(draws)
    histories = [over_draws(list(draws[size].values()), metric) for size in sizes]
    values, errors = zip(*(mean_and_error(history[:, -1].tolist()) for history in histories), strict=True)
    own = (_own_error(list(draws[size].values()), metric) for size in sizes)
    return Curve(
        n_train=tuple(sizes),
        draws=tuple(len(draws[size]) for size in sizes),
        value=values,
        error=tuple(error if isfinite(error) else alone for error, alone in zip(errors, own, strict=True)),
        history=tuple(tuple(history.mean(axis=0).tolist()) for history in histories),
    )


@dataclass(frozen=True)
class KernelDraws:
    """All draws of the kernel runs of a report."""

    by_curve: dict[CurveKey, Draws]
    titles: dict[Setting, str]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> "KernelDraws":
        """Sorted by title, group and kind; of several predictions of one kernel on one draw the first is taken."""
        draws: dict[CurveKey, Draws] = defaultdict(lambda: defaultdict(dict))
        for run in sorted(runs, key=lambda run: run.data.sizes["kernel"]):  # one made for this kernel alone comes first
            for kernel, key in curves_of(run).items():
                if sample_of(run) not in draws[key][n_train(run)]:
                    draws[key][n_train(run)][sample_of(run)] = kernel_draw(run, kernel)
        named = titles(list(dict.fromkeys(key.setting for key in draws)))
        order = sorted(draws, key=lambda key: (named[key.setting], key.group, KINDS.index(key.kind)))
        return cls({key: draws[key] for key in order}, named)


def over_draws(draws: Sequence[Draw], metric: Metric) -> Float[np.ndarray, "draw step"]:
    """A metric over draws and steps; nan where a draw lacks it."""
    return np.array([draw.history.get(metric, (nan,) * len(draw.steps)) for draw in draws])


def kernel_draw(run: Run, kernel: str) -> Draw:
    """The prediction of one kernel of a run."""
    places = run.samples_of("test")
    target, labels = run.target[places], None if run.label is None else run.label[places]
    names = [str(name) for name in run.data["kernel"].values]
    means = np.asarray(run.data["mean"][names.index(kernel)].values[:, places], dtype=np.float64)
    rows = [dict(_metrics(run, mean, target, labels)) for mean in means]
    history = {metric: tuple(row.get(metric, nan) for row in rows) for metric in rows[-1]}
    return Draw(sample_of(run), run.steps, history)


def sample_of(run: Run) -> tuple[object, object]:
    """Which draw of the data a run is on: the fingerprints of training and test samples."""
    fingerprint = run.record.fingerprint or {}
    return fingerprint.get("train"), fingerprint.get("test")


def _own_error(draws: Sequence[Draw], metric: Metric) -> float:
    return draws[0].errors.get(metric, nan) if len(draws) == 1 else nan


def _metrics(
    run: Run,
    mean: Float[np.ndarray, "sample output"],
    target: Float[np.ndarray, "sample output"],
    labels: np.ndarray | None,
) -> Iterator[tuple[Metric, float]]:
    """The loss 1/(2 samples) sum (f - y)^2, and what the task asks for."""
    if len(target) and np.isfinite(target).all():
        yield ("loss", ""), squared_loss(mean, target)
    for name, value in run.task.metrics(mean, target, labels, run.scale).items():
        if name == "acc":
            yield ("error", ""), 1 - value
        yield (name, run.task.unit(run.scale)), value
