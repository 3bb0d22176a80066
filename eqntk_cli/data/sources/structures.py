"""A user's own molecules with a number each, from any file of structures that ASE reads (extxyz, db, json, sdf, ...).

The number is the one called dataset.target: in the comment line of an extxyz file, among the key-value pairs of an ASE
database, or a data field of an sdf file, in the unit that dataset.unit names. With dataset.per=atom it is divided by
the number of atoms. Structures that agree in the key dataset.split_by never stand on both sides of the split. Positions
are in Angstrom. Larsen et al., The atomic simulation environment, J. Phys.: Condens. Matter 29, 273002 (2017).
"""

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.entry import Entry, Family
from eqntk_cli.data.molecules.molecule import Molecule, Target
from eqntk_cli.data.sources.arrays import own_files
from eqntk_cli.errors import ConfigError, DataError

_READERS_RAISE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    AssertionError,
    EOFError,
    sqlite3.Error,
)
_UNSAFE = ("bundletrajectory", "py", "gpw")  # folders, programs, and what may hold pickled objects


class OwnStructures:
    """The structures of one file as a molecule source."""

    notes: list[str]

    def __init__(self, path: Path, dataset: DatasetConfig) -> None:
        """Read and check every structure.

        Raises:
            ConfigError: no target named.
            DataError: a structure that cannot be used; says its number in the file.
        """
        self.name, self.notes = path.name, []
        structures = read_structures(path)
        target = dataset.target
        if target is None:
            raise ConfigError(f"dataset.target is needed: which number of {path.name} is learned. {_offer(structures)}")
        self._molecules = [
            _molecule(atoms, f"{path}: structure {i}", target, dataset.per, structures)
            for i, atoms in enumerate(structures)
        ]
        _refuse_copies(self._molecules)
        self.elements = tuple(sorted({int(z) for molecule in self._molecules for z in molecule.numbers}))
        self.size, self.default_target = len(structures), target
        unit = f"{dataset.unit or ''}{'/atom' if dataset.per == 'atom' and dataset.unit else ''}"
        self.targets = {target: Target(target, unit)}
        self.groups = None if dataset.split_by is None else _groups(structures, path, dataset.split_by)

    def read(self, rows: Int[np.ndarray, " molecule"]) -> list[Molecule]:
        """The molecules at these rows."""
        return [self._molecules[row] for row in rows]


def open_source(dataset: DatasetConfig) -> OwnStructures:
    """The structures of the file that dataset.files names.

    Raises:
        ConfigError: no file or no target named.
        DataError: a file that cannot be used.
    """
    files = own_files(dataset)
    if len(files) > 1:
        raise ConfigError(f"dataset.files names {len(files)} files, expected one file of structures.")
    return OwnStructures(files[0], dataset)


def entries() -> list[Entry]:
    """The one entry of the catalogue."""
    return [
        Entry(
            name="structures",
            family="structures",
            task="regression",
            samples=(),
            licence="your own",
            about="your own molecules: dataset.files=F dataset.target=KEY",
        )
    ]


def read_structures(path: Path) -> list[Any]:
    """All structures of a file, as objects of ASE with their numbers in `info`.

    Raises:
        DataError: ASE cannot read it, or it holds none.
    """
    from ase.io.formats import UnknownFileTypeError, filetype

    try:
        kind = filetype(str(path))
        if kind in _UNSAFE:
            raise DataError(f"{path} is of the format {kind}, which is not read; save the structures as extxyz.")
        structures = _READERS.get(kind, _any_other)(path)
    except DataError:
        raise
    except (UnknownFileTypeError, *_READERS_RAISE) as error:
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise DataError(
            f"{path} cannot be read by ASE ({reason}); expected structures as extxyz, db or sdf."
        ) from error
    if not structures:
        raise DataError(f"{path} holds no structures.")
    for atoms in structures:
        results = getattr(atoms.calc, "results", {})
        atoms.info = {**results, **atoms.info}
    return structures


def numbers(structures: list[Any]) -> list[str]:
    """The keys under which every structure has a number."""
    common = set.intersection(*(set(atoms.info) for atoms in structures))
    return sorted(key for key in common if all(_is_number(atoms.info[key]) for atoms in structures))


def _any_other(path: Path) -> list[Any]:
    from ase.io import read

    return list(read(str(path), index=":"))


def _sdf(path: Path) -> list[Any]:
    """ASE reads one record; here every record, with its data fields."""
    import io

    from ase.io.sdf import read_sdf

    structures = []
    for record in path.read_text(encoding="utf-8").split("$$$$\n"):
        if not record.strip():
            continue
        atoms = read_sdf(io.StringIO(record))
        lines = record.splitlines()
        for line, value in zip(lines, lines[1:], strict=False):
            if line.startswith(">") and "<" in line:
                key = line[line.index("<") + 1 : line.rindex(">")]
                atoms.info[key] = _as_number(value)
        structures.append(atoms)
    return structures


def _database(path: Path) -> list[Any]:
    """ASE's reader leaves the key-value pairs out."""
    from ase.db import connect

    structures = []
    for row in connect(path).select():
        atoms = row.toatoms()
        atoms.info.update(row.key_value_pairs)
        structures.append(atoms)
    return structures


def _as_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _molecule(atoms: Any, where: str, target: str, per: str, structures: list[Any]) -> Molecule:
    if target not in atoms.info:
        raise DataError(f"{where} has no {target}. {_offer(structures)}")
    value = atoms.info[target]
    if not _is_number(value) or not np.isfinite(value):
        raise DataError(f"{where}: {target} is {str(value)[:40]!r}, expected one finite number.")
    if atoms.pbc.any():
        raise DataError(f"{where} is periodic; signals are of molecules. Set pbc to F if it is one in a box.")
    if (atoms.numbers == 0).any():
        raise DataError(f"{where} has an atom X of no element; expected elements.")
    share = len(atoms) if per == "atom" else 1
    return Molecule(where, atoms.numbers.astype(int), np.asarray(atoms.positions), {target: float(value) / share})


def _refuse_copies(molecules: list[Molecule]) -> None:
    seen: dict[bytes, str] = {}
    for molecule in molecules:
        key = molecule.numbers.tobytes() + molecule.positions.tobytes()
        if key in seen:
            raise DataError(
                f"{molecule.name} is an exact copy of {seen[key].rpartition(': ')[2]}; take one of them out, "
                "they could come to stand on both sides of the split."
            )
        seen[key] = molecule.name


def _groups(structures: list[Any], path: Path, key: str) -> Int[np.ndarray, " molecule"]:
    for number, atoms in enumerate(structures):
        if key not in atoms.info:
            raise DataError(f"{path}: structure {number} has no {key}, by which dataset.split_by splits.")
    _, groups = np.unique([str(atoms.info[key]) for atoms in structures], return_inverse=True)
    return groups


def _offer(structures: list[Any]) -> str:
    keys = numbers(structures)
    return f"Every structure has {', '.join(keys)}." if keys else "No number is common to all structures."


_READERS = {"sdf": _sdf, "db": _database, "json": _database}

FAMILY = Family("molecules", entries, open_source)
