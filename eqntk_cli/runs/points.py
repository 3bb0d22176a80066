"""The evaluation points of a data set as predictions.zarr keeps them: train, test, ood, in this order."""

import numpy as np

from eqntk_cli.data.bundle import SPLITS, DataBundle
from eqntk_cli.runs.store import Points

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


def _labels(data: DataBundle, sizes: dict[str, int]) -> np.ndarray | None:
    known = {split: getattr(data, f"{split}_labels") for split in SPLITS}
    widths = {labels.shape[1] for labels in known.values() if labels is not None}
    if not widths:
        return None
    unknown = {split: np.full((sizes[split], max(widths)), -1) for split in SPLITS}
    parts = [unknown[split] if known[split] is None else np.asarray(known[split]) for split in SPLITS]
    return np.concatenate(parts).astype(np.int64)
