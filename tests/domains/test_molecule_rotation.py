"""Rotating the signals of a molecule is rotating the molecule."""

import numpy as np
from scipy.spatial.transform import Rotation

from eqntk_cli.domains.molecules import AtomSignals, Molecules
from eqntk_cli.domains.signals import atom_signals
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.groups.rotations import cyclic_about_z

NUMBERS = np.array([8, 1, 1])
POSITIONS = np.array(
    [[[0.0, 0.0, 0.0], [0.1, 0.95, 0.0], [0.9, -0.3, 0.2]], [[0, 0, 0], [0, -0.9, 0.3], [0.8, 0.4, 1]]]
)
MASK = np.array([[1.0, 1, 1], [1, 1, 0]])


def signals(positions: np.ndarray) -> AtomSignals:
    """The signals of two molecules of three atoms; one atom is declared padding."""
    coefficients = [atom_signals(NUMBERS, one, (1, 8), (2, 6), 3, "test") for one in positions]
    return AtomSignals(np.stack(coefficients), MASK)


def test_the_orbit_is_that_of_the_molecules_themselves() -> None:
    """Every axis in its place: molecule, rotation, atom; R and not its inverse (three-fold and random rotations)."""
    domain, group = Molecules(Sphere(3, 4), 3), cyclic_about_z(3)
    random = Rotation.random(2, rng=np.random.default_rng(1)).as_matrix()
    for rotations, orbit in (
        (random, domain.move(random, signals(POSITIONS))),
        (group.matrices, group.orbit(domain, signals(POSITIONS))),
    ):
        assert orbit.signals.shape == (2, len(rotations), 3, 9, 4)
        for index, rotation in enumerate(rotations):
            expected = signals(POSITIONS @ rotation.T)
            np.testing.assert_allclose(orbit.signals[:, index], expected.signals, atol=1e-10)
            np.testing.assert_array_equal(orbit.mask[:, index], MASK)
