"""A user's own images with classes or numbers, from .npz or .npy files, every sample of them checked on reading.

    F.npz                                  x_train, y_train, x_test, y_test; or x, y and perhaps split (0 train, 1 test)
    [x_train.npy,y_train.npy,x_test.npy,y_test.npy]  or  [x.npy,y.npy]

x (n, height, width) or (n, height, width, channel): bytes count as 0 to 1, other numbers enter as they are. y (n,) or
(n, outputs): class numbers from 0, 0 or 1 for every label, or numbers to be learned. Without a split, `split_seed`
leaves a third for testing. `label_names` in a .npz names the classes.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.entry import Entry, Family
from eqntk_cli.data.formats.stored import StoredArray, names, texts
from eqntk_cli.errors import ConfigError, DataError
from eqntk_cli.targets.task import BINARY, MULTI_CLASS, MULTI_LABEL, REGRESSION, Task

SPLITS = ("train", "test")
_LARGEST_BYTE = 255.0
_TEST_SHARE = 1 / 3
_SPLIT_STREAM = 3
_MANY_CLASSES = 100  # more different whole numbers than this are not taken for classes unasked
_SHAPE = "(samples, height, width) or (samples, height, width, channels)"


@dataclass(frozen=True, eq=False)
class _Part:
    """The rows of a pair of arrays that belong to one split."""

    x: StoredArray
    y: np.ndarray
    rows: Int[np.ndarray, " sample"]


class OwnImages:
    """Arrays of the user's as an image source."""

    def __init__(self, files: list[Path], task: str, split_seed: int) -> None:
        """Find the arrays, settle the task, and look at every number once.

        Raises:
            DataError: what `eqntk data check` would find.
        """
        self.name = files[0].name
        self.notes: list[str] = []
        self._parts = _parts(files, split_seed)
        for split, part in self._parts.items():
            _check_shapes(part, split)
        train, test = (self._parts[split] for split in SPLITS)
        if train.x.shape[1:] != test.x.shape[1:]:
            raise DataError(
                f"{train.x.where}: images are {train.x.shape[1:]}, those of {test.x.where} "
                f"{test.x.shape[1:]}; expected one shape."
            )
        if (train.x.dtype == np.uint8) != (test.x.dtype == np.uint8):
            raise DataError(
                f"{train.x.where} holds {train.x.dtype} and {test.x.where} {test.x.dtype}: bytes are divided by "
                f"{_LARGEST_BYTE}, other numbers are taken as they are; save both in one type."
            )
        y = np.concatenate([part.y[part.rows] for part in self._parts.values()])
        chosen = _inferred(y, train.x.where) if task == "auto" else Task.of(task)
        self.task = chosen.name
        self.sizes = {split: len(part.rows) for split, part in self._parts.items()}
        self.label_names = _label_names(files[0], chosen, y)
        _check_images(train, test)

    def read(self, split: str, rows: Int[np.ndarray, " image"]) -> tuple[np.ndarray, np.ndarray]:
        """Images (image, height, width, channel), and labels or targets (image, output)."""
        part = self._parts[split]
        images = part.x.rows(part.rows[rows])
        images = images[..., None] if images.ndim == 3 else images
        whole = images / _LARGEST_BYTE if images.dtype == np.uint8 else images.astype(np.float64)
        kind = np.int64 if Task.of(self.task).classifies else np.float64
        return whole, part.y[part.rows[rows]].astype(kind)


def open_source(dataset: DatasetConfig) -> OwnImages:
    """The arrays that dataset.files names.

    Raises:
        ConfigError: no files named.
        DataError: files that cannot be used.
    """
    return OwnImages(own_files(dataset), dataset.task, dataset.split_seed)


def own_files(dataset: DatasetConfig) -> list[Path]:
    """The files that dataset.files names, all of them there.

    Raises:
        ConfigError: none is named.
        DataError: one is missing.
    """
    if not dataset.files:
        raise ConfigError(f"dataset={dataset.name} needs dataset.files=FILE, the file that holds your data.")
    files = [Path(file) for file in dataset.files]
    for file in files:
        if not file.is_file():
            raise DataError(f"dataset.files: {file} is no file; check the path.")
    return files


def entries() -> list[Entry]:
    """The one entry of the catalogue."""
    return [
        Entry(
            name="arrays",
            family="arrays",
            task="any",
            samples=(),
            licence="your own",
            about="your own images: dataset.files=F.npz",
        )
    ]


def _parts(files: list[Path], split_seed: int) -> dict[str, _Part]:
    stored = _stored(files)
    wanted = {"x_train", "y_train", "x_test", "y_test"}
    if wanted <= set(stored):
        return {split: _part(stored[f"x_{split}"], stored[f"y_{split}"]) for split in SPLITS}
    if not {"x", "y"} <= set(stored):
        held = ", ".join(sorted(stored)) or "nothing"
        raise DataError(f"{files[0]} holds {held}; expected x_train, y_train, x_test, y_test, or x, y and split.")
    whole = _part(stored["x"], stored["y"])
    if "split" in stored:
        split = stored["split"].whole().ravel()
        if len(split) != len(whole.x) or not np.isin(split, (0, 1)).all() or len(np.unique(split)) < 2:
            raise DataError(
                f"{stored['split'].where} must say 0 (train) or 1 (test) for each of the {len(whole.x)} "
                "samples, and each at least once."
            )
        rows = {"train": np.flatnonzero(split == 0), "test": np.flatnonzero(split == 1)}
    else:
        order = np.random.default_rng([split_seed, _SPLIT_STREAM]).permutation(len(whole.x))
        held_out = max(1, round(len(order) * _TEST_SHARE))
        rows = {"train": order[held_out:], "test": order[:held_out]}
    return {split: _Part(whole.x, whole.y, rows[split]) for split in SPLITS}


def _stored(files: list[Path]) -> dict[str, StoredArray]:
    if len(files) == 1 and files[0].suffix != ".npy":
        return {key: StoredArray(files[0], key) for key in names(files[0]) if key != "label_names"}
    keys = {2: ("x", "y"), 4: ("x_train", "y_train", "x_test", "y_test")}.get(len(files))
    if keys is None:
        raise DataError(
            f"dataset.files names {len(files)} files, expected one .npz, or the .npy files [x.npy,y.npy] "
            "or [x_train.npy,y_train.npy,x_test.npy,y_test.npy]."
        )
    return {key: StoredArray(file) for key, file in zip(keys, files, strict=True)}


def _part(x: StoredArray, y: StoredArray) -> _Part:
    if not x.shape or not y.shape or len(x) != len(y):
        raise DataError(f"{x.where} has shape {x.shape} and {y.where} {y.shape}; expected one row of each per sample.")
    if len(x) == 0:
        raise DataError(f"{x.where} has no samples.")
    values = y.whole()
    return _Part(x, values.reshape(len(values), -1), np.arange(len(x)))


def _check_shapes(part: _Part, split: str) -> None:
    shape, where = part.x.shape, part.x.where
    if len(shape) not in (3, 4):
        raise DataError(f"{where} has shape {shape}, expected {_SHAPE}.")
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3) and shape[2] == shape[3]:
        raise DataError(
            f"{where} has shape {shape}, which looks like channels first; expected {_SHAPE}. "
            "Save x.transpose(0, 2, 3, 1)."
        )
    if 0 in shape[1:]:
        raise DataError(f"{where} has shape {shape}; expected pixels.")
    if not np.isfinite(part.y.astype(np.float64)).all():
        bad = int(np.flatnonzero(~np.isfinite(part.y.astype(np.float64)).all(axis=1))[0])
        raise DataError(f"the {split} targets beside {where} hold NaN or infinity (first: sample {bad}).")


def _inferred(y: np.ndarray, where: str) -> Task:
    if y.dtype.kind == "f":
        return REGRESSION
    if y.shape[1] > 1:
        if not np.isin(y, (0, 1)).all():
            return REGRESSION
        if np.all(y.sum(axis=1) == 1):
            raise DataError(
                f"the targets beside {where} look like classes one-hot; save their numbers (y.argmax(1)), or "
                "say dataset.task=multi-label."
            )
        return MULTI_LABEL
    classes = len(np.unique(y))
    if classes > min(_MANY_CLASSES, max(2, len(y) // 2)):
        raise DataError(
            f"the targets beside {where} are {classes} different whole numbers; say what they are by "
            "dataset.task=regression or multi-class."
        )
    return BINARY if y.max(initial=0) <= 1 else MULTI_CLASS


def _label_names(file: Path, task: Task, y: np.ndarray) -> tuple[str, ...]:
    if not task.classifies:
        return tuple(f"y{column}" for column in range(y.shape[1])) if y.shape[1] > 1 else ("y",)
    if y.dtype.kind == "f" and not np.all(y == np.round(y)):
        raise DataError(f"{file}: dataset.task={task.short} needs whole numbers for classes, got fractions.")
    if not task.label_per_class and y.shape[1] != 1:
        raise DataError(f"{file}: {y.shape[1]} columns of labels, expected 1 for dataset.task={task.short}.")
    classes = y.shape[1] if task.label_per_class else int(y.max()) + 1
    classes = 2 if task == BINARY else classes
    legal = task.label_range(classes)
    if y.min() < 0 or y.max() > legal[-1]:
        raise DataError(f"{file}: labels run from {y.min()} to {y.max()}, expected 0 to {legal[-1]} for {task.short}.")
    present = np.unique(y).astype(np.int64)
    if len(present) < len(legal):
        absent = int(np.flatnonzero(np.append(present, -1) != np.arange(len(present) + 1))[0])
        raise DataError(f"{file}: no sample has label {absent} of 0 to {legal[-1]}; number the classes without gaps.")
    if file.suffix == ".npz" and "label_names" in names(file):
        words = texts(file, "label_names")
        if len(words) != classes:
            raise DataError(f"{file}: label_names has {len(words)} words for {classes} classes.")
        return words
    return tuple(f"class {label}" for label in range(classes))


def _check_images(train: _Part, test: _Part) -> None:
    """Every number finite, no channel constant, no test image that is a training image."""
    seen: dict[bytes, int] = {}
    for split, part in (("train", train), ("test", test)):
        wanted = np.zeros(len(part.x), bool)
        wanted[part.rows] = True
        low: np.ndarray | None = None
        high: np.ndarray | None = None
        for start, block in part.x.blocks():
            images = block[wanted[start : start + len(block)]]
            numbers = start + np.flatnonzero(wanted[start : start + len(block)])
            if images.dtype.kind == "f" and not np.isfinite(images).all():
                bad = numbers[~np.isfinite(images).reshape(len(images), -1).all(axis=1)][0]
                raise DataError(f"{part.x.where}: sample {bad} holds NaN or infinity; expected finite numbers.")
            if len(images):
                pixels = images.reshape(-1, images.shape[3] if images.ndim == 4 else 1)
                low = pixels.min(axis=0) if low is None else np.minimum(low, pixels.min(axis=0))
                high = pixels.max(axis=0) if high is None else np.maximum(high, pixels.max(axis=0))
            for number, image in zip(numbers, images, strict=True):
                digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
                if split == "test" and digest in seen:
                    raise DataError(
                        f"{part.x.where}: test sample {number} is an exact copy of training sample "
                        f"{seen[digest]}; take one of them out."
                    )
                if split == "train":
                    seen[digest] = int(number)
        if split == "train" and low is not None and high is not None and np.any(low == high):
            channel = int(np.flatnonzero(low == high)[0])
            raise DataError(
                f"{part.x.where}: channel {channel} is {low[channel]} in every training image; leave it out."
            )


FAMILY = Family("images", entries, open_source)
