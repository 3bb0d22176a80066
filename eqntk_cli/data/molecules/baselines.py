"""Targets of molecules: their values in reported units, and what is subtracted before training.

baseline none     nothing
         atomic   the sum over the free atoms (energies only), which makes an atomisation energy of a total one
         linear   the least-squares fit of the training targets by the numbers of atoms of each element
"""

import numpy as np
from jaxtyping import Float

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.molecules.molecule import Molecule, MoleculeSource, Target
from eqntk_cli.errors import ConfigError, DataError


def find_target(dataset: DatasetConfig, source: MoleculeSource) -> Target:
    """The target of the settings, or the set's default.

    Raises:
        ConfigError: the set has no such target, or the target no atomic baseline.
    """
    name = dataset.target or source.default_target
    if name not in source.targets:
        renamed = [key for key in source.targets if key.startswith(f"{name}_")]
        hint = f"did you mean {' or '.join(renamed)}? " if renamed else ""
        raise ConfigError(
            f"dataset.target={name} is not possible; {hint}{source.name} has {', '.join(source.targets)}."
        )
    target = source.targets[name]
    if dataset.baseline == "atomic" and (target.atomic is None or target.difference_of is not None):
        additive = [key for key, value in source.targets.items() if value.atomic and value.difference_of is None]
        raise ConfigError(
            f"dataset.baseline=atomic is not possible for dataset.target={name}; expected {', '.join(additive)}, "
            "or dataset.baseline=none | linear."
        )
    return target


def values(target: Target, molecules: list[Molecule]) -> Float[np.ndarray, " molecule"]:
    """The target of every molecule in its reported unit.

    Raises:
        DataError: a molecule without it; names the molecule.
    """
    stored = target.difference_of or target.name
    for molecule in molecules:
        if not np.isfinite(molecule.properties.get(stored, np.nan)):
            raise DataError(
                f"{molecule.name} lacks the property {stored}; complete the file, leave the molecule out "
                "(dataset.exclude), or choose another dataset.target."
            )
    raw = np.array([molecule.properties[stored] for molecule in molecules])
    if target.difference_of is not None:
        raw = raw - _sum_of_atoms(target, molecules)
    return raw * target.factor


def baselines(
    baseline: str,
    target: Target,
    train: list[Molecule],
    train_values: Float[np.ndarray, " train"],
    test: list[Molecule],
) -> tuple[Float[np.ndarray, " train"], Float[np.ndarray, " test"]]:
    """What is subtracted from the targets of the training and test molecules, in reported units."""
    if baseline == "atomic":
        return tuple(_sum_of_atoms(target, part) * target.factor for part in (train, test))  # type: ignore[return-value]
    if baseline == "linear":
        elements = sorted({int(z) for molecule in train for z in molecule.numbers})
        counts_train, counts_test = (_counts(part, elements) for part in (train, test))
        weights, *_ = np.linalg.lstsq(counts_train, train_values, rcond=None)
        return counts_train @ weights, counts_test @ weights
    return np.zeros(len(train)), np.zeros(len(test))


def _sum_of_atoms(target: Target, molecules: list[Molecule]) -> Float[np.ndarray, " molecule"]:
    """The property summed over free atoms, in stored units."""
    assert target.atomic is not None, "a target without atomic references"
    missing = [m.name for m in molecules if not set(m.numbers.tolist()) <= set(target.atomic)]
    if missing:
        raise DataError(f"{missing[0]} has an element without an atomic reference for {target.name}.")
    return np.array([sum(target.atomic[int(z)] for z in molecule.numbers) for molecule in molecules])


def _counts(molecules: list[Molecule], elements: list[int]) -> Float[np.ndarray, "molecule element"]:
    return np.array([[np.sum(molecule.numbers == z) for z in elements] for molecule in molecules], float)
