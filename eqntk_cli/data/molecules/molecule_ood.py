"""Molecules off the distribution: there, too, the two ensembles must agree, although nobody trained on anything alike.

noise           test molecules with every atom displaced by Gaussian noise of 0.1 Angstrom per coordinate
other_dataset   molecules of another set (qm9, molecules) whose elements this one knows
Their properties are not known.
"""

from collections.abc import Callable

import numpy as np

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.molecules.molecule import Molecule, MoleculeSource
from eqntk_cli.errors import ConfigError

Others = Callable[[], MoleculeSource]  # opens the other set
DISPLACEMENT = 0.1  # Angstrom, standard deviation per coordinate


def off_distribution(
    rng: np.random.Generator, dataset: DatasetConfig, source: MoleculeSource, test: list[Molecule], others: Others
) -> list[Molecule]:
    """`dataset.n_ood` molecules of the kind that `dataset.ood` names.

    Raises:
        ConfigError: a kind that molecules have not, no other set named, or too few molecules in it.
    """
    if dataset.n_ood == 0:
        return []
    if dataset.ood == "noise":
        return [_shaken(rng, test[index % len(test)]) for index in range(dataset.n_ood)]
    if dataset.ood == "other_dataset":
        return _of_other_set(rng, dataset, source, others)
    raise ConfigError(f"dataset.ood={dataset.ood} is not possible for molecules; expected noise | other_dataset.")


def _shaken(rng: np.random.Generator, molecule: Molecule) -> Molecule:
    moved = molecule.positions + DISPLACEMENT * rng.standard_normal(molecule.positions.shape)
    return Molecule(f"{molecule.name} (displaced)", molecule.numbers, moved)


def _of_other_set(
    rng: np.random.Generator, dataset: DatasetConfig, source: MoleculeSource, others: Others
) -> list[Molecule]:
    other = others()
    known = set(source.elements)
    order = rng.permutation(other.size)
    fitting = [molecule for molecule in other.read(order) if set(molecule.numbers.tolist()) <= known]
    if len(fitting) < dataset.n_ood:
        raise ConfigError(
            f"dataset.n_ood={dataset.n_ood} is not possible; {other.name} has {len(fitting)} molecules "
            "of these elements."
        )
    return fitting[: dataset.n_ood]
