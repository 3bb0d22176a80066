"""Class labels as regression targets, in three encodings.

With the indicator b in {0, 1} of a class (of a label, in a multi-label set) and K classes:
raw: b; one_hot_centred: b - 1/K (multi-label: b - 1/2); pm1: 2 b - 1.
One output per class, so that the targets of one sample sum to zero where centred; a binary task has two outputs
under one_hot_centred and one (class 1) under raw and pm1. Ordinal grades are classes too, as in MedMNIST.
"""

import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.errors import DataError
from eqntk_cli.targets.scale import TargetScale
from eqntk_cli.targets.task import BINARY, Task


def encode(
    labels: Int[np.ndarray, "sample label"], task: Task, label_names: tuple[str, ...], encoding: str
) -> tuple[Float[np.ndarray, "sample output"], tuple[str, ...], TargetScale]:
    """Targets, the names of the outputs, and the scale that leads from targets back to indicators.

    Raises:
        DataError: a label outside the classes, or a wrong number of label columns.

    Examples:
        >>> from eqntk_cli.targets.task import MULTI_CLASS
        >>> targets, names, scale = encode(np.array([[0], [3]]), MULTI_CLASS, ("a", "b", "c", "d"), "one_hot_centred")
        >>> targets.tolist(), scale.mean
        ([[0.75, -0.25, -0.25, -0.25], [-0.25, -0.25, -0.25, 0.75]], 0.25)
    """
    columns, legal = task.label_columns(len(label_names)), task.label_range(len(label_names))
    if labels.ndim != 2 or labels.shape[1] != columns:
        raise DataError(
            f"labels have shape {labels.shape}, expected (samples, {columns}) for {task.name}; check the file."
        )
    if labels.size and (labels.min() < 0 or labels.max() > legal[-1]):
        raise DataError(
            f"labels run from {labels.min()} to {labels.max()}, expected 0 to {legal[-1]} for {task.name}; "
            "check the file."
        )
    indicators, names = _indicators(labels, task, label_names, encoding)
    scale = _scale(task, len(label_names), encoding)
    return scale.encoded(indicators), names, scale


def _indicators(
    labels: Int[np.ndarray, "sample label"], task: Task, label_names: tuple[str, ...], encoding: str
) -> tuple[Float[np.ndarray, "sample output"], tuple[str, ...]]:
    if task.label_per_class:
        return labels.astype(np.float64), label_names
    one_hot = np.eye(len(label_names))[labels[:, 0]]
    if task == BINARY and encoding != "one_hot_centred":
        return one_hot[:, 1:], label_names[1:]
    return one_hot, label_names


def _scale(task: Task, classes: int, encoding: str) -> TargetScale:
    mean, scale = {
        "raw": (0.0, 1.0),
        "pm1": (0.5, 0.5),
        "one_hot_centred": (0.5 if task.label_per_class else 1 / classes, 1.0),
    }[encoding]
    return TargetScale("class indicator", "", mean, scale)
