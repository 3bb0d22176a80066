"""What a user of the networks would ask: accuracy and AUC, or errors in physical units, with their own errors.

Definitions are MedMNIST's (Yang et al., Scientific Data 10, 41, 2023): the mean over classes of one-against-the-rest
AUC and the accuracy of the largest score; for a binary task the AUC of class 1 and the threshold 1/2; for a
multi-label task means over the labels. Scores are taken in the scale of the labels (value * scale + mean).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Bool, Float, Int

from eqntk_cli.report.findings import UNMOVED, TaskMetrics
from eqntk_cli.report.statistics.samples import Sample, point_blocks

_BOOTSTRAPS = 100
_BINARY, _MULTI_LABEL, _REGRESSION = "binary-class", "multi-label", "regression"


@dataclass(frozen=True)
class Task:
    """The task of a data set with the scale of its targets."""

    name: str
    unit: str = ""
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, name: str | None, target: Mapping[str, object] | None) -> "Task":
        """The task as a run's record has it."""
        known = target or {}
        unit, mean, scale = known.get("unit"), known.get("mean"), known.get("scale")
        return cls(
            name or _REGRESSION,
            str(unit) if unit else "",
            float(str(mean)) if mean is not None else 0.0,
            float(str(scale)) if scale is not None else 1.0,
        )

    @property
    def classifies(self) -> bool:
        """Whether the outputs are scores of classes."""
        return self.name != _REGRESSION

    def physical(self, values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Values in the scale of the labels, or in physical units."""
        return np.asarray(values, dtype=np.float64) * self.scale + self.mean

    def scores(self, prediction: Float[np.ndarray, "... output"]) -> Float[np.ndarray, "... score"]:
        """Scores of the classes; of class 1 alone in a binary task."""
        scores = self.physical(prediction)
        if self.name == _BINARY and scores.shape[-1] > 1:
            return (1 + scores[..., 1:] - scores[..., :1]) / 2
        return scores

    def classes(self, prediction: Float[np.ndarray, "... output"]) -> Int[np.ndarray, "... label"]:
        """The predicted class, or yes and no (1, 0) for every label."""
        scores = self.scores(prediction)
        if self.name in (_BINARY, _MULTI_LABEL):
            return (scores > 0.5).astype(int)
        return scores.argmax(axis=-1)[..., None]

    def metrics(
        self,
        prediction: Float[np.ndarray, "sample output"],
        target: Float[np.ndarray, "sample output"],
        label: Int[np.ndarray, "sample label"] | None,
    ) -> dict[str, float]:
        """The acc and auc, or mae and rmse; empty where the truth is unknown."""
        if not self.classifies:
            known = np.isfinite(target)
            error = (prediction - target)[known] * self.scale
            if error.size == 0:
                return {}
            return {"mae": float(np.abs(error).mean()), "rmse": sqrt(float(np.mean(error**2)))}
        if label is None or not np.all(label >= 0) or len(label) == 0:
            return {}
        accuracy = float(np.mean(self.classes(prediction) == label))
        scores = self.scores(prediction)
        truth = label == 1 if self.name in (_BINARY, _MULTI_LABEL) else label == np.arange(scores.shape[1])
        areas = [_area(truth[:, column], scores[:, column]) for column in range(scores.shape[1])]
        known_areas = [area for area in areas if not np.isnan(area)]
        return {"acc": accuracy, "auc": float(np.mean(known_areas)) if known_areas else float("nan")}


def task_metrics(
    labels: tuple[str, str],
    steps: tuple[int, ...],
    task: Task,
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
        mean: prediction of the ensemble (or mu_t).
        target: truth as the networks saw it; nan where unknown.
        label: integer truth of a classification; -1 where unknown.
        sample: units of the ensemble, from which the error of the ensemble's metric is bootstrapped.
        last: members one by one after the last step.
        inputs: what the predictions are of: the samples as they are, or the mean over their orbits.
    """
    series = [task.metrics(each, target, label) for each in mean]
    again = [task.metrics(each, target, label) for each in _bootstrapped(sample, len(steps) - 1, mean[-1].shape)]
    members = [task.metrics(each, target, label) for each in (last if last is not None else ())]
    return [
        TaskMetrics(
            model=labels[0],
            split=labels[1],
            metric=name,
            unit="" if task.classifies else task.unit,
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


def _area(truth: Bool[np.ndarray, " sample"], score: Float[np.ndarray, " sample"]) -> float:
    """P(score of a true sample > score of a false one) + P(equal)/2; nan if all samples are of one kind."""
    inside, outside = score[truth], np.sort(score[~truth])
    if len(inside) == 0 or len(outside) == 0:
        return float("nan")
    below = np.searchsorted(outside, inside, "left") + np.searchsorted(outside, inside, "right")
    return float(below.mean() / (2 * len(outside)))
