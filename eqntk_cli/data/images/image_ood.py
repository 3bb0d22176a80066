"""Samples off the distribution: there, too, the two ensembles must agree, although nobody trained on anything alike.

noise: Gaussian, each pixel and channel with the mean and deviation that it has in the training set
other_dataset: test images of another set, resized, grey or RGB as this one is
off_grid_rotation: test images turned by angles that are no multiple of 90 degrees (bilinear interpolation)
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.images.resizing import resized, with_channels
from eqntk_cli.data.images.source import ImageSource
from eqntk_cli.errors import ConfigError

Others = Callable[[int | None], ImageSource]  # opens the other set; images of this side in pixels where it has them
_SMALLEST_ANGLE, _LARGEST_ANGLE = 15.0, 75.0


def noise(
    rng: np.random.Generator, train: Float[np.ndarray, "image height width channel"], count: int
) -> Float[np.ndarray, "count height width channel"]:
    """Gaussian noise with the training set's mean and standard deviation per pixel and channel."""
    return train.mean(axis=0) + train.std(axis=0) * rng.standard_normal((count, *train.shape[1:]))


def off_grid_angles(rng: np.random.Generator, count: int) -> Float[np.ndarray, " count"]:
    """Angles in degrees, at least 15 away from every multiple of 90."""
    return 90.0 * rng.integers(4, size=count) + rng.uniform(_SMALLEST_ANGLE, _LARGEST_ANGLE, count)


def rotated(
    images: Float[np.ndarray, "image height width channel"], angles: Float[np.ndarray, " image"]
) -> Float[np.ndarray, "image height width channel"]:
    """Each image turned about its centre, bilinear; what comes in from outside repeats the nearest border pixel."""
    from scipy import ndimage

    turned = [
        ndimage.rotate(image, angle, axes=(0, 1), reshape=False, order=1, mode="nearest")
        for image, angle in zip(images, angles, strict=True)
    ]
    return np.stack(turned) if turned else images


def off_grid_rotation(
    rng: np.random.Generator, test: Float[np.ndarray, "image height width channel"], count: int
) -> tuple[Float[np.ndarray, "count height width channel"], Int[np.ndarray, " count"]]:
    """Turned test images, and which of the test images each one is (in turn; more than once if need be)."""
    index = np.arange(count) % len(test)
    return rotated(test[index], off_grid_angles(rng, count)), index


def other_dataset(
    rng: np.random.Generator, dataset: DatasetConfig, shape: tuple[int, int, int], others: Others
) -> Float[np.ndarray, "count height width channel"]:
    """Test images of `dataset.ood_dataset` in this shape, values from 0 to 1 as stored.

    Raises:
        ConfigError: no other set is named, it holds no images, or fewer than n_ood.
    """
    source = others(shape[0])
    if dataset.n_ood > source.sizes["test"]:
        raise ConfigError(
            f"dataset.n_ood={dataset.n_ood} is not possible; {source.name} has {source.sizes['test']} test images."
        )
    rows = rng.permutation(source.sizes["test"])[: dataset.n_ood]
    images, _ = source.read("test", rows)
    return with_channels(resized(images, shape[0]), shape[2])
