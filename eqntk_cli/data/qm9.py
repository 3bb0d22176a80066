"""QM9, quantum-chemical properties of 134 thousand organic molecules, from whatever files of it are at hand.

Ramakrishnan, Dral, Rupp, von Lilienfeld, Scientific Data 1, 140022 (2014); CC0. Missing files are fetched into the
user's cache. The 3054 molecules whose geometry failed a consistency check are left out where their list is given
(`dataset.exclude`) or lies beside the files.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Int

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data import molecule_entries
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.data.download import download
from eqntk_cli.data.entry import cache_folder, search_folders
from eqntk_cli.data.molecule_bundle import molecule_bundle
from eqntk_cli.data.molecule_source import Molecule
from eqntk_cli.data.qm9_files import EXCLUSIONS, SdfFile, XyzArchive, open_files, read_exclusions
from eqntk_cli.data.qm9_targets import ELEMENTS, qm9_targets
from eqntk_cli.errors import DataError


class Qm9:
    """The molecules of some files of QM9, but for the excluded ones."""

    name = "qm9"
    elements: tuple[int, ...] = ELEMENTS
    default_target = "u0_atom"

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


def load(dataset: DatasetConfig, architecture: ArchitectureConfig) -> DataBundle:
    """The bundle of the molecules that the settings choose.

    Raises:
        ConfigError: an unknown target, or more molecules than there are.
        DataError: files that are missing or damaged, or a molecule that cannot be used.
    """
    return molecule_bundle(dataset, architecture, open_source(dataset))


def open_source(dataset: DatasetConfig) -> Qm9:
    """The molecules of the first folder that has some; fetched where there are none.

    Raises:
        DataError: files that are missing or damaged.
    """
    folders = search_folders("qm9", dataset.root)
    files = next((found for folder in folders if folder.is_dir() and (found := open_files(folder))), None)
    if files is None:
        files = XyzArchive(_fetched(dataset), None)
    beside = (files.path if files.path.is_dir() else files.path.parent) / EXCLUSIONS
    given = Path(dataset.exclude).expanduser() if dataset.exclude is not None else beside if beside.is_file() else None
    if given is None:
        return Qm9(files, set(), ["molecules that failed the published consistency check are not left out"])
    excluded = read_exclusions(given)
    absent = len(excluded.intersection(files.indices))
    return Qm9(files, excluded, [f"{absent} molecules that failed the published consistency check are left out"])


def _fetched(dataset: DatasetConfig) -> Path:
    """The official archive and the list of inconsistent molecules, in the cache."""
    if dataset.root is not None:
        raise DataError(
            f"{dataset.root} holds no files of QM9; expected dsgdb9nsd.xyz.tar.bz2, gdb9.sdf with gdb9.sdf.csv, or xyz "
            "files with a table *properties*.csv. Leave dataset.root out to fetch the official archive."
        )
    folder = cache_folder("qm9")
    for file in molecule_entries.qm9()[0].files:
        download(dataset.url or file.url, folder / file.name, f"md5:{file.md5}")
    return folder / molecule_entries.qm9()[0].files[0].name
