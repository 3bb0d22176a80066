"""QM9, quantum-chemical properties of 134 thousand organic molecules, from whatever files of it are at hand.

Ramakrishnan, Dral, Rupp, von Lilienfeld, Scientific Data 1, 140022 (2014); CC0. Missing files are fetched into the
user's cache. The 3054 molecules whose geometry failed a consistency check are left out where their list is given
(`dataset.exclude`) or lies beside the files.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Int

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.entry import Entry, Family, RemoteFile, fetched, search_folders
from eqntk_cli.data.formats.qm9_files import EXCLUSIONS, SdfFile, XyzArchive, open_files, read_exclusions
from eqntk_cli.data.formats.qm9_targets import ELEMENTS, qm9_targets
from eqntk_cli.data.molecules.molecule import Molecule
from eqntk_cli.errors import DataError

_FIGSHARE = "https://ndownloader.figshare.com/files/"
_FILES = (  # as published: one archive, and the list of molecules that failed a consistency check
    RemoteFile("dsgdb9nsd.xyz.tar.bz2", f"{_FIGSHARE}3195389", "ad1ebd51ee7f5b3a6e32e974e5d54012"),
    RemoteFile("uncharacterized.txt", f"{_FIGSHARE}3195404", "a361887bacb427b8a0ce7903d92a53b4"),
)


class Qm9:
    """The molecules of some files of QM9, but for the excluded ones."""

    name = "qm9"
    elements: tuple[int, ...] = ELEMENTS
    default_target = "u0_atom"
    groups = None

    def __init__(self, files: XyzArchive | SdfFile, excluded: set[int], notes: list[str]) -> None:
        self._files = files
        self._indices = [index for index in files.indices if index not in excluded]
        self.targets = qm9_targets()
        self.size = len(self._indices)
        self.notes = notes

    def read(self, rows: Int[np.ndarray, " molecule"]) -> list[Molecule]:
        """The molecules at these rows."""
        indices = [self._indices[row] for row in rows]
        molecules = self._files.read(indices)
        return [molecules[index] for index in indices]


def open_source(dataset: DatasetConfig) -> Qm9:
    """The molecules of the first folder that has some; fetched where there are none.

    Raises:
        DataError: files that are missing or damaged.
    """
    folders = search_folders("qm9", dataset.root)
    files = next((opened for folder in folders if folder.is_dir() and (opened := open_files(folder))), None)
    if files is None:
        files = XyzArchive(_fetched(dataset), None)
    beside = (files.path if files.path.is_dir() else files.path.parent) / EXCLUSIONS
    given = Path(dataset.exclude).expanduser() if dataset.exclude is not None else beside if beside.is_file() else None
    if given is None:
        return Qm9(files, set(), ["molecules that failed the published consistency check are not left out"])
    excluded = read_exclusions(given)
    absent = len(excluded.intersection(files.indices))
    return Qm9(files, excluded, [f"{absent} molecules that failed the published consistency check are left out"])


def entries() -> list[Entry]:
    """The one entry of the catalogue."""
    return [
        Entry(
            name="qm9",
            family="qm9",
            task="regression",
            samples=(("all", 133885),),
            licence="CC0",
            about="quantum-chemical properties of small organic molecules",
            files=_FILES,
        )
    ]


def _fetched(dataset: DatasetConfig) -> Path:
    """The official archive and the list of inconsistent molecules, in the cache."""
    if dataset.root is not None:
        raise DataError(
            f"{dataset.root} holds no files of QM9; expected dsgdb9nsd.xyz.tar.bz2, gdb9.sdf with gdb9.sdf.csv, or xyz "
            "files with a table *properties*.csv. Leave dataset.root out to fetch the official archive."
        )
    archive, _ = (fetched(file, "qm9", dataset.url) for file in _FILES)
    return archive


FAMILY = Family("molecules", entries, open_source)
