"""What is asked of the networks, and how good an answer is: the one place that knows the tasks by name.

Names are MedMNIST's. A classification has scores on the scale of the indicators 0 and 1 of its classes:

    multi-class, ordinal-regression   the class of the largest score; AUC = mean over classes, each against the rest
    binary-class                      one score s, or (1 + s1 - s0)/2 of two outputs; class 1 where it exceeds 1/2
    multi-label, binary-class         every label a binary question of its own; ACC and AUC = means over the labels

ACC and AUC are those of MedMNIST's evaluator; Yang et al., Scientific Data 10, 41 (2023). A class that the samples
lack (or hold alone) has no AUC and is left out of the mean. A regression has MAE = mean |f - y| and
RMSE = sqrt(mean (f - y)^2) over samples and outputs, in physical units.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from eqntk_cli.errors import DataError
from eqntk_cli.targets.scale import TargetScale


@dataclass(frozen=True)
class Task:
    """A kind of question.

    `thresholds`: every score is a yes-or-no question, answered at 1/2; else the largest score decides.
    `label_per_class`: a sample has a label 0 or 1 for every class; else one label, the class.
    In all methods `scale` leads from what networks see to indicators, or to physical values.

    Examples:
        >>> task, scale = Task.of("binary-class"), TargetScale("class indicator")
        >>> scores, labels = np.array([[0.1], [0.6], [0.4], [0.9]]), np.array([[0], [0], [1], [1]])
        >>> task.metrics(scores, labels.astype(float), labels, scale)  # two of four right; 3 of 4 pairs in order
        {'acc': 0.5, 'auc': 0.75}
    """

    name: str
    classifies: bool = True
    thresholds: bool = False
    label_per_class: bool = False

    @classmethod
    def of(cls, name: str) -> "Task":
        """The task of this name; "multi-label" is short for "multi-label, binary-class".

        Raises:
            DataError: an unknown name; says the known ones.
        """
        task = next((task for task in TASKS if name in (task.name, task.short)), None)
        if task is None:
            known = ", ".join(task.short for task in TASKS)
            raise DataError(f"task {name} is unknown; expected one of {known}.")
        return task

    @property
    def short(self) -> str:
        """The name without a comma, as a setting or a table has it."""
        return self.name.partition(",")[0]

    def unit(self, scale: TargetScale) -> str:
        """The unit of the metrics; empty where they are shares."""
        return "" if self.classifies else scale.unit

    def has_probabilities(self, outputs: int) -> bool:
        """Whether the indicators of a sample sum to one over the outputs, as a cross-entropy needs."""
        return self.classifies and not self.label_per_class and outputs > 1

    def label_columns(self, classes: int) -> int:
        """The number of labels of a sample."""
        return classes if self.label_per_class else 1

    def label_range(self, classes: int) -> range:
        """What a label may be."""
        return range(2 if self.label_per_class else classes)

    def scores(self, prediction: Float[np.ndarray, "... output"], scale: TargetScale) -> Float[np.ndarray, "... score"]:
        """Scores on the scale of the indicators; of class 1 alone in a binary task."""
        scores = scale.physical(prediction)
        if self.thresholds and not self.label_per_class and scores.shape[-1] == 2:
            return (1 + scores[..., 1:] - scores[..., :1]) / 2
        return scores

    def classes(self, prediction: Float[np.ndarray, "... output"], scale: TargetScale) -> Int[np.ndarray, "... label"]:
        """The predicted class, or 0 or 1 for every label."""
        return self._choices(self.scores(prediction, scale))

    def same_class(
        self, one: Int[np.ndarray, "... label"], other: Int[np.ndarray, "... label"]
    ) -> Float[np.ndarray, "..."]:
        """1 where two samples are of the same class, 0 where not; of several labels the share that agrees."""
        return np.mean(one == other, axis=-1)

    def metrics(
        self,
        prediction: Float[np.ndarray, "sample output"],
        target: Float[np.ndarray, "sample output"],
        labels: Int[np.ndarray, "sample label"] | None,
        scale: TargetScale,
    ) -> dict[str, float]:
        """Accuracy and area under the curve, or mean absolute and RMS error; empty where the truth is unknown.

        Args:
            prediction: outputs of the networks, encoded as the targets are.
            target: encoded targets; NaN where unknown (regression).
            labels: the true classes (classification); None or -1 where unknown.
            scale: of the encoding.
        """
        if not self.classifies:
            known = np.isfinite(target)
            return _errors(scale.difference(np.asarray(prediction)[known] - target[known]))
        if labels is None or len(labels) == 0 or np.any(labels < 0):
            return {}
        scores = self.scores(prediction, scale)
        truths = labels == (1 if self.thresholds else np.arange(scores.shape[1]))
        areas = np.array([area_under_curve(*column) for column in zip(truths.T, scores.T, strict=True)])
        known = areas[np.isfinite(areas)]
        accuracy = np.mean(self.same_class(self._choices(scores), labels))
        return {"acc": float(accuracy), "auc": float(known.mean()) if known.size else float("nan")}

    def _choices(self, scores: Float[np.ndarray, "... score"]) -> Int[np.ndarray, "... label"]:
        return (scores > 0.5).astype(int) if self.thresholds else scores.argmax(axis=-1)[..., None]


REGRESSION = Task("regression", classifies=False)
MULTI_CLASS = Task("multi-class")
ORDINAL = Task("ordinal-regression")
BINARY = Task("binary-class", thresholds=True)
MULTI_LABEL = Task("multi-label, binary-class", thresholds=True, label_per_class=True)
TASKS = (REGRESSION, MULTI_CLASS, BINARY, MULTI_LABEL, ORDINAL)


def squared_loss(prediction: Float[np.ndarray, "sample output"], target: Float[np.ndarray, "sample output"]) -> float:
    """1/(2N) sum_i |f(x_i) - y_i|^2 over samples i and outputs; NaN where a target is unknown.

    Examples:
        >>> squared_loss(np.array([[1.0], [2.0]]), np.array([[0.0], [0.0]]))  # (1 + 4) / 4
        1.25
    """
    return float(np.sum(np.square(prediction - target)) / (2 * max(1, len(target))))


def area_under_curve(truth: Bool[np.ndarray, " sample"], score: Float[np.ndarray, " sample"]) -> float:
    """P(score of a true sample > score of a false one) + P(equal)/2; NaN if all samples are of one kind.

    Equal to scikit-learn's roc_auc_score, whose import takes seconds and which is asked thousands of times where
    standard errors are bootstrapped.

    Examples:
        >>> area_under_curve(np.array([False, True, False, True]), np.array([0.1, 0.2, 0.3, 0.4]))
        0.75
    """
    inside, outside = score[truth], np.sort(score[~truth])
    if len(inside) == 0 or len(outside) == 0:
        return float("nan")
    below = np.searchsorted(outside, inside, "left") + np.searchsorted(outside, inside, "right")
    return float(below.mean() / (2 * len(outside)))


def _errors(error: Float[np.ndarray, " known"]) -> dict[str, float]:
    if error.size == 0:
        return {}
    return {"mae": float(np.mean(np.abs(error))), "rmse": float(np.sqrt(np.mean(np.square(error))))}
