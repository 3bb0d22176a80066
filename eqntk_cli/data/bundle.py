"""What every data set becomes: training, test and off-distribution samples with encoded targets.

A bundle holds exactly the arrays that a run uses, so its fingerprint (sha256 over dtype, shape and bytes of each
of them) says whether two runs saw the same data.
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.domains.samples import Samples, count
from eqntk_cli.errors import DataError
from eqntk_cli.files.digest import array_digest, text_digest
from eqntk_cli.targets.representation import INVARIANT, Representation
from eqntk_cli.targets.scale import TargetScale

SPLITS = ("train", "test", "ood")


@dataclass(frozen=True, eq=False)
class DataBundle:
    """A data set as a run uses it; x arrays (sample, ...) or pytrees of them, y float64 (sample, output).

    `ood_y` is NaN where the truth is unknown; labels are integers (sample, label), None for a regression and for
    off-distribution samples without a known class. `representation` is how targets transform under the group; `notes`
    are sentences for the record of a run.

    Examples:
        >>> from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
        >>> from eqntk_cli.data.registry import load_data
        >>> data = load_data(DatasetConfig("digits", "digits", n_train=6, n_test=3, n_ood=2), ArchitectureConfig("mlp"))
        >>> data.train_x.shape, data.train_y.shape, data.ood_x.shape
        ((6, 8, 8, 1), (6, 10), (2, 8, 8, 1))
        >>> bool(np.allclose(data.train_y.sum(axis=1), 0))  # one-hot, centred
        True
    """

    name: str
    task: str
    domain: Any
    train_x: Samples
    train_y: Float[np.ndarray, "train output"]
    test_x: Samples
    test_y: Float[np.ndarray, "test output"]
    ood_x: Samples
    ood_y: Float[np.ndarray, "ood output"]
    train_labels: Int[np.ndarray, "train label"] | None
    test_labels: Int[np.ndarray, "test label"] | None
    ood_labels: Int[np.ndarray, "ood label"] | None
    output_names: tuple[str, ...]
    target: TargetScale
    representation: Representation = INVARIANT
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for split in SPLITS:
            x, y = getattr(self, f"{split}_x"), getattr(self, f"{split}_y")
            if y.shape != (count(x), len(self.output_names)):
                raise DataError(
                    f"{self.name}: the {split} targets have shape {y.shape}, expected "
                    f"{(count(x), len(self.output_names))} (samples, outputs); check the file or its loader."
                )
            arrays = jax.tree.leaves(x) + ([] if split == "ood" else [y])
            bad = sorted(set().union(*(_samples_not_finite(array) for array in arrays)))
            if bad:
                raise DataError(
                    f"{self.name}: {len(bad)} of the {split} samples hold NaN or infinity (first: sample {bad[0]}); "
                    "expected finite numbers. Repair or replace the file."
                )

    def fingerprint(self) -> dict[str, str]:
        """The sha256 of each split and of `all` of them, over dtype, shape and bytes of every array used."""
        digests = {split: array_digest(self._arrays(split)) for split in SPLITS}
        return {**digests, "all": text_digest("".join(digests.values()))}

    def _arrays(self, split: str) -> list[np.ndarray]:
        parts = [getattr(self, f"{split}_{part}") for part in ("x", "y", "labels")]
        return [np.asarray(leaf) for leaf in jax.tree.leaves(parts)]


def _samples_not_finite(array: Any) -> set[int]:
    values = np.asarray(array)
    if not np.issubdtype(values.dtype, np.inexact):
        return set()
    finite = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    return set(np.flatnonzero(~finite).tolist())
