"""Molecules as they are stored, before anything is chosen, turned into signals or normalised."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Molecule:
    """One molecule: atomic numbers, positions in Angstrom, and properties in the units of its file.

    Examples:
        >>> bond = Molecule("H2", np.array([1, 1]), np.array([[0, 0, 0], [0, 0, 0.74]]), {"energy": -31.7})
        >>> len(bond.numbers), bond.properties["energy"]
        (2, -31.7)
    """

    name: str
    numbers: Int[np.ndarray, " atom"]
    positions: Float[np.ndarray, "atom 3"]
    properties: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """A property that can be learned.

    `factor` times the stored value is the value in `unit`, the unit of all reports. `atomic` holds the same property
    of a free atom per element, in stored units, for properties that add up over atoms (None: it does not).
    `difference_of`: not stored itself, but that property minus its sum over free atoms.

    Examples:
        >>> gap = Target("gap", unit="meV", factor=27211.386)  # stored in Hartree
        >>> round(0.1 * gap.factor), gap.unit
        (2721, 'meV')
    """

    name: str
    unit: str
    factor: float = 1.0
    atomic: dict[int, float] | None = None
    difference_of: str | None = None


class MoleculeSource(Protocol):
    """A set of molecules.

    Attributes:
        name: how messages call it.
        elements: atomic numbers that occur, in rising order; each has channels of its own.
        targets: what can be learned, by name.
        default_target: the one used where none is named.
        size: the number of molecules.
        notes: sentences for the record of the run.
        groups: a number per molecule; those of one number stand on one side of the split. None: all are free.

    Examples:
        >>> from eqntk_cli.config.schema import DatasetConfig
        >>> from eqntk_cli.data.sources.molecules import open_source
        >>> source = open_source(DatasetConfig("molecules", "molecules"))
        >>> [molecule.name for molecule in source.read(np.arange(2))]
        ['LiH', 'BeH']
    """

    name: str
    elements: tuple[int, ...]
    targets: dict[str, Target]
    default_target: str
    size: int
    notes: list[str]
    groups: Int[np.ndarray, " molecule"] | None

    def read(self, rows: Int[np.ndarray, " molecule"]) -> list[Molecule]:
        """The molecules at these rows, in this order; DataError names a molecule that cannot be read."""
        ...
