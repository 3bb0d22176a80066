import zipfile

import numpy as np
import pytest

from eqntk_cli.data.formats import npz
from eqntk_cli.errors import DataError


@pytest.fixture
def arrays():
    return {
        "images": np.random.default_rng(0).integers(256, size=(50, 6, 5), dtype=np.uint8),
        "labels": np.arange(50.0),
    }


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("chunk", [1, 97, 1 << 20])
def test_rows_in_any_order(tmp_path, monkeypatch, arrays, save, chunk):
    monkeypatch.setattr(npz, "_CHUNK_BYTES", chunk)
    save(tmp_path / "a.npz", **arrays)
    index = np.array([49, 0, 17, 3, 31])
    for key, values in arrays.items():
        np.testing.assert_array_equal(npz.rows(tmp_path / "a.npz", key, index), values[index])
    assert npz.rows(tmp_path / "a.npz", "images", np.array([], int)).shape == (0, 6, 5)


def test_shapes(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    assert npz.shapes(tmp_path / "a.npz") == {"images": ((50, 6, 5), np.uint8), "labels": ((50,), np.float64)}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_cut_off_is_named(tmp_path, arrays, share):
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataError, match=r"a\.npz is no readable npz archive.*cut off"):
        npz.shapes(tmp_path / "a.npz")


def test_an_array_that_ends_early(tmp_path, arrays):
    np.savez(tmp_path / "whole.npz", **arrays)
    whole = zipfile.ZipFile(tmp_path / "whole.npz").read("images.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", whole[:-10])
    with pytest.raises(DataError, match="ends before row 50"):
        npz.rows(tmp_path / "a.npz", "images", np.array([49]))


def test_a_missing_array_and_pickled_objects(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", objects=np.array([{}, []], dtype=object), **arrays)
    with pytest.raises(DataError, match="masks"):
        npz.rows(tmp_path / "a.npz", "masks", np.array([0]))
    with pytest.raises(DataError, match="plain numbers"):
        npz.rows(tmp_path / "a.npz", "objects", np.array([0]))
