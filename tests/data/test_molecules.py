"""The G2 molecules of ASE, and molecules off the distribution."""

import numpy as np
import pytest

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.molecules.baselines import values
from eqntk_cli.data.registry import load_data
from eqntk_cli.data.sources.molecules import open_source
from eqntk_cli.errors import ConfigError
from eqntk_cli.targets.units import MEV_PER_KCAL_PER_MOL

ARCHITECTURE = ArchitectureConfig(name="spherical_mlp", bandlimit=3)


def _dataset(**settings) -> DatasetConfig:
    wanted = {"n_train": 12, "n_test": 5, "n_ood": 3, **settings}
    return DatasetConfig(name="molecules", family="molecules", **wanted)


def test_methane_has_its_measured_energies() -> None:
    source = open_source(_dataset())
    assert source.size == 148
    methane = next(molecule for molecule in source.read(np.arange(source.size)) if molecule.name == "CH4")
    assert values(source.targets["enthalpy"], [methane])[0] == pytest.approx(-17.9 * MEV_PER_KCAL_PER_MOL)
    # free atoms at 0 K: C 169.98, H 51.63 kcal/mol (JANAF)
    expected = -17.9 - 169.98 - 4 * 51.63
    assert values(source.targets["atomisation_enthalpy"], [methane])[0] / MEV_PER_KCAL_PER_MOL == pytest.approx(
        expected, abs=0.01
    )


def test_electronic_atomisation_energies_are_those_of_ase() -> None:
    from ase.data.g2_1 import get_atomization_energy, molecule_names

    source = open_source(_dataset())
    molecules = {molecule.name: molecule for molecule in source.read(np.arange(source.size))}
    first = [molecules[name] for name in molecule_names]  # ASE's function knows the first half of the set
    expected = [-get_atomization_energy(name) for name in molecule_names]
    got = values(source.targets["atomisation_energy"], first) / MEV_PER_KCAL_PER_MOL
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert -got[molecule_names.index("CH4")] == pytest.approx(420.2, abs=0.1)  # D_e in kcal/mol
    enthalpy = values(source.targets["atomisation_enthalpy"], first) / MEV_PER_KCAL_PER_MOL
    assert np.mean(enthalpy - got) * MEV_PER_KCAL_PER_MOL == pytest.approx(417, abs=1)  # meV, mostly zero-point energy


def test_the_former_name_of_the_enthalpy_leads_to_the_new_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"target=atomisation is not possible; did you mean atomisation_enthalpy or atomisation_ener"
    ):
        load_data(_dataset(target="atomisation"), ARCHITECTURE)


def test_a_bundle_without_any_file() -> None:
    bundle = load_data(_dataset(), ARCHITECTURE)
    assert bundle.train_x.signals.shape == (12, bundle.domain.atoms, 9, bundle.domain.sphere.channels)
    assert bundle.test_y.shape == (5, 1)
    assert bundle.target.name == "atomisation_enthalpy"
    assert bundle.fingerprint() == load_data(_dataset(), ARCHITECTURE).fingerprint()
    assert bundle.fingerprint() != load_data(_dataset(split_seed=1), ARCHITECTURE).fingerprint()


def test_displaced_molecules_are_near_but_not_equal() -> None:
    bundle = load_data(_dataset(), ARCHITECTURE)
    ood, test = bundle.ood_x.signals, bundle.test_x.signals[:3]
    assert np.isnan(bundle.ood_y).all()
    relative = np.linalg.norm(ood - test) / np.linalg.norm(test)
    assert 0.01 < relative < 2


def test_refusals() -> None:
    with pytest.raises(ConfigError, match=r"dataset.ood=off_grid_rotation is not possible for molecules"):
        load_data(_dataset(ood="off_grid_rotation"), ARCHITECTURE)
    with pytest.raises(ConfigError, match=r"dataset.ood_dataset=None is not possible; expected .* of molecules: qm9"):
        load_data(_dataset(ood="other_dataset"), ARCHITECTURE)
    with pytest.raises(ConfigError, match="molecules has 148 molecules"):
        load_data(_dataset(n_train=148), ARCHITECTURE)
