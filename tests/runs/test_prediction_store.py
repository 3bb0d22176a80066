"""Predictions keep their values and names, are opened without a warning, and no block is half written."""

import errno

import numpy as np
import pytest

from eqntk_cli.errors import StorageError
from eqntk_cli.files import room
from eqntk_cli.files.digest import bytes_digest
from eqntk_cli.runs import store
from eqntk_cli.runs.store import EnsembleStore, Points, open_predictions, write_kernel_predictions

STEPS, SAMPLES, OUTPUTS = 3, 6, 2
SPLIT = ("train", "train", "test", "test", "ood", "ood")


def points(**changes) -> Points:
    target = np.arange(12.0).reshape(SAMPLES, OUTPUTS)
    target[4:] = np.nan
    return Points(**(dict(steps=(0, 5, 20), split=SPLIT, outputs=("cat", "dog-long-name"), target=target) | changes))


def block(members: int, elements: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(members, STEPS, elements, SAMPLES, OUTPUTS))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_return_with_names(tmp_path, dtype):
    made = EnsembleStore.create(tmp_path, points(), ("e", "r90"), members=5, block_size=2, dtype=dtype)
    last = block(1, seed=1)
    middle = block(2, seed=2)
    said = made.write_block(4, last)
    made.write_block(2, middle)
    assert said == bytes_digest(last.astype(dtype)) == bytes_digest(EnsembleStore.open(tmp_path).read_block(4, 5))

    data = open_predictions(tmp_path)
    assert data.prediction.dims == ("member", "step", "element", "sample", "output")
    assert data.prediction.dtype == dtype
    np.testing.assert_array_equal(data.prediction[2:4], middle.astype(dtype))
    assert np.isnan(data.prediction[:2]).all()
    moved = data.prediction.sel(element="r90", output="dog-long-name", step=20).isel(member=4)
    np.testing.assert_array_equal(moved, last[0, 2, 1, :, 1].astype(dtype))
    assert list(data.split.values) == list(SPLIT)
    assert data.target.where(data.split == "test", drop=True).shape == (2, 2)
    assert not any(key in data for key in ("label", "input"))


def test_labels_and_shown_inputs(tmp_path):
    labels = np.array([[0], [1], [2], [0], [-1], [-1]])
    shown = np.random.default_rng(1).normal(size=(2, 4, 4, 1)).astype(np.float32)
    EnsembleStore.create(tmp_path, points(label=labels, input=shown, shown=(2, 3)), ("e",), 2, 2, "float64")
    data = open_predictions(tmp_path)
    np.testing.assert_array_equal(data.label, labels)
    np.testing.assert_array_equal(data.input, shown)
    assert list(data.shown.values) == [2, 3]
    assert set(data.split[data.shown].values) == {"test"}


@pytest.mark.parametrize("with_covariance", [True, False])
def test_kernel_predictions(tmp_path, with_covariance):
    rng = np.random.default_rng(3)
    mean = rng.normal(size=(2, STEPS, SAMPLES, OUTPUTS))
    covariance = rng.normal(size=(2, STEPS, SAMPLES, SAMPLES)) if with_covariance else None
    write_kernel_predictions(tmp_path, points(), ("group", "plain"), mean, covariance)
    data = open_predictions(tmp_path)
    np.testing.assert_array_equal(data["mean"].sel(kernel="plain"), mean[1])
    assert ("covariance" in data) == with_covariance
    if with_covariance:
        assert data.covariance.dims == ("kernel", "step", "sample", "sample2")
        np.testing.assert_array_equal(data.covariance.sel(kernel="group", step=5), covariance[0, 1])


def test_a_failed_rewrite_leaves_the_old_store(tmp_path, monkeypatch):
    mean = np.ones((1, STEPS, SAMPLES, OUTPUTS))
    write_kernel_predictions(tmp_path, points(), ("group",), mean, None)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "_write_points", full)
    with pytest.raises(StorageError, match="is full.*free some space"):
        write_kernel_predictions(tmp_path, points(), ("group",), 2 * mean, None)
    np.testing.assert_array_equal(open_predictions(tmp_path)["mean"], mean)


def test_missing_and_damaged_stores_are_refused(tmp_path):
    with pytest.raises(StorageError, match="missing or damaged"):
        open_predictions(tmp_path)
    with pytest.raises(StorageError, match="missing or damaged"):
        EnsembleStore.open(tmp_path)
    made = EnsembleStore.create(tmp_path, points(), ("e",), 4, 2, "float64")
    made.write_block(0, block(2, 1))
    chunk = tmp_path / store.STORE / "prediction" / "c" / "0" / "0" / "0" / "0" / "0"
    assert chunk.stat().st_size == made.block_bytes
    chunk.write_bytes(chunk.read_bytes()[:100])
    with pytest.raises(StorageError, match="members 0-2 are damaged"):
        made.read_block(0, 2)


def test_a_disk_too_small_is_refused_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: room.shutil._ntuple_diskusage(10, 9, 1 << 17))
    EnsembleStore.create(tmp_path, points(), ("e",), 4, 2, "float64")
    with pytest.raises(StorageError, match="need 562 KiB and .* has 128 KiB free"):
        EnsembleStore.create(tmp_path, points(), ("e",), 2000, 2, "float64")
