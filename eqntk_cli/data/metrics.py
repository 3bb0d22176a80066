"""How good predictions are: MedMNIST's AUC and ACC, errors in physical units, and the loss of the theory.

AUC is the chance that a sample of the class scores above one outside it, ties counting half. As MedMNIST's evaluator
defines them: multi-class and ordinal tasks take the mean AUC of each class against the rest and the accuracy of the
largest score; a binary task the AUC of class 1 and the threshold 1/2; a multi-label task the means over its labels.
Yang et al., MedMNIST v2, Scientific Data 10, 41 (2023).
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from eqntk_cli.data.bundle import TargetScale
from eqntk_cli.data.labels import BINARY, MULTI_LABEL


def squared_loss(prediction: Float[np.ndarray, "sample output"], target: Float[np.ndarray, "sample output"]) -> float:
    """1/(2N) sum_i |f(x_i) - y_i|^2 over samples i and outputs; NaN where a target is unknown."""
    return float(np.sum(np.square(prediction - target)) / (2 * max(1, len(target))))


def task_metrics(
    task: str,
    prediction: Float[np.ndarray, "sample output"],
    target: Float[np.ndarray, "sample output"],
    labels: Int[np.ndarray, "sample label"] | None,
    scale: TargetScale,
) -> dict[str, float]:
    """The acc and auc of a classification, mae and rmse (with the unit in the name) of a regression.

    Empty where the truth is unknown: no labels, or no finite target.
    """
    if task == "regression":
        return _errors(prediction, target, scale)
    if labels is None or len(labels) == 0:
        return {}
    scores = scale.physical(prediction)
    if task == BINARY:
        scores = scores if scores.shape[1] == 1 else (1 + scores[:, 1:] - scores[:, :1]) / 2
    if task in (BINARY, MULTI_LABEL):
        truth = labels == 1
        accuracy = float(np.mean((scores > 0.5) == truth))
    else:
        truth = labels == np.arange(scores.shape[1])
        accuracy = float(np.mean(scores.argmax(axis=1) == labels[:, 0]))
    areas = [area_under_curve(truth[:, column], scores[:, column]) for column in range(scores.shape[1])]
    known = [area for area in areas if not np.isnan(area)]
    return {"acc": accuracy, "auc": float(np.mean(known)) if known else float("nan")}


def area_under_curve(truth: Bool[np.ndarray, " sample"], score: Float[np.ndarray, " sample"]) -> float:
    """P(score of a true sample > score of a false one) + P(equal)/2; NaN if all samples are of one kind.

    MedMNIST's mean over classes is taken over those that occur: a small test set may lack one.
    """
    inside, outside = score[truth], np.sort(score[~truth])
    if len(inside) == 0 or len(outside) == 0:
        return float("nan")
    below = np.searchsorted(outside, inside, "left") + np.searchsorted(outside, inside, "right")
    return float(below.mean() / (2 * len(outside)))


def _errors(prediction: np.ndarray, target: np.ndarray, scale: TargetScale) -> dict[str, float]:
    difference = scale.physical(prediction) - scale.physical(target)
    difference = difference[np.isfinite(target)]
    if difference.size == 0:
        return {}
    unit = f"_{scale.unit}" if scale.unit else ""
    return {
        f"mae{unit}": float(np.mean(np.abs(difference))),
        f"rmse{unit}": float(np.sqrt(np.mean(np.square(difference)))),
    }
