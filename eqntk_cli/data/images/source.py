"""Images as they are stored, before anything is chosen, resized or normalised."""

from typing import Protocol

import numpy as np
from jaxtyping import Float, Int


class ImageSource(Protocol):
    """A data set of images with a training part and a test part that have nothing in common.

    Attributes:
        name: how messages call it.
        task: one of `eqntk_cli.targets.task`, in MedMNIST's words.
        label_names: one name per class (per label of a multi-label set, per number of a regression).
        sizes: the number of images per split, keys "train" and "test".
        notes: sentences for the record of the run.

    Examples:
        >>> from eqntk_cli.data.sources.digits import Digits
        >>> images, labels = Digits(split_seed=0).read("test", np.arange(5))
        >>> images.shape, labels.shape, float(images.min()), float(images.max())
        ((5, 8, 8, 1), (5, 1), 0.0, 1.0)
    """

    name: str
    task: str
    label_names: tuple[str, ...]
    sizes: dict[str, int]
    notes: list[str]

    def read(
        self, split: str, rows: Int[np.ndarray, "image"]
    ) -> tuple[
        Float[np.ndarray, "image height width channel"],
        Int[np.ndarray, "image label"] | Float[np.ndarray, "image output"],
    ]:
        """The images of a split at these rows, values from 0 to 1, and their labels (or numbers)."""
        ...
