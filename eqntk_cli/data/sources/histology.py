"""Patches cut from a folder of stained-tissue tiles.

A tile's class is the sub-folder it lies in, or, for tiles that lie directly in the folder, the part of the file name
before the first hyphen. Patches are squares of `image_size` pixels side by side; each tile gives patches either to
training or to testing, never to both. Classes with a single tile cannot do that and are left out, and said so.
Kather et al., Multi-class texture analysis in colorectal cancer histology, Scientific Reports 6, 27988 (2016).
"""

from pathlib import Path

import numpy as np

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.entry import Entry, Family, search_folders
from eqntk_cli.errors import DataError

_SET = "kather2016_texture"
_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
_SIDE = 28
_TEST_SHARE = 1 / 3
_LARGEST_VALUE = 255.0
_SPLIT_STREAM = 3


class Tiles:
    """A folder of tiles as an image source of patches."""

    def __init__(self, folder: Path, side: int, split_seed: int) -> None:
        self.name, self.task = folder.name, "multi-class"
        by_class = _tiles_by_class(folder)
        single = sorted(name for name, tiles in by_class.items() if len(tiles) < 2)
        self.label_names = tuple(sorted(set(by_class) - set(single)))
        if len(self.label_names) < 2:
            raise DataError(
                f"{folder} holds {len(self.label_names)} classes with two tiles or more, expected at least two; a tile "
                "serves either training or testing. Add tiles (class = sub-folder, or file name up to the hyphen)."
            )
        self.notes = [f"classes with a single tile left out: {', '.join(single)}"] if single else []
        self._patches: dict[str, list[np.ndarray]] = {"train": [], "test": []}
        self._labels: dict[str, list[int]] = {"train": [], "test": []}
        rng = np.random.default_rng([split_seed, _SPLIT_STREAM])
        for label, name in enumerate(self.label_names):
            tiles = [by_class[name][index] for index in rng.permutation(len(by_class[name]))]
            held_out = max(1, round(len(tiles) * _TEST_SHARE))
            for number, tile in enumerate(tiles):
                split = "test" if number < held_out else "train"
                patches = cut(_pixels(tile), side)
                if len(patches) == 0:
                    raise DataError(f"{tile} is smaller than a patch of {side}x{side}; choose a smaller image_size.")
                self._patches[split].extend(patches)
                self._labels[split].extend([label] * len(patches))
        self.sizes = {split: len(labels) for split, labels in self._labels.items()}

    def read(self, split: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Patches (image, side, side, 3) from 0 to 1, and labels (image, 1)."""
        images = np.stack([self._patches[split][row] for row in rows]) / _LARGEST_VALUE
        return images, np.array([[self._labels[split][row]] for row in rows], dtype=np.int64)


def cut(tile: np.ndarray, side: int) -> list[np.ndarray]:
    """The whole squares of `side` pixels that fit side by side from the upper left corner, each (side, side, 3)."""
    rows, columns = tile.shape[0] // side, tile.shape[1] // side
    return [
        tile[row * side : (row + 1) * side, column * side : (column + 1) * side]
        for row in range(rows)
        for column in range(columns)
    ]


def open_source(dataset: DatasetConfig) -> Tiles:
    """The patches of the folder <root>/kather2016_texture, or of <root> itself where it has no such sub-folder.

    Raises:
        DataError: no such folder, too few tiles, or a tile that cannot be read.
    """
    folders = search_folders("histology", dataset.root)
    named = next((folder / _SET for folder in folders if (folder / _SET).is_dir()), None)
    if named is None and dataset.root is None:
        raise DataError(
            f"no folder {_SET} in {' or '.join(map(str, folders))}; "
            "set dataset.root to the folder that holds the tiles (class = sub-folder)."
        )
    return Tiles(named or folders[0], dataset.image_size or _SIDE, dataset.split_seed)


def entries() -> list[Entry]:
    """The tiles looked for by default; any other folder of tiles goes by dataset.root."""
    return [
        Entry(
            name="histology",
            family="histology",
            task="multi-class",
            samples=(),
            licence="CC BY 4.0",
            about="patches of colorectal tissue tiles, RGB, 8 classes; size as the folder has it",
            folder=_SET,
        )
    ]


def _tiles_by_class(folder: Path) -> dict[str, list[Path]]:
    tiles: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*")) + sorted(folder.glob("*/*")):
        if path.is_file() and path.suffix.lower() in _SUFFIXES:
            name = path.parent.name if path.parent != folder else path.name.partition("-")[0]
            tiles.setdefault(name, []).append(path)
    return tiles


def _pixels(path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as error:  # PIL raises SyntaxError for some broken headers
        raise DataError(f"{path} cannot be read as an image ({error}); replace or remove it.") from error


FAMILY = Family("images", entries, open_source)
