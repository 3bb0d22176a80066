"""What a user of the networks would ask: accuracy and AUC, or errors in physical units, with their own errors."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Annotated

import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.report.findings.base import METRIC, MODEL, SPLIT, STEPS, UNIT, Counts, Series, Sheet, column
from eqntk_cli.report.findings.scope import PairCase, PairFinding, Picture
from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.style import look_of
from eqntk_cli.report.paper.table import number
from eqntk_cli.report.read.reduce import IDENTITY, SYMMETRISED
from eqntk_cli.report.read.runs import SPLITS
from eqntk_cli.report.read.units import members_per_unit
from eqntk_cli.report.statistics.samples import Sample, member_variance, point_blocks
from eqntk_cli.targets.scale import TargetScale
from eqntk_cli.targets.task import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNMOVED = "unmoved"  # f(x)
ORBIT_MEAN = "orbit mean"  # mean over the group of f(g x)
NAMES = {"acc": "accuracy (ACC)", "auc": "area under ROC (AUC)", "mae": "mean absolute error", "rmse": "RMS error"}
_BOOTSTRAPS = 100


@dataclass(frozen=True)
class TaskMetrics(PairFinding):
    """One metric of the task for one model and split over the steps (ACC, AUC: shares; MAE, RMSE: in `unit`)."""

    KEY = "metrics"
    SHEETS = (
        Sheet(
            "metrics",
            "Task metrics at the last step",
            "At the last recorded step: the metric of the mean prediction, and of members on their own. Inputs: "
            "unmoved are the samples as they are; orbit mean is the mean prediction over the orbit of each sample, by "
            "which coupled ensembles are compared in the verdict.",
            ("model", "split", "inputs", "steps", "metric", "unit", "ensemble", "ensemble_error")
            + ("member", "member_error", "member_spread"),
            last=True,
        ),
        Sheet(
            "metrics_over_time",
            "Task metrics over training",
            "Of the ensemble mean.",
            ("model", "split", "inputs", "steps", "metric", "unit", "ensemble"),
            renamed=(("ensemble", column("Value", number, "value")),),
            on_page=False,
        ),
    )
    PICTURE = Picture(
        "metrics",
        "Task metrics",
        "Task metric of the mean prediction for the test inputs as they are, not moved by the group{inputs}; bar at "
        "the last step: one standard error over members.",
        "labels or targets of the test points",
    )

    model: Annotated[str, MODEL]
    split: Annotated[str, SPLIT]
    metric: Annotated[str, METRIC]  # acc | auc | mae | rmse
    unit: Annotated[str, UNIT]  # "" for shares
    steps: Annotated[Counts, STEPS]
    ensemble: Annotated[Series, column("Ensemble", number)]  # of the ensemble mean
    ensemble_error: Annotated[float | None, column("its error", number)]  # last step: over members (bootstrap)
    member: Annotated[float | None, column("Single member", number)]  # last step: mean over members of one's metric
    member_error: Annotated[float | None, column("its error", number)]  # its standard error
    member_spread: Annotated[float | None, column("spread", number)]  # standard deviation over members
    inputs: Annotated[str, column("Inputs")] = UNMOVED  # or ORBIT_MEAN, by which coupled ensembles are compared

    @classmethod
    def measure(cls, case: PairCase) -> Iterator["TaskMetrics"]:
        """Both ensembles and mu_t on every split; coupled, the orbit means of the augmented ensemble too."""
        run = case.b.run
        for split in SPLITS:
            places = case.b.places(split)
            if len(places) == 0:
                continue
            truth = (run.task, run.scale, run.target[places], None if run.label is None else run.label[places])
            for ensemble in case.ensembles:
                labels, sample = (ensemble.run.record.model, split), ensemble.samples[split, IDENTITY]
                mean, last = ensemble.mean[:, places], ensemble.last[:, places]
                per_draw = members_per_unit(ensemble.run.record)
                yield from task_metrics(labels, run.steps, mean, *truth, sample, last, per_draw)
            if (split, SYMMETRISED) in case.a.samples:
                labels, sample = (case.a.run.record.model, split), case.a.samples[split, SYMMETRISED]
                mean = case.a.orbit_mean.mean(axis=1)[:, places]
                yield from task_metrics(labels, run.steps, mean, *truth, sample, inputs=ORBIT_MEAN)
            if case.theory is not None:
                mu = case.theory.mean(case.theory.kernel_for("gcnn_ensemble"), places)
                mean = mu.reshape(len(run.steps), len(places), -1)
                yield from task_metrics(("ntk", split), run.steps, mean, *truth)

    @classmethod
    def caption(cls, pair: PairAnalysis) -> str:
        """Names the inputs."""
        also = "; dotted: of the augmented ensemble's mean over the orbit of each input, which the verdict compares"
        return super().caption(pair).format(inputs=also if pair.coupled else "")

    @classmethod
    def draw(cls, pair: PairAnalysis) -> "Figure | None":
        """One panel per metric with every model on test points; None without metrics."""
        from eqntk_cli.report.paper.canvas import legend_above, line, new_figure, steps_axis

        metrics = [metric for metric in pair.of(cls) if metric.split == "test"]
        kinds = sorted({(metric.metric, metric.unit) for metric in metrics})
        if not kinds:
            return None
        figure, axes = new_figure(1.55 * len(kinds) + 0.75, len(kinds), sharex=True)
        for panel, kind in zip(axes, kinds, strict=True):
            for metric in metrics:
                if (metric.metric, metric.unit) == kind:
                    look = look_of(metric.model)
                    line(panel, metric.steps, metric.ensemble, look, **_changes(metric))
                    if metric.ensemble_error is not None:
                        last = metric.steps[-1], metric.ensemble[-1]
                        panel.errorbar(*last, yerr=metric.ensemble_error, color=look.light, linestyle="none")
            panel.set_ylabel(in_words(*kind), parse_math=False)
            steps_axis(panel, metrics[0].steps)
            if panel is not axes[-1]:
                panel.set_xlabel("")
        legend_above(figure, axes[0], 3)
        return figure


def in_words(metric: str, unit: str) -> str:
    """A metric with its unit, as an axis has it."""
    name = NAMES.get(metric, metric)
    return f"{name} ({unit})" if unit else name


def task_metrics(
    labels: tuple[str, str],
    steps: tuple[int, ...],
    mean: Float[np.ndarray, "step sample output"],
    task: Task,
    scale: TargetScale,
    target: Float[np.ndarray, "sample output"],
    label: Int[np.ndarray, "sample label"] | None,
    sample: Sample | None = None,
    last: Float[np.ndarray, "member sample output"] | None = None,
    per_draw: int = 1,
    inputs: str = UNMOVED,
) -> list[TaskMetrics]:
    """Every metric of the task for one model and split (`labels`).

    Args:
        labels: model and split.
        steps: recorded steps.
        mean: prediction of the ensemble (or mu_t).
        task: what is measured and how.
        scale: from what the networks see to physical values.
        target: truth as the networks saw it; nan where unknown.
        label: integer truth of a classification; -1 where unknown.
        sample: units of the ensemble, from which the error of the ensemble's metric is bootstrapped.
        last: members one by one after the last step.
        per_draw: how many of these, one after another, make one independent draw.
        inputs: what the predictions are of: the samples as they are, or the mean over their orbits.
    """
    series = [task.metrics(prediction, target, label, scale) for prediction in mean]
    again = [
        task.metrics(prediction, target, label, scale)
        for prediction in _bootstrapped(sample, len(steps) - 1, mean[-1].shape)
    ]
    members = [task.metrics(prediction, target, label, scale) for prediction in (last if last is not None else ())]
    return [
        TaskMetrics(
            model=labels[0],
            split=labels[1],
            metric=name,
            unit=task.unit(scale),
            steps=steps,
            ensemble=tuple(values[name] for values in series),
            ensemble_error=_spread([values[name] for values in again]),
            member=float(np.mean([values[name] for values in members])) if members else None,
            member_error=_mean_error([values[name] for values in members], per_draw),
            member_spread=_spread([values[name] for values in members], per_draw),
            inputs=inputs,
        )
        for name in series[-1]
    ]


def _bootstrapped(sample: Sample | None, step: int, shape: tuple[int, ...]) -> Float[np.ndarray, "again sample output"]:
    """Ensemble means over units drawn with replacement."""
    if sample is None:
        return np.zeros((0, *shape))
    generator = np.random.default_rng(44)
    weights = generator.multinomial(sample.units, [1 / sample.units] * sample.units, size=_BOOTSTRAPS) / sample.units
    again = np.zeros((_BOOTSTRAPS, sample.points))
    for start, stop in point_blocks(sample.points):
        again[:, start:stop] = weights @ sample.slab(step, start, stop)
    return again.reshape(_BOOTSTRAPS, *shape)


def _spread(values: list[float], per_draw: int = 1) -> float | None:
    return sqrt(float(member_variance(np.array(values), per_draw))) if len(values) > per_draw else None


def _mean_error(values: list[float], per_draw: int) -> float | None:
    draws = np.reshape(values, (-1, per_draw)).mean(axis=1)
    return float(np.std(draws, ddof=1)) / sqrt(len(draws)) if len(draws) > 1 else None


def _changes(metric: TaskMetrics) -> dict[str, str]:
    """How a series is drawn apart from others of its model: of the kernel without markers, of orbit means dotted."""
    if metric.inputs != UNMOVED:
        return {"marker": "", "linestyle": ":", "label": f"{look_of(metric.model).label}, {metric.inputs}"}
    return {"marker": ""} if metric.model == "ntk" else {}
