"""From stored molecules to a bundle: choose, turn into signals on the sphere, normalise, subtract a baseline.

`split_seed` shuffles all molecules once; training takes from the front and testing from the back, so the first n
of a larger choice are the choice of n and the test set does not depend on it. Each channel is divided by its root
mean square over the sphere and the atoms of the training set (a factor per channel commutes with rotations).
"""

import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.data.molecules.baselines import baselines, find_target, values
from eqntk_cli.data.molecules.molecule import Molecule, MoleculeSource, Target
from eqntk_cli.data.molecules.molecule_ood import Others, off_distribution
from eqntk_cli.domains.molecules import AtomSignals, Molecules
from eqntk_cli.domains.signals import atom_signals
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.errors import ConfigError
from eqntk_cli.targets.representation import INVARIANT
from eqntk_cli.targets.scale import TargetScale
from eqntk_cli.targets.task import REGRESSION

DEFAULT_BANDLIMIT = 4
_SPLIT_STREAM, _OOD_STREAM = 0, 2


def molecule_bundle(
    dataset: DatasetConfig, architecture: ArchitectureConfig, source: MoleculeSource, others: Others
) -> DataBundle:
    """The bundle of a set of molecules; x is `AtomSignals`, y the standardised target.

    `others` opens the set that dataset.ood_dataset names.

    Raises:
        ConfigError: an unknown target, a baseline that it has not, or more molecules than there are.
        DataError: a molecule that cannot be used; names it.
    """
    target = find_target(dataset, source)
    train, test = _choose(dataset, source)
    rng = np.random.default_rng([dataset.split_seed, _OOD_STREAM])
    ood = off_distribution(rng, dataset, source, test, others)
    bandlimit = architecture.bandlimit or DEFAULT_BANDLIMIT
    atoms = max(len(molecule.numbers) for molecule in (*train, *test, *ood))
    splits = [signals_of(part, source.elements, dataset.powers, bandlimit, atoms) for part in (train, test, ood)]
    if dataset.normalise:
        scale = _channel_scale(splits[0])
        splits = [AtomSignals(part.signals / scale, part.mask) for part in splits]
    y_train, y_test, scale_y = _standardised(dataset, target, train, test)
    unknown = np.full((len(ood), 1), np.nan)
    return DataBundle(
        name=dataset.name,
        task=REGRESSION.name,
        domain=Molecules(Sphere(bandlimit, splits[0].signals.shape[-1]), atoms),
        train_x=splits[0],
        train_y=y_train,
        test_x=splits[1],
        test_y=y_test,
        ood_x=splits[2],
        ood_y=unknown,
        train_labels=None,
        test_labels=None,
        ood_labels=None,
        output_names=(target.name,),
        target=scale_y,
        notes=(*source.notes, *_notes(dataset, target)),
    )


def signals_of(
    molecules: list[Molecule], elements: tuple[int, ...], powers: tuple[int, ...], bandlimit: int, atoms: int
) -> AtomSignals:
    """The signals of all atoms, padded to `atoms` per molecule.

    Raises:
        DataError: an unknown element, overlapping atoms or an empty molecule; names it.
    """
    channels = len(elements) * len(powers)
    signals = np.zeros((len(molecules), atoms, bandlimit**2, channels))
    mask = np.zeros((len(molecules), atoms))
    for index, molecule in enumerate(molecules):
        count = len(molecule.numbers)
        signals[index, :count] = atom_signals(
            molecule.numbers, molecule.positions, elements, powers, bandlimit, molecule.name
        )
        mask[index, :count] = 1
    return AtomSignals(signals, mask)


def _choose(dataset: DatasetConfig, source: MoleculeSource) -> tuple[list[Molecule], list[Molecule]]:
    wanted = dataset.n_train + dataset.n_test
    if wanted > source.size:
        raise ConfigError(
            f"dataset.n_train={dataset.n_train} with dataset.n_test={dataset.n_test} is not possible; "
            f"{source.name} has {source.size} molecules, expected at most that many together."
        )
    order = _order(np.random.default_rng([dataset.split_seed, _SPLIT_STREAM]), source)
    if source.groups is not None:
        both = set(source.groups[order[: dataset.n_train]]) & set(source.groups[order[-dataset.n_test :]])
        if both:
            raise ConfigError(
                f"dataset.n_train={dataset.n_train} with dataset.n_test={dataset.n_test} would put a group of "
                f"dataset.split_by={dataset.split_by} on both sides of the split; ask for fewer molecules."
            )
    molecules = source.read(np.concatenate([order[: dataset.n_train], order[-dataset.n_test :]]))
    return molecules[: dataset.n_train], molecules[dataset.n_train :]


def _order(rng: np.random.Generator, source: MoleculeSource) -> Int[np.ndarray, " molecule"]:
    """All molecules shuffled; with groups, the groups shuffled and their members side by side."""
    if source.groups is None:
        return rng.permutation(source.size)
    rank = rng.permutation(int(source.groups.max()) + 1)
    return np.lexsort((rng.permutation(source.size), rank[source.groups]))


def _channel_scale(train: AtomSignals) -> Float[np.ndarray, " channel"]:
    """Root mean square over the sphere and the atoms; 1 for a channel that no training atom uses."""
    square = np.einsum("ma,malc->c", train.mask, train.signals**2) / (4 * np.pi * train.mask.sum())
    return np.sqrt(np.where(square > 0, square, 1))


def _standardised(
    dataset: DatasetConfig, target: Target, train: list[Molecule], test: list[Molecule]
) -> tuple[Float[np.ndarray, "train 1"], Float[np.ndarray, "test 1"], TargetScale]:
    """Targets minus baseline, standardised over the training set, and how to read them back."""
    raw_train, raw_test = values(target, train), values(target, test)
    base_train, base_test = baselines(dataset.baseline, target, train, raw_train, test)
    rest_train, rest_test = ((raw - base)[:, None] for raw, base in ((raw_train, base_train), (raw_test, base_test)))
    scale = INVARIANT.standard(target.name, target.unit, rest_train)
    return scale.encoded(rest_train), scale.encoded(rest_test), scale


def _notes(dataset: DatasetConfig, target: Target) -> list[str]:
    if dataset.baseline == "none":
        return []
    return [f"{target.name} is learned and reported after the {dataset.baseline} baseline was subtracted"]
