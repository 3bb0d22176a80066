"""The G2 molecules of the ASE package: 148 small molecules with measured enthalpies, no files and no network.

Geometries: MP2(full)/6-31G(d), Raghavachari, Redfern, Pople, J. Chem. Phys. 106, 1063 (1997); enthalpies of
formation at 298 K: Staroverov, Scuseria, Tao, Perdew, J. Chem. Phys. 119, 12129 (2003), in kcal/mol. Targets, all
reported in meV and the last two negative for a bound molecule M:

    enthalpy              H_f(M, 298 K), the enthalpy of formation
    atomisation_enthalpy  H_f(M, 298 K) - sum_a H_f(a, 0 K) over its atoms a; motion of the nuclei is in it
    atomisation_energy    -D_e, the electronic energy of nuclei at rest minus that of the free atoms: the above minus
                          the zero-point energy and the heat content of M, plus that of the atoms, H(298 K) - H(0 K)
"""

from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Int

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.entry import Entry, Family
from eqntk_cli.data.molecules.molecule import Molecule, Target


class G2:
    """ASE's G2 set."""

    name = "molecules"
    default_target = "atomisation_enthalpy"
    groups = None

    def __init__(self) -> None:
        from eqntk_cli.targets.units import MEV_PER_KCAL_PER_MOL  # scipy, which a list of data sets does not need

        molecules, free_atoms = _read_ase()
        self._molecules = molecules
        self.elements = tuple(sorted({int(z) for molecule in molecules for z in molecule.numbers}))
        self.size = len(molecules)
        self.notes: list[str] = []
        self.targets = {
            "enthalpy": Target("enthalpy", "meV", MEV_PER_KCAL_PER_MOL, atomic=free_atoms),
            "atomisation_enthalpy": Target(
                "atomisation_enthalpy", "meV", MEV_PER_KCAL_PER_MOL, atomic=free_atoms, difference_of="enthalpy"
            ),
            "atomisation_energy": Target("atomisation_energy", "meV", MEV_PER_KCAL_PER_MOL),
        }

    def read(self, rows: Int[np.ndarray, " molecule"]) -> list[Molecule]:
        """The molecules at these rows."""
        return [self._molecules[row] for row in rows]


def open_source(dataset: DatasetConfig) -> G2:
    """All molecules of the set."""
    del dataset
    return G2()


def entries() -> list[Entry]:
    """The one entry of the catalogue."""
    return [
        Entry(
            name="molecules",
            family="molecules",
            task="regression",
            samples=(("all", 148),),
            licence="LGPL",
            about="enthalpies of formation and atomisation energies of small molecules (G2)",
            comes_with="ase",
        )
    ]


@cache
def _read_ase() -> tuple[list[Molecule], dict[int, float]]:
    """The molecules, and the enthalpies of formation of free atoms at 0 K (kcal/mol) by atomic number."""
    from ase import Atoms
    from ase.data import atomic_numbers
    from ase.data.g2 import atom_names, data, molecule_names

    entries: dict[str, Any] = dict(data)
    molecules = []
    at_rest = {name: entries[name]["enthalpy"] - entries[name]["thermal correction"] for name in atom_names}
    for name in molecule_names:
        atoms = Atoms(entries[name]["symbols"], entries[name]["positions"])
        entry, free = entries[name], sum(at_rest[symbol] for symbol in atoms.symbols)
        electronic = entry["enthalpy"] - entry["thermal correction"] - entry["ZPE"] - free
        properties = {"enthalpy": float(entry["enthalpy"]), "atomisation_energy": float(electronic)}
        molecules.append(Molecule(name, atoms.numbers.astype(int), atoms.positions, properties))
    return molecules, {atomic_numbers[name]: float(entries[name]["enthalpy"]) for name in atom_names}


FAMILY = Family("molecules", entries, open_source)
