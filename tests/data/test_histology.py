import numpy as np
import pytest
from PIL import Image

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.registry import load_data
from eqntk_cli.data.sources.histology import cut, open_source
from eqntk_cli.errors import ConfigError, DataError


def config(root, **changes) -> DatasetConfig:
    return DatasetConfig(
        **{"name": "histology", "family": "histology", "root": root and str(root), "n_ood": 4, **changes}
    )


@pytest.fixture
def tiles(tmp_path):
    """Two classes of three tiles, each of one colour that tells it apart."""
    for label, name in enumerate(("adipose", "tumour")):
        (tmp_path / name).mkdir()
        for number in range(3):
            colour = (100 * label + 10 * number, 7, 9)
            Image.new("RGB", (20, 15), colour).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_patches_stand_side_by_side():
    tile = np.arange(7 * 5 * 3).reshape(7, 5, 3)
    patches = cut(tile, 2)
    assert len(patches) == 6
    np.testing.assert_array_equal(patches[3], tile[2:4, 2:4])


def test_a_tile_gives_patches_to_one_part_only(tiles):
    source = open_source(config(tiles, image_size=5))
    assert source.label_names == ("adipose", "tumour")
    assert source.sizes == {"train": 2 * 2 * 12, "test": 2 * 1 * 12}
    colours = {}
    for split, count in source.sizes.items():
        images, labels = source.read(split, np.arange(count))
        red = np.round(images[..., 0] * 255)
        assert (np.ptp(red, axis=(1, 2)) == 0).all()
        np.testing.assert_array_equal(red[:, 0, 0] >= 100, labels[:, 0] == 1)
        colours[split] = set(red[:, 0, 0].tolist())
    assert not colours["train"] & colours["test"]
    assert len(colours["train"] | colours["test"]) == 6


def test_class_from_the_file_name_and_single_tiles_left_out(tmp_path):
    for name in ("ADI-1", "ADI-2", "MUC-1", "MUC-2", "TUM-1"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    source = open_source(config(tmp_path, image_size=8))
    assert source.label_names == ("ADI", "MUC")
    assert source.notes == ["classes with a single tile left out: TUM"]


@pytest.mark.parametrize("side", [28, 32])
def test_real_tiles(data_root, side):
    bundle = load_data(config(data_root / "histology", image_size=side, n_train=120, n_test=60), ArchitectureConfig())
    assert bundle.train_x.shape == (120, side, side, 3)
    assert bundle.train_y.shape == (120, 8)
    assert bundle.output_names[0] == "01_TUMOR"
    assert bundle.notes == ()


def test_a_folder_without_two_usable_classes(tmp_path):
    with pytest.raises(DataError, match="holds 0 classes"):
        open_source(config(tmp_path))


def test_patches_larger_than_the_tile(tiles):
    with pytest.raises(DataError, match="smaller than a patch of 16x16"):
        open_source(config(tiles, image_size=16))


def test_a_broken_tile(tiles):
    (tiles / "adipose" / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"0\.png cannot be read as an image"):
        open_source(config(tiles, image_size=5))


def test_no_folder_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("EQNTK_DATA", str(tmp_path))
    with pytest.raises(DataError, match="set dataset.root"):
        open_source(config(None))
    with pytest.raises(ConfigError, match="is no folder"):
        open_source(config(tmp_path / "nowhere"))
