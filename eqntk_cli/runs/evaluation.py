"""What a run says of its data: the points at which it predicts, train, test, ood in this order, and how well it does.

The metrics are those of the mean prediction, a row per step and split; a number is absent where the truth is unknown.
"""

import numpy as np
from jaxtyping import Float

from eqntk_cli.data.bundle import SPLITS, DataBundle
from eqntk_cli.runs.metrics import Row
from eqntk_cli.runs.store import Points
from eqntk_cli.targets.task import Task, squared_loss

SHOWN = 16  # test inputs kept for figures


def evaluation_points(data: DataBundle, steps: tuple[int, ...]) -> Points:
    """Targets, labels and splits of all samples, and a few test inputs if a sample is one array."""
    sizes = {split: len(getattr(data, f"{split}_y")) for split in SPLITS}
    shown = tuple(range(sizes["train"], sizes["train"] + min(SHOWN, sizes["test"])))
    one_array = isinstance(data.test_x, np.ndarray) or hasattr(data.test_x, "__array__")
    return Points(
        steps=tuple(int(step) for step in steps),
        split=tuple(split for split in SPLITS for _ in range(sizes[split])),
        outputs=tuple(str(name) for name in data.output_names),
        target=np.concatenate([np.asarray(getattr(data, f"{split}_y"), np.float64) for split in SPLITS]),
        label=_labels(data, sizes),
        shown=shown if one_array else (),
        input=np.asarray(data.test_x[: len(shown)], np.float32) if one_array else None,
    )


def metric_rows(
    data: DataBundle, steps: tuple[int, ...], mean: Float[np.ndarray, "step sample output"], loss: str = "mse"
) -> list[Row]:
    """The rows of metrics.csv for the mean prediction at these points.

    The loss is the one that was minimised, of the mean prediction: 1/(2N) sum |f - y|^2, or the cross-entropy of its
    softmax.
    """
    task, rows = Task.of(data.task), []
    unit = f"_{task.unit(data.target)}" if task.unit(data.target) else ""
    for number, step in enumerate(steps):
        first = 0
        for split in SPLITS:
            target = getattr(data, f"{split}_y")
            prediction = mean[number, first : first + len(target)]
            first += len(target)
            if len(target) == 0:
                continue
            labels = getattr(data, f"{split}_labels")
            value = squared_loss(prediction, target) if loss == "mse" else _cross_entropy(data, prediction, target)
            metrics = task.metrics(prediction, target, labels, data.target)
            named = {name + unit: metric for name, metric in metrics.items()}
            rows.append({"step": step, "split": split, "loss": value, **named})
    return rows


def _labels(data: DataBundle, sizes: dict[str, int]) -> np.ndarray | None:
    known = {split: getattr(data, f"{split}_labels") for split in SPLITS}
    widths = {labels.shape[1] for labels in known.values() if labels is not None}
    if not widths:
        return None
    unknown = {split: np.full((sizes[split], max(widths)), -1) for split in SPLITS}
    parts = [unknown[split] if known[split] is None else np.asarray(known[split]) for split in SPLITS]
    return np.concatenate(parts).astype(np.int64)


def _cross_entropy(data: DataBundle, prediction: np.ndarray, target: np.ndarray) -> float:
    shifted = prediction - prediction.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-np.sum(data.target.physical(target) * log_probability) / len(target))
