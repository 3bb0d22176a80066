"""From stored images to a bundle: choose, resize, normalise, encode, and add samples off the distribution.

The choice depends on `split_seed` alone, and the first n of a larger choice are the choice of n. A test image that
is an exact copy of a chosen training image is left out (the official files hold a few).
"""

import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.data.images import image_ood
from eqntk_cli.data.images.resizing import Normalisation, resized
from eqntk_cli.data.images.source import ImageSource
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.errors import ConfigError
from eqntk_cli.targets.labels import encode
from eqntk_cli.targets.representation import INVARIANT
from eqntk_cli.targets.scale import TargetScale
from eqntk_cli.targets.task import Task

_TRAIN_STREAM, _TEST_STREAM, _OOD_STREAM = range(3)

Images = Float[np.ndarray, "image height width channel"]
Labels = Int[np.ndarray, "image label"] | Float[np.ndarray, "image output"]


def image_bundle(dataset: DatasetConfig, source: ImageSource, others: image_ood.Others) -> DataBundle:
    """The bundle of a set of images; x (sample, height, width, channel) float64.

    `others` opens the set that dataset.ood_dataset names.

    Raises:
        ConfigError: more samples than there are, or no other set named for ood=other_dataset.
        DataError: labels or images that are not what the set's description says.
    """
    train, train_labels = choose_train(dataset, source)
    test, test_labels, notes = choose_test(dataset, source, train)
    if dataset.image_size is not None and train.shape[1] != dataset.image_size:
        notes.append(
            f"images of {train.shape[1]}x{train.shape[2]} pixels resized to {dataset.image_size} by area averaging"
        )
    train, test = resized(train, dataset.image_size), resized(test, dataset.image_size)
    task = Task.of(source.task)
    train_y, test_y, names, scale = _targets(dataset, source, train_labels, test_labels)
    ood_x, known = _off_distribution(dataset, train, test, others)
    normal = Normalisation.of(train) if dataset.normalise else _unchanged
    return DataBundle(
        name=dataset.name,
        task=task.name,
        domain=PixelGrid(*train.shape[1:]),
        train_x=normal(train),
        train_y=train_y,
        test_x=normal(test),
        test_y=test_y,
        ood_x=normal(ood_x),
        ood_y=np.full((len(ood_x), len(names)), np.nan) if known is None else test_y[known],
        train_labels=train_labels if task.classifies else None,
        test_labels=test_labels if task.classifies else None,
        ood_labels=test_labels[known] if task.classifies and known is not None else None,
        output_names=names,
        target=scale,
        notes=(*source.notes, *notes),
    )


def _targets(
    dataset: DatasetConfig, source: ImageSource, train: np.ndarray, test: np.ndarray
) -> tuple[Float[np.ndarray, "train output"], Float[np.ndarray, "test output"], tuple[str, ...], TargetScale]:
    """Encoded classes, or numbers with mean 0 and deviation 1 over the training set; the outputs' names and scale."""
    task = Task.of(source.task)
    if not task.classifies:
        scale = INVARIANT.standard(source.label_names[0], dataset.unit or "", train)
        return scale.encoded(train), scale.encoded(test), source.label_names, scale
    train_y, names, scale = encode(train, task, source.label_names, dataset.labels)
    test_y, _, _ = encode(test, task, source.label_names, dataset.labels)
    return train_y, test_y, names, scale


def choose_train(dataset: DatasetConfig, source: ImageSource) -> tuple[Images, Labels]:
    """The n_train images that `split_seed` draws from the training part."""
    _at_most(source, "train", "dataset.n_train", dataset.n_train)
    return source.read("train", _order(dataset, source, "train", _TRAIN_STREAM)[: dataset.n_train])


def choose_test(dataset: DatasetConfig, source: ImageSource, train: Images) -> tuple[Images, Labels, list[str]]:
    """The n_test images that `split_seed` draws from the test part, none of them a copy of a training image."""
    _at_most(source, "test", "dataset.n_test", dataset.n_test)
    order = _order(dataset, source, "test", _TEST_STREAM)
    seen = {image.tobytes() for image in train}
    wanted, copies = dataset.n_test, 0
    while True:
        images, labels = source.read("test", order[: wanted + copies])
        new = np.array([image.tobytes() not in seen for image in images])
        repeated = int(np.sum(~new))
        if repeated == copies or wanted + copies >= len(order):
            break
        copies = repeated
    notes = [f"left out of the test samples as exact copies of training images: {repeated}"] if repeated else []
    return images[new][:wanted], labels[new][:wanted], notes


def _at_most(source: ImageSource, split: str, key: str, wanted: int) -> None:
    if wanted > source.sizes[split]:
        raise ConfigError(
            f"{key}={wanted} is not possible; {source.name} has {source.sizes[split]} {split} images, "
            f"expected at most that many."
        )


def _order(dataset: DatasetConfig, source: ImageSource, split: str, stream: int) -> Int[np.ndarray, " image"]:
    return np.random.default_rng([dataset.split_seed, stream]).permutation(source.sizes[split])


def _off_distribution(
    dataset: DatasetConfig, train: Images, test: Images, others: image_ood.Others
) -> tuple[Images, Int[np.ndarray, " image"] | None]:
    """The samples, and the test images that they come from where their class is known."""
    rng = np.random.default_rng([dataset.split_seed, _OOD_STREAM])
    if dataset.ood == "off_grid_rotation":
        return image_ood.off_grid_rotation(rng, test, dataset.n_ood)
    if dataset.ood == "other_dataset" and dataset.n_ood:
        return image_ood.other_dataset(rng, dataset, train.shape[1:], others), None
    return image_ood.noise(rng, train, dataset.n_ood), None


def _unchanged(images: Images) -> Images:
    return images
