"""What `eqntk data` shows and does: list the data sets, fetch one, check one."""

from dataclasses import dataclass
from pathlib import Path

from eqntk_cli.data.entry import Entry, RemoteFile, cache_folder, find_file, search_folders
from eqntk_cli.data.registry import check_file, entries, unknown
from eqntk_cli.errors import ConfigError, DataError
from eqntk_cli.files.digest import matches

NAME_KEY = "NAME"


@dataclass(frozen=True)
class Stock:
    """An entry and what of it is on this machine; `paths` is empty where files are missing."""

    entry: Entry
    paths: tuple[Path, ...]

    @property
    def here(self) -> bool:
        """Whether a run can use it without fetching anything."""
        return bool(self.paths) or bool(self.entry.comes_with)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self.paths if path.is_file())


def stock(root: str | None = None) -> list[Stock]:
    """Every known data set and where it is."""
    return [Stock(entry, _paths(entry, root)) for entry in entries()]


def fetch(name: str, root: str | None = None, url: str | None = None) -> list[Path]:
    """Fetch the files of a data set that are not there yet; returns where they are.

    Args:
        name: a data set, or one of its larger versions such as breastmnist_64.
        root: the folder they go to; None: the user's cache.
        url: another address of the file, or of the folder (ending in a slash) that holds the files.

    Raises:
        ConfigError: an unknown name, or a data set without files to fetch.
        DataError: no connection, or not the expected file.
        StorageError: the folder cannot be written, or the disk is full.
    """
    from eqntk_cli.data.download import download

    entry, files = _find(name)
    if not files:
        where = f"comes with the package {entry.comes_with}" if entry.comes_with else "is a folder of your own"
        raise ConfigError(f"{name} has nothing to fetch: it {where}.")
    if url is not None and not url.endswith("/") and len(files) > 1:
        raise ConfigError(f"url={url} names one file, {name} has {len(files)}; give their folder, ending in a slash.")
    folder = cache_folder(entry.family) if root is None else Path(root).expanduser()
    return [download(url or file.url, folder / file.name, f"md5:{file.md5}") for file in files]


def check(name: str, root: str | None = None) -> list[Path]:
    """Compare the files of a data set with their checksums; returns the files, all of them right.

    Raises:
        ConfigError: an unknown name, or a data set without files.
        DataError: a file that is missing or not what it should be.
    """
    entry, files = _find(name)
    if not files:
        raise ConfigError(f"{name} has no files of its own to check; `eqntk data list` says which sets have.")
    folders = search_folders(entry.family, root)
    return [_checked(entry, file, folders) for file in files]


def _checked(entry: Entry, file: RemoteFile, folders: tuple[Path, ...]) -> Path:
    path = find_file(file.name, folders)
    if path is None:
        where = " or ".join(str(folder) for folder in folders)
        raise DataError(f"no {file.name} in {where}; run `eqntk data fetch {entry.name}` or give --root.")
    check_file(entry, path)
    if not matches(path, f"md5:{file.md5}"):
        raise DataError(f"{path} is not the official file: its MD5 is not {file.md5}; fetch it again.")
    return path


def _find(name: str) -> tuple[Entry, tuple[RemoteFile, ...]]:
    """The entry of a name and the files meant by it: the needed ones, or a single larger version."""
    known = entries()
    for entry in known:
        if entry.name == name:
            return entry, entry.files
        for file in entry.optional:
            if Path(file.name).stem == name:
                return entry, (file,)
    raise ConfigError(unknown(NAME_KEY, name, [entry.name for entry in known]))


def _paths(entry: Entry, root: str | None) -> tuple[Path, ...]:
    folders = search_folders(entry.family, root)
    if entry.folder:
        return tuple(folder / entry.folder for folder in folders if (folder / entry.folder).is_dir())[:1]
    paths = [find_file(file.name, folders) for file in entry.files]
    return tuple(path for path in paths if path is not None) if None not in paths else ()
