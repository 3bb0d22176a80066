"""What a user of the networks would ask: accuracy and AUC, or errors in physical units, with their own errors."""

from math import sqrt

import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.report.findings import UNMOVED, TaskMetrics
from eqntk_cli.report.statistics.samples import Sample, point_blocks
from eqntk_cli.targets.scale import TargetScale
from eqntk_cli.targets.task import Task

_BOOTSTRAPS = 100


def task_metrics(
    labels: tuple[str, str],
    steps: tuple[int, ...],
    task: Task,
    scale: TargetScale,
    mean: Float[np.ndarray, "step sample output"],
    target: Float[np.ndarray, "sample output"],
    label: Int[np.ndarray, "sample label"] | None,
    sample: Sample | None = None,
    last: Float[np.ndarray, "member sample output"] | None = None,
    inputs: str = UNMOVED,
) -> list[TaskMetrics]:
    """Every metric of the task for one model and split (`labels`).

    Args:
        labels: model and split.
        steps: recorded steps.
        task: what is measured and how.
        scale: from what the networks see to physical values.
        mean: prediction of the ensemble (or mu_t).
        target: truth as the networks saw it; nan where unknown.
        label: integer truth of a classification; -1 where unknown.
        sample: units of the ensemble, from which the error of the ensemble's metric is bootstrapped.
        last: members one by one after the last step.
        inputs: what the predictions are of: the samples as they are, or the mean over their orbits.
    """
    series = [task.metrics(each, target, label, scale) for each in mean]
    again = [task.metrics(each, target, label, scale) for each in _bootstrapped(sample, len(steps) - 1, mean[-1].shape)]
    members = [task.metrics(each, target, label, scale) for each in (last if last is not None else ())]
    return [
        TaskMetrics(
            model=labels[0],
            split=labels[1],
            metric=name,
            unit=task.unit(scale),
            steps=steps,
            ensemble=tuple(each[name] for each in series),
            ensemble_error=_spread([each[name] for each in again]),
            member=float(np.mean([each[name] for each in members])) if members else None,
            member_error=_spread([each[name] for each in members], len(members)),
            member_spread=_spread([each[name] for each in members]),
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


def _spread(values: list[float], count: int = 1) -> float | None:
    return float(np.std(values, ddof=1)) / sqrt(count) if len(values) > 1 else None
