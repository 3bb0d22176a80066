import numpy as np
import pytest

from eqntk_cli.data.images.resizing import Normalisation, area_weights, resized, with_channels

RNG = np.random.default_rng(7)


def brute_force(image: np.ndarray, size: int) -> np.ndarray:
    """Split each pixel into size x size equal parts, then average whole blocks: exact for every pair of sizes."""
    height, width, channels = image.shape
    fine = image.repeat(size, axis=0).repeat(size, axis=1)
    return fine.reshape(size, height, size, width, channels).mean(axis=(1, 3))


@pytest.mark.parametrize(("shape", "size"), [((28, 28), 14), ((28, 28), 9), ((5, 7), 3), ((8, 8), 28), ((6, 4), 10)])
def test_resizing_is_the_exact_mean_over_each_new_pixel(shape, size):
    images = RNG.standard_normal((3, *shape, 2))
    expected = np.stack([brute_force(image, size) for image in images])
    np.testing.assert_allclose(resized(images, size), expected, atol=1e-14)


@pytest.mark.parametrize(("stored", "wanted"), [(28, 14), (28, 11), (7, 20)])
def test_weights_share_out_every_pixel(stored, wanted):
    weights = area_weights(stored, wanted)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-14)
    np.testing.assert_allclose(weights.sum(axis=0), wanted / stored, atol=1e-14)


def test_same_size_changes_nothing():
    images = RNG.standard_normal((2, 4, 4, 1))
    assert resized(images, None) is images
    assert resized(images, 4) is images


def test_normalised_training_images_have_mean_0_and_deviation_1_per_channel():
    images = RNG.standard_normal((5, 4, 4, 3)) * [1, 2, 3] + [4, 5, 6]
    normal = Normalisation.of(images)
    np.testing.assert_allclose(normal(images).mean(axis=(0, 1, 2)), 0, atol=1e-13)
    np.testing.assert_allclose(normal(images).std(axis=(0, 1, 2)), 1, atol=1e-13)
    np.testing.assert_allclose(normal(np.zeros((1, 4, 4, 3)))[0, 0, 0], -images.mean((0, 1, 2)) / images.std((0, 1, 2)))


def test_a_constant_channel_is_only_shifted():
    images = np.full((2, 3, 3, 1), 0.25)
    np.testing.assert_array_equal(Normalisation.of(images)(images), 0)


def test_grey_and_rgb():
    grey = RNG.random((2, 3, 3, 1))
    np.testing.assert_array_equal(with_channels(grey, 3)[..., 2], grey[..., 0])
    np.testing.assert_allclose(with_channels(with_channels(grey, 3), 1), grey, atol=1e-15)
    red = np.zeros((1, 1, 1, 3))
    red[..., 0] = 1
    assert with_channels(red, 1).item() == pytest.approx(0.299)
