import numpy as np
import pytest

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.images import image_ood
from eqntk_cli.data.registry import load_data
from eqntk_cli.errors import ConfigError

MLP = ArchitectureConfig(name="mlp")


def digits(**changes) -> DatasetConfig:
    return DatasetConfig(**{"name": "digits", "family": "digits", "n_train": 30, "n_test": 12, "n_ood": 8, **changes})


def test_noise_has_the_mean_and_deviation_of_each_pixel_and_channel():
    rng = np.random.default_rng(0)
    train = rng.standard_normal((50, 3, 3, 2)) * rng.uniform(0.5, 2, (3, 3, 2)) + rng.standard_normal((3, 3, 2))
    count = 20000
    made = image_ood.noise(rng, train, count)
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    assert np.abs((made.mean(axis=0) - mean) / (deviation / np.sqrt(count))).max() < 4.5
    assert np.abs((made.std(axis=0) - deviation) / (deviation / np.sqrt(2 * count))).max() < 4.5


def test_angles_keep_away_from_the_grid():
    angles = image_ood.off_grid_angles(np.random.default_rng(1), 1000)
    assert (np.abs(angles / 90 - np.round(angles / 90)) * 90 >= 15).all()
    assert {int(angle // 90) for angle in angles} == {0, 1, 2, 3}


def test_rotation_is_bilinear_about_the_centre():
    rng = np.random.default_rng(2)
    image, angle = rng.random((9, 9, 2)), 33.0
    turned = image_ood.rotated(image[None], np.array([angle]))[0]
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    for row, column in ((4, 4), (3, 5), (6, 4)):  # well inside: source = R (x - centre) + centre
        y = cos * (row - 4) + sin * (column - 4) + 4
        x = -sin * (row - 4) + cos * (column - 4) + 4
        top, left = int(np.floor(y)), int(np.floor(x))
        v, u = y - top, x - left
        expected = (
            (1 - v) * (1 - u) * image[top, left]
            + (1 - v) * u * image[top, left + 1]
            + v * (1 - u) * image[top + 1, left]
            + v * u * image[top + 1, left + 1]
        )
        np.testing.assert_allclose(turned[row, column], expected, atol=1e-12)
    np.testing.assert_allclose(image_ood.rotated(image[None], np.array([90.0]))[0], np.rot90(image), atol=1e-12)


def test_turned_test_images_keep_their_class_and_may_outnumber_them():
    bundle = load_data(digits(ood="off_grid_rotation", n_ood=15), MLP)
    assert bundle.ood_x.shape == (15, 8, 8, 1)
    np.testing.assert_array_equal(bundle.ood_labels[12:], bundle.test_labels[:3])
    np.testing.assert_array_equal(bundle.ood_y[:12], bundle.test_y)
    assert not np.isclose(bundle.ood_x[12:], bundle.ood_x[:3]).all()


def test_noise_has_no_class_and_follows_the_seed():
    first, again, other = (load_data(digits(split_seed=seed), MLP) for seed in (0, 0, 1))
    assert np.isnan(first.ood_y).all()
    assert first.ood_labels is None
    assert first.fingerprint() == again.fingerprint()
    assert first.fingerprint()["ood"] != other.fingerprint()["ood"]


def test_another_data_set_takes_this_ones_shape(data_root):
    settings = {"root": str(data_root / "medmnist"), "ood": "other_dataset", "family": "medmnist", "n_train": 20}
    rgb = load_data(digits(name="retinamnist", ood_dataset="digits", image_size=10, **settings), MLP)
    assert rgb.ood_x.shape == (8, 10, 10, 3)
    grey = load_data(digits(name="breastmnist", ood_dataset="retinamnist", **settings), MLP)
    assert grey.ood_x.shape == (8, 28, 28, 1)
    assert np.isnan(grey.ood_y).all()


def test_no_samples_off_the_distribution():
    assert load_data(digits(n_ood=0), MLP).ood_x.shape == (0, 8, 8, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "expected the name of another data set"),
        ({"ood_dataset": "digits"}, "expected the name of another data set"),
        ({"ood_dataset": "brestmnist"}, "did you mean breastmnist"),
        ({"ood_dataset": "molecules"}, "holds no images"),
    ],
)
def test_other_sets_that_cannot_be(changes, words):
    with pytest.raises(ConfigError, match=words):
        load_data(digits(ood="other_dataset", **changes), MLP)


def test_more_samples_than_the_other_set_has(data_root):
    changes = {"ood_dataset": "digits", "n_ood": 600, "name": "breastmnist", "family": "medmnist"}
    with pytest.raises(ConfigError, match="digits has 597 test images"):
        load_data(digits(ood="other_dataset", root=str(data_root / "medmnist"), **changes), MLP)
