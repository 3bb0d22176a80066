"""Resizing by area averaging, normalisation, and grey against RGB.

Every pixel is a square of constant value. The resized image holds the mean over each new pixel's square, which is
exact for any ratio of sizes, smaller or larger, and keeps the mean of the image.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601: weights of red, green and blue in grey


def area_weights(stored: int, wanted: int) -> Float[np.ndarray, "wanted stored"]:
    """The share of each stored pixel in each wanted one, along one axis; every row sums to 1.

    Wanted pixel i covers [i s, (i+1) s] in units of stored pixels, with s = stored / wanted; its weights are the
    overlaps of that interval with [j, j+1], divided by s.
    """
    ratio = stored / wanted
    starts = np.arange(wanted)[:, None] * ratio
    pixels = np.arange(stored)[None, :]
    overlap = np.minimum(starts + ratio, pixels + 1) - np.maximum(starts, pixels)
    return np.clip(overlap, 0, None) / ratio


def resized(
    images: Float[np.ndarray, "image height width channel"], size: int | None
) -> Float[np.ndarray, "image size size channel"]:
    """The images with `size` x `size` pixels, by area averaging; None leaves them as they are."""
    height, width = images.shape[1:3]
    if size is None or (height, width) == (size, size):
        return images
    rows, columns = area_weights(height, size), area_weights(width, size)
    return np.einsum("ih,nhwc,jw->nijc", rows, images, columns, optimize=True)


def with_channels(
    images: Float[np.ndarray, "image height width stored"], channels: int
) -> Float[np.ndarray, "image height width channel"]:
    """The images as grey (1) or RGB (3): grey is repeated, RGB becomes its luma."""
    if images.shape[-1] == channels:
        return images
    if channels == 1:
        return images @ _LUMA[:, None]
    return np.repeat(images, channels, axis=-1)


@dataclass(frozen=True)
class Normalisation:
    """x -> (x - mean) / deviation, one mean and deviation per channel."""

    mean: Float[np.ndarray, " channel"]
    deviation: Float[np.ndarray, " channel"]

    @classmethod
    def of(cls, images: Float[np.ndarray, "image height width channel"]) -> "Normalisation":
        """Mean and standard deviation over images and pixels; a constant channel is only shifted."""
        deviation = images.std(axis=(0, 1, 2))
        return cls(images.mean(axis=(0, 1, 2)), np.where(deviation > 0, deviation, 1.0))

    def __call__(
        self, images: Float[np.ndarray, "image height width channel"]
    ) -> Float[np.ndarray, "image height width channel"]:
        """The normalised images."""
        return (images - self.mean) / self.deviation
