"""The three layouts in which QM9 is given away: how the text of one molecule becomes a `Molecule`.

raw   number of atoms; "gdb <index>" and 15 properties; per atom symbol, x, y, z, Mulliken charge; frequencies;
      SMILES; InChI. Numbers may be written as 7.9254*^-6.
xyz   number of atoms; a comment; per atom symbol, x, y, z. Properties come from a table.
sdf   the connection table of an MDL mol file (V2000), records end in $$$$. Properties come from a table.
Positions are in Angstrom in all of them.

Why not ase.io, which reads other files of structures here (`data/sources/structures.py`): it does not know the raw
layout, which differs from plain xyz by its second line and its numbers alone; it takes an sdf record that is cut after
5 of 18 atoms for a molecule of 5; its errors name neither molecule nor line; and it is no faster (26 microseconds for
18 atoms, 23 to 26 here).
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from eqntk_cli.data.formats.qm9_targets import RAW_ORDER, SYMBOLS
from eqntk_cli.data.molecules.molecule import Molecule
from eqntk_cli.errors import DataError

_COUNTS_LINE = 3  # of a mol file, from 0


def parse_xyz(text: str, name: str, properties: dict[str, float] | None = None) -> Molecule:
    """A molecule in the raw layout, or in the plain one with its row of the table of properties.

    Raises:
        DataError: the text is no such file; names the molecule and the line.
    """
    lines = text.splitlines()
    if not lines or not lines[0].strip().isdigit():
        raise DataError(f"{name}: line 1 is {_shown(lines, 0)}, expected the number of atoms.")
    count = int(lines[0])
    if len(lines) < count + 2:
        raise DataError(f"{name} ends after {len(lines)} lines, expected {count} atoms in at least {count + 2}.")
    numbers, positions = [], []
    for index in range(2, 2 + count):
        fields = lines[index].split()
        if len(fields) < 4:
            raise DataError(f"{name}: line {index + 1} is {_shown(lines, index)}, expected an element and 3 numbers.")
        numbers.append(_element(fields[0], name))
        positions.append([_number(field, name, index) for field in fields[1:4]])
    if properties is None:
        properties = _raw_properties(lines, name)
    return Molecule(name, np.array(numbers, int), np.array(positions, float).reshape(-1, 3), properties)


def is_raw(text: str) -> bool:
    """Whether the second line holds properties."""
    lines = text.splitlines()
    return len(lines) > 1 and lines[1].startswith("gdb")


def parse_sdf(text: str, properties: dict[str, float], name: str) -> Molecule:
    """One record of an sdf file with its row of the table of properties.

    Raises:
        DataError: the record is no connection table.
    """
    lines = text.splitlines()
    counts = lines[_COUNTS_LINE] if len(lines) > _COUNTS_LINE else ""
    if not counts[:3].strip().isdigit():
        raise DataError(
            f"{name}: line 4 of its sdf record is {_shown(lines, 3)}, expected the counts of atoms and bonds."
        )
    first, count = _COUNTS_LINE + 1, int(counts[:3])
    if len(lines) < first + count:
        raise DataError(f"{name}: its sdf record ends after {len(lines)} lines, expected {count} atoms.")
    numbers, positions = [], []
    for index in range(first, first + count):
        fields = lines[index].split()
        if len(fields) < 4:
            raise DataError(f"{name}: line {index + 1} is {_shown(lines, index)}, expected 3 numbers and an element.")
        positions.append([_number(field, name, index) for field in fields[:3]])
        numbers.append(_element(fields[3], name))
    return Molecule(name, np.array(numbers, int), np.array(positions, float).reshape(-1, 3), properties)


def read_table(path: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """The rows of a table of properties: the molecule's name and its numbers (NaN where a field is empty).

    Raises:
        DataError: no column mol_id.
    """
    rows = csv.DictReader(text_of(path.read_bytes(), str(path)).splitlines())
    if "mol_id" not in (rows.fieldnames or ()):
        raise DataError(f"{path} has no column mol_id, expected the table of properties of QM9.")
    for row in rows:
        name = row.pop("mol_id")
        yield name, {key: _field(value, f"{path}: {name}") for key, value in row.items() if key != "smiles"}


def text_of(content: bytes, where: str) -> str:
    """The text of a file.

    Raises:
        DataError: it is not in UTF-8; `where` names it.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where} is no text in UTF-8 (byte {error.start}); expected the file as published. Fetch it again."
        ) from None


def _raw_properties(lines: list[str], name: str) -> dict[str, float]:
    fields = lines[1].split()
    if len(fields) != len(RAW_ORDER) + 2 or fields[0] != "gdb":
        raise DataError(
            f"{name}: line 2 has {len(fields)} fields, expected 'gdb', the index and {len(RAW_ORDER)} properties."
        )
    return {key: _number(field, name, 1) for key, field in zip(RAW_ORDER, fields[2:], strict=True)}


def _element(symbol: str, name: str) -> int:
    if symbol not in SYMBOLS:
        raise DataError(f"{name} has an atom of the unknown element {symbol!r}; expected {', '.join(SYMBOLS)}.")
    return SYMBOLS[symbol]


def _number(field: str, name: str, line: int) -> float:
    try:
        return float(field.replace("*^", "e"))
    except ValueError:
        raise DataError(f"{name}: {field!r} on line {line + 1} is no number.") from None


def _field(value: str | None, where: str) -> float:
    if value is None or not value.strip():
        return float("nan")
    try:
        return float(value)
    except ValueError:
        raise DataError(f"{where}: {value!r} is no number.") from None


def _shown(lines: list[str], index: int) -> str:
    return repr(lines[index][:40]) if index < len(lines) else "missing"
