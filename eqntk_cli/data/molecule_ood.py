"""Molecules off the distribution: there, too, the two ensembles must agree, although nobody trained on anything alike.

noise           test molecules with every atom displaced by Gaussian noise of 0.1 Angstrom per coordinate
other_dataset   molecules of another set (qm9, molecules) whose elements this one knows
Their properties are not known.
"""

from dataclasses import replace

import numpy as np

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.molecule_source import Molecule, MoleculeSource
from eqntk_cli.errors import ConfigError

DISPLACEMENT = 0.1  # Angstrom, standard deviation per coordinate


def off_distribution(
    rng: np.random.Generator, dataset: DatasetConfig, source: MoleculeSource, test: list[Molecule]
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
        return _of_other_set(rng, dataset, source)
    raise ConfigError(f"dataset.ood={dataset.ood} is not possible for molecules; expected noise | other_dataset.")


def _shaken(rng: np.random.Generator, molecule: Molecule) -> Molecule:
    moved = molecule.positions + DISPLACEMENT * rng.standard_normal(molecule.positions.shape)
    return Molecule(f"{molecule.name} (displaced)", molecule.numbers, moved)


def _of_other_set(rng: np.random.Generator, dataset: DatasetConfig, source: MoleculeSource) -> list[Molecule]:
    openers = _openers()
    name = dataset.ood_dataset
    if name is None or name not in openers or name == source.name:
        raise ConfigError(
            f"dataset.ood=other_dataset with dataset.ood_dataset={name} is not possible; "
            f"expected {' | '.join(other for other in openers if other != source.name)}."
        )
    other = openers[name](replace(dataset, name=name, family=name, root=None, url=None, exclude=None))
    known = set(source.elements)
    order = rng.permutation(other.size)
    fitting = [molecule for molecule in other.read(order) if set(molecule.numbers.tolist()) <= known]
    if len(fitting) < dataset.n_ood:
        raise ConfigError(
            f"dataset.n_ood={dataset.n_ood} is not possible; {name} has {len(fitting)} molecules of these elements."
        )
    return fitting[: dataset.n_ood]


def _openers() -> dict:
    from eqntk_cli.data import molecules, qm9  # both import this module

    return {"qm9": qm9.open_source, "molecules": molecules.open_source}
