"""The 1797 handwritten digits that come with scikit-learn: 8x8 pixels, 10 classes; no network, no files.

Alpaydin, Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998). There is no
official split: `split_seed` divides them into 1200 for training and 597 for testing. The package's file is read
where it lies, since importing the package takes seconds.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.entry import Entry, Family
from eqntk_cli.errors import DataError, how_to_install

_IMAGES, _TRAIN = 1797, 1200
_LARGEST_VALUE = 16.0
_SPLIT_STREAM = 3


class Digits:
    """The digits as an image source."""

    def __init__(self, split_seed: int) -> None:
        table = np.loadtxt(_file(), delimiter=",")
        images, digits = table[:, :-1], table[:, -1]
        self.name, self.task = "digits", "multi-class"
        self.label_names = tuple(str(digit) for digit in range(10))
        self.notes: list[str] = []
        self._images = images.reshape(-1, 8, 8, 1) / _LARGEST_VALUE
        self._labels = digits[:, None].astype(np.int64)
        order = np.random.default_rng([split_seed, _SPLIT_STREAM]).permutation(len(images))
        self._rows = {"train": order[:_TRAIN], "test": order[_TRAIN:]}
        self.sizes = {split: len(rows) for split, rows in self._rows.items()}

    def read(self, split: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images (image, 8, 8, 1) from 0 to 1, and labels (image, 1)."""
        chosen = self._rows[split][rows]
        return self._images[chosen], self._labels[chosen]


def open_source(dataset: DatasetConfig) -> Digits:
    """The digits, divided by `split_seed`."""
    return Digits(dataset.split_seed)


def entries() -> list[Entry]:
    """The one entry of the catalogue."""
    return [
        Entry(
            name="digits",
            family="digits",
            task="multi-class",
            samples=(("train", _TRAIN), ("test", _IMAGES - _TRAIN)),
            licence="CC BY 4.0",
            about="handwritten digits, 8x8 grey, 10 classes",
            comes_with="scikit-learn",
        )
    ]


def _file() -> Path:
    """The file that scikit-learn's load_digits reads: 64 values from 0 to 16 and the digit in each row."""
    spec = find_spec("sklearn")
    path = None if spec is None or spec.origin is None else Path(spec.origin).parent / "datasets/data/digits.csv.gz"
    if path is None or not path.is_file():
        raise DataError(f"the digits of scikit-learn are not installed: {how_to_install('scikit-learn')}")
    return path


FAMILY = Family("images", entries, open_source)
