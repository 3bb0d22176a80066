import hashlib

import medmnist_files as made
import numpy as np
import pytest

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.formats import medmnist_table
from eqntk_cli.data.registry import load_data
from eqntk_cli.data.sources import medmnist
from eqntk_cli.data.sources.medmnist import open_source
from eqntk_cli.errors import ConfigError, DataError

MLP = ArchitectureConfig(name="mlp")
MULTI_LABEL = "multi-label, binary-class"


@pytest.fixture
def table(monkeypatch):
    """A table that the test fills; stands in for that of the package."""
    rows: dict = {}
    for module in (medmnist, medmnist_table):
        monkeypatch.setattr(module, "table", lambda: rows)
    return rows


def config(root, **changes) -> DatasetConfig:
    fixed = {"name": "madeup", "family": "medmnist", "root": root and str(root), "n_train": 10, "n_test": 5, "n_ood": 3}
    return DatasetConfig(**{**fixed, **changes})


def test_the_package_lists_twelve_sets_and_reading_it_leaves_no_trace(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    rows = medmnist_table.table.__wrapped__()
    assert len(rows) == 12
    assert list(tmp_path.iterdir()) == []
    assert {row.task for row in rows.values()} == {"multi-class", "binary-class", "ordinal-regression", MULTI_LABEL}
    assert rows["chestmnist"].label_columns == 14
    assert rows["breastmnist"].files[28].md5 == "750601b1f35ba3300ea97c75c52ff8f6"
    assert set(rows["pathmnist"].files) == {28, 64, 128, 224}


@pytest.mark.parametrize(
    ("name", "channels", "outputs"), [("breastmnist", 1, 2), ("pneumoniamnist", 1, 2), ("retinamnist", 3, 5)]
)
def test_real_files(data_root, name, channels, outputs):
    bundle = load_data(config(data_root / "medmnist", name=name, n_train=64, n_test=50), MLP)
    assert bundle.train_x.shape == (64, 28, 28, channels)
    assert bundle.train_y.shape == (64, outputs)
    np.testing.assert_allclose(bundle.train_y.sum(axis=1), 0, atol=1e-14)
    np.testing.assert_allclose(bundle.train_x.std(axis=(0, 1, 2)), 1, atol=1e-12)
    assert bundle.domain.shape == bundle.train_x.shape[1:]
    with np.load(data_root / "medmnist" / f"{name}.npz") as file:
        stored = {
            image.tobytes(): int(label[0])
            for image, label in zip(file["test_images"], file["test_labels"], strict=True)
        }
    raw = load_data(config(data_root / "medmnist", name=name, n_train=64, n_test=50, normalise=False), MLP)
    pixels = np.round(raw.test_x * 255).astype(np.uint8)
    for image, label in zip(pixels.squeeze(-1) if channels == 1 else pixels, raw.test_labels, strict=True):
        assert stored[image.tobytes()] == label[0]


def test_the_copy_that_breastmnist_has_in_both_parts_is_left_out(data_root):
    bundle = load_data(config(data_root / "medmnist", name="breastmnist", n_train=546, n_test=156), MLP)
    train = {image.tobytes() for image in bundle.train_x}
    assert not any(image.tobytes() in train for image in bundle.test_x)
    assert len(bundle.test_x) == 155
    assert "exact copies" in " ".join(bundle.notes)


def test_copies_are_replaced_while_there_are_others(tmp_path, table):
    arrays = made.arrays()
    arrays["test_images"][:6] = arrays["train_images"][:6]
    table["madeup"] = made.describe({28: made.write(tmp_path, arrays)})
    bundle = load_data(config(tmp_path, n_train=30, n_test=6), MLP)
    assert bundle.test_x.shape[0] == 6
    train = {image.tobytes() for image in bundle.train_x}
    assert not any(image.tobytes() in train for image in bundle.test_x)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("task", ["multi-class", "binary-class", "ordinal-regression", MULTI_LABEL])
def test_every_task_grey_and_rgb(tmp_path, table, task, channels):
    classes = 2 if task == "binary-class" else 4
    arrays = made.arrays(task, classes, channels)
    table["madeup"] = made.describe({28: made.write(tmp_path, arrays)}, task, classes, channels)
    bundle = load_data(config(tmp_path, image_size=7, labels="raw", normalise=False), MLP)
    assert (bundle.train_x.shape, bundle.task) == ((10, 7, 7, channels), task)
    assert bundle.train_y.shape == (10, 1 if task == "binary-class" else classes)
    pooled = arrays["train_images"].reshape(30, 7, 4, 7, 4, channels).mean(axis=(2, 4)) / 255
    for image, target, label in zip(bundle.train_x, bundle.train_y, bundle.train_labels, strict=True):
        row = int(np.argmin(np.abs(pooled - image).sum(axis=(1, 2, 3))))
        np.testing.assert_allclose(image, pooled[row], atol=1e-14)
        np.testing.assert_array_equal(label, arrays["train_labels"][row])
        if task == MULTI_LABEL:
            np.testing.assert_array_equal(target, label)


def test_the_choice_depends_on_the_seed_alone_and_is_nested(tmp_path, table):
    table["madeup"] = made.describe({28: made.write(tmp_path, made.arrays())})
    few, many = (load_data(config(tmp_path, n_train=n, normalise=False), MLP) for n in (4, 9))
    np.testing.assert_array_equal(few.train_x, many.train_x[:4])
    np.testing.assert_array_equal(few.test_x, many.test_x)
    again = load_data(config(tmp_path, n_train=4, normalise=False), MLP)
    assert again.fingerprint() == few.fingerprint()
    other = load_data(config(tmp_path, n_train=4, normalise=False, split_seed=1), MLP)
    assert other.fingerprint()["train"] != few.fingerprint()["train"]


def test_the_larger_official_file_is_used_if_it_is_there(tmp_path, table):
    files = {28: made.write(tmp_path, made.arrays()), 64: made.write(tmp_path, made.arrays(side=64), suffix="_64")}
    table["madeup"] = made.describe(files)
    bundle = load_data(config(tmp_path, image_size=64), MLP)
    assert bundle.train_x.shape == (10, 64, 64, 1)
    assert bundle.notes == ()
    (tmp_path / "madeup_64.npz").unlink()
    bundle = load_data(config(tmp_path, image_size=64), MLP)
    assert bundle.train_x.shape == (10, 64, 64, 1)
    assert "madeup_64.npz is not at hand" in bundle.notes[0]


def test_a_file_cut_off(tmp_path, data_root):
    whole = (data_root / "medmnist" / "breastmnist.npz").read_bytes()
    (tmp_path / "breastmnist.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"not the official file.*no readable npz.*eqntk data fetch breastmnist"):
        load_data(config(tmp_path, name="breastmnist"), MLP)


def _changed(key: str, value) -> dict[str, np.ndarray]:
    arrays = made.arrays()
    arrays[key] = value(arrays[key])
    return arrays


DAMAGES = [
    ("train_labels", lambda labels: labels[:, 0], r"train_labels has shape \(30,\), expected \(30, 1\)"),
    ("test_images", lambda images: images[:-1], r"test_images has shape \(11, 28, 28\), expected \(12, 28, 28\)"),
    ("val_images", lambda images: images[..., None], r"val_images has shape \(4, 28, 28, 1\)"),
    (
        "train_images",
        lambda images: np.where(np.arange(30)[:, None, None] == 7, np.nan, images),
        "NaN or infinity in sample 7",
    ),
    ("train_images", lambda images: images / 255, "train_images is float64, expected uint8"),
]


@pytest.mark.parametrize(("key", "value", "words"), DAMAGES)
@pytest.mark.parametrize("right_checksum", [True, False])
def test_arrays_that_are_not_what_the_table_says(tmp_path, table, key, value, words, right_checksum):
    file = made.write(tmp_path, _changed(key, value))
    if not right_checksum:
        file = type(file)(file.name, file.url, hashlib.md5(b"another").hexdigest())
    table["madeup"] = made.describe({28: file})
    with pytest.raises(DataError, match=words) as caught:
        load_data(config(tmp_path), MLP)
    assert "\n" not in str(caught.value)
    assert ("not the official file" in str(caught.value)) is not right_checksum


def test_a_missing_array(tmp_path, table):
    arrays = made.arrays()
    del arrays["val_labels"]
    table["madeup"] = made.describe({28: made.write(tmp_path, arrays)})
    with pytest.raises(DataError, match="no array val_labels"):
        load_data(config(tmp_path), MLP)


def test_a_label_outside_the_classes(tmp_path, table):
    table["madeup"] = made.describe({28: made.write(tmp_path, made.arrays(classes=5))}, classes=3)
    with pytest.raises(DataError, match="expected 0 to 2"):
        load_data(config(tmp_path, n_train=30), MLP)


@pytest.mark.parametrize(("key", "words"), [("n_train", "has 30 train images"), ("n_test", "has 12 test images")])
def test_more_samples_than_there_are(tmp_path, table, key, words):
    table["madeup"] = made.describe({28: made.write(tmp_path, made.arrays())})
    with pytest.raises(ConfigError, match=f"dataset.{key}=31.*{words}"):
        load_data(config(tmp_path, **{key: 31}), MLP)


def test_a_root_without_the_file_or_that_is_none(tmp_path):
    with pytest.raises(DataError, match=r"holds no breastmnist.npz.*eqntk data fetch breastmnist --root"):
        open_source(config(tmp_path, name="breastmnist"))
    with pytest.raises(ConfigError, match="is no folder"):
        open_source(config(tmp_path / "nowhere", name="breastmnist"))


def test_the_environment_names_the_root(tmp_path, monkeypatch, table):
    (tmp_path / "medmnist").mkdir()
    table["madeup"] = made.describe({28: made.write(tmp_path / "medmnist", made.arrays())})
    monkeypatch.setenv("EQNTK_DATA", str(tmp_path))
    assert open_source(config(None)).sizes == made.COUNTS
