"""Signals of atoms: analytic coefficients against brute-force quadrature on the sphere, and what is refused."""

import numpy as np
import pytest

from eqntk_cli.domains.harmonics import spherical_harmonics, wigner_matrices
from eqntk_cli.domains.signals import WINDOW_BETA, atom_signals, legendre_coefficients
from eqntk_cli.errors import DataError

NUMBERS = np.array([8, 1, 1, 6])
POSITIONS = np.array([[0.0, 0.0, 0.0], [0.1, 0.95, 0.0], [0.9, -0.3, 0.2], [-0.7, 0.3, 1.1]])
ELEMENTS, POWERS, L = (1, 6, 8), (2, 6), 4


def _fine_grid() -> tuple[np.ndarray, np.ndarray]:
    cosines, weights = np.polynomial.legendre.leggauss(60)
    azimuths = 2 * np.pi * np.arange(120) / 120
    c, a = (v.reshape(-1) for v in np.meshgrid(cosines, azimuths, indexing="ij"))
    s = np.sqrt(1 - c**2)
    return np.stack([s * np.cos(a), s * np.sin(a), c], axis=1), np.repeat(weights, 120) * 2 * np.pi / 120


def test_coefficients_are_integrals_over_the_sphere() -> None:
    points, weights = _fine_grid()
    harmonics = spherical_harmonics(L, points)
    coefficients = atom_signals(NUMBERS, POSITIONS, ELEMENTS, POWERS, L, "test")
    assert coefficients.shape == (4, 16, 6)
    for i in range(4):
        for e, element in enumerate(ELEMENTS):
            for p, power in enumerate(POWERS):
                values = np.zeros(len(points))
                for j in range(4):
                    if j == i or NUMBERS[j] != element:
                        continue
                    offset = POSITIONS[j] - POSITIONS[i]
                    r = np.linalg.norm(offset)
                    values += (
                        NUMBERS[i] * NUMBERS[j] / r**power * np.exp(-((points @ offset / r - 1) ** 2) / WINDOW_BETA)
                    )
                expected = (weights * values) @ harmonics
                np.testing.assert_allclose(coefficients[i, :, e * 2 + p], expected, rtol=1e-9, atol=1e-9)


def test_window_is_five_percent_at_an_eighth_turn() -> None:
    assert np.exp(-((np.cos(np.pi / 4) - 1) ** 2) / WINDOW_BETA) == pytest.approx(0.05)
    assert legendre_coefficients(4)[0] == pytest.approx(0.942286, abs=1e-6)


def test_rotating_the_molecule_rotates_the_signals() -> None:
    angle = 0.7
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    before = atom_signals(NUMBERS, POSITIONS, ELEMENTS, POWERS, L, "test")
    after = atom_signals(NUMBERS, POSITIONS @ rotation.T, ELEMENTS, POWERS, L, "test")
    np.testing.assert_allclose(after, np.einsum("ij,ajc->aic", wigner_matrices(L, rotation), before), atol=1e-11)


def test_a_single_atom_has_an_empty_signal() -> None:
    assert not atom_signals(np.array([6]), np.zeros((1, 3)), ELEMENTS, POWERS, L, "carbon").any()


@pytest.mark.parametrize(
    ("numbers", "positions", "message"),
    [
        ([], np.zeros((0, 3)), "mol_7 has no atoms"),
        ([6, 9], np.eye(3)[:2], "mol_7 has an atom of atomic number 9; the channels are for 1, 6, 8"),
        ([6, 6], np.array([[0, 0, 0], [0, 0, 0.1]]), r"mol_7: atoms 0 and 1 overlap \(0.100 Angstrom"),
        ([6, 6], np.zeros((2, 3)), "mol_7: atoms 0 and 1 overlap"),
        ([6, 6], np.array([[0, 0, 0], [0, 0, np.nan]]), "mol_7 has a position that is not a finite number"),
    ],
)
def test_bad_molecules_are_named(numbers: list[int], positions: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        atom_signals(np.array(numbers, dtype=int), positions, ELEMENTS, POWERS, L, "mol_7")
