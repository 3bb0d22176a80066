"""Rows of numbers, or arrays of images, as the samples of a network."""

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from eqntk_cli.errors import ConfigError, DataError

_AXES = "(samples, features), (samples, height, width) or (samples, height, width, channels)"


def as_samples(
    x: Float[np.ndarray, "sample ..."], image_shape: tuple[int, ...] | None, group: str
) -> Float[np.ndarray, "sample height width channel"]:
    """Images with their channels behind.

    Flat rows are images of `image_shape`, (height, width) or (height, width, channels), in C order. Without it a row is
    a single pixel with its features as channels, on which a group has nothing to do.

    Raises:
        ConfigError: an image shape that is none, or flat rows under a group without an image shape.
        DataError: an array whose shape does not fit.
    """
    if x.ndim in (3, 4):
        images = x if x.ndim == 4 else x[..., None]
        if image_shape is not None and images.shape[1:] != _with_channel(image_shape):
            raise DataError(f"X has shape {x.shape}; expected samples of image_shape={tuple(image_shape)}.")
        return images
    if x.ndim != 2:
        raise DataError(f"X has shape {x.shape}; expected {_AXES}.")
    if image_shape is None:
        if group != "c1":
            raise ConfigError(
                f"group={group} moves images, and X has flat rows of {x.shape[1]} features; say image_shape=(height, "
                "width) or (height, width, channels)."
            )
        return x[:, None, None, :]
    shape = _with_channel(image_shape)
    if math.prod(shape) != x.shape[1]:
        raise DataError(
            f"X has {x.shape[1]} features; expected {math.prod(shape)} for image_shape={tuple(image_shape)}."
        )
    return x.reshape(len(x), *shape)


def _with_channel(image_shape: tuple[int, ...]) -> tuple[int, ...]:
    shape = tuple(image_shape) if isinstance(image_shape, Iterable) else ()
    if len(shape) not in (2, 3) or not all(isinstance(side, int | np.integer) and side >= 1 for side in shape):
        raise ConfigError(
            f"image_shape={image_shape} is not possible; expected (height, width) or (height, width, channels)."
        )
    return shape if len(shape) == 3 else (*shape, 1)
