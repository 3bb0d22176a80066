"""What is known of a data set before any of it is read: its name, size, licence and the files it consists of."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.errors import ConfigError, DataError


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be fetched: its name on disk, its official address and its MD5 sum.

    Examples:
        >>> from eqntk_cli.data.registry import find_entry
        >>> [file.name for file in find_entry("breastmnist").files]
        ['breastmnist.npz']
    """

    name: str
    url: str
    md5: str


@dataclass(frozen=True)
class Entry:
    """One data set of the catalogue.

    `samples` are pairs (split, number). `optional` files are larger versions that nobody needs by default.
    A set without files to fetch comes with a package (`comes_with`) or lies in a folder of the user's (`folder`).

    Examples:
        >>> from eqntk_cli.data.registry import find_entry
        >>> entry = find_entry("digits")
        >>> entry.task, dict(entry.samples)
        ('multi-class', {'train': 1200, 'test': 597})
    """

    name: str
    family: str
    task: str
    samples: tuple[tuple[str, int], ...]
    licence: str
    about: str
    files: tuple[RemoteFile, ...] = ()
    optional: tuple[RemoteFile, ...] = ()
    comes_with: str = ""
    folder: str = ""


def _nothing_more(name: str, path: Path) -> None:
    """The checksum says all that there is to say."""
    del name, path


@dataclass(frozen=True)
class Family:
    """How the data sets of one family are listed and opened.

    `kind` is "images" or "molecules"; `open_source` gives an `ImageSource` or a `MoleculeSource` accordingly. `check`
    looks into a file for what a wrong checksum does not say, and raises DataError.

    Examples:
        >>> from eqntk_cli.data.sources.digits import FAMILY
        >>> FAMILY.kind, [entry.name for entry in FAMILY.entries()]
        ('images', ['digits'])
    """

    kind: str
    entries: Callable[[], list[Entry]]
    open_source: Callable[[DatasetConfig], Any]
    check: Callable[[str, Path], None] = _nothing_more


def cache_folder(family: str) -> Path:
    """Where files of a family are kept that the program fetched itself: the user's cache, eqntk/<family>."""
    import pooch  # knows the cache folder of each operating system

    return Path(pooch.os_cache("eqntk")) / family


def search_folders(family: str, root: str | None) -> tuple[Path, ...]:
    """The folders in which files of a family are looked for, best first.

    An explicit root is the only one; else $EQNTK_DATA/<family> where that exists, then the user's cache.
    """
    if root is not None:
        folder = Path(root).expanduser()
        if not folder.is_dir():
            raise ConfigError(
                f"dataset.root={root} is no folder; expected the folder that holds the files of {family}. "
                "Correct dataset.root, or leave it out."
            )
        return (folder,)
    shared = os.environ.get("EQNTK_DATA")
    named = (Path(shared).expanduser() / family,) if shared else ()
    return (*(folder for folder in named if folder.is_dir()), cache_folder(family))


def find_file(name: str, folders: tuple[Path, ...]) -> Path | None:
    """The first of the folders' files of this name, or None."""
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def fetched(file: RemoteFile, family: str, url: str | None = None) -> Path:
    """A file in the cache, where it is brought from its address, or from the mirror `url`, if need be.

    Raises:
        DataError: no connection, or not the expected file.
    """
    from eqntk_cli.data.download import download  # requests, which a list of data sets does not need

    return download(url or file.url, cache_folder(family) / file.name, f"md5:{file.md5}")


def at_hand(file: RemoteFile, family: str, dataset: DatasetConfig) -> Path:
    """A file in the folders looked in, else fetched into the cache, which a run does not do where a root is given.

    Raises:
        DataError: not there and not to be had, or not the expected file.
    """
    path = find_file(file.name, search_folders(family, dataset.root))
    if path is not None:
        return path
    if dataset.root is not None:
        raise DataError(
            f"{dataset.root} holds no {file.name}; put the file there, run "
            f"`eqntk data fetch {dataset.name} --root {dataset.root}`, or leave dataset.root out to use the cache."
        )
    return fetched(file, family, dataset.url)
