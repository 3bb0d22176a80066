"""Groups of rotations: axioms, orders, classes, and Haar measure."""

import numpy as np
import pytest

from eqntk_cli.config.schema import GroupConfig
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.groups.registry import GROUPS, get_group
from eqntk_cli.groups.rotations import cyclic_about_z, icosahedral, octahedral
from eqntk_cli.groups.so3 import SO3

CASES = {"octahedral": (octahedral, 24), "icosahedral": (icosahedral, 60), "c5": (lambda: cyclic_about_z(5), 5)}
# angle in degrees -> number of elements: the conjugacy classes of the two groups
CLASSES = {
    "octahedral": {0: 1, 90: 6, 120: 8, 180: 9},
    "icosahedral": {0: 1, 72: 12, 120: 20, 144: 12, 180: 15},
    "c5": {0: 1, 72: 2, 144: 2},
}


@pytest.mark.parametrize("name", CASES)
def test_axioms_and_order(name: str) -> None:
    build, order = CASES[name]
    group = build()
    assert group.order == order == len(set(group.elements))
    assert group.elements[0] == "e"
    np.testing.assert_array_equal(group.matrices[0], np.eye(3))
    np.testing.assert_allclose(np.linalg.det(group.matrices), 1, atol=1e-12)
    product, inverse = group.product, group.inverse
    assert all(sorted(row) == list(range(order)) for row in product)
    assert (product[np.arange(order), inverse] == 0).all()
    i, j, k = np.indices((order,) * 3)
    assert (product[product[i, j], k] == product[i, product[j, k]]).all()


@pytest.mark.parametrize("name", CASES)
def test_conjugacy_classes(name: str) -> None:
    matrices = CASES[name][0]().matrices
    angles = np.degrees(np.arccos(np.clip((np.trace(matrices, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    angle, counts = np.unique(np.round(angles, 6), return_counts=True)
    assert {round(a): int(n) for a, n in zip(angle, counts, strict=True)} == CLASSES[name]


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    np.testing.assert_allclose(cyclic_about_z(4).matrices[1] @ [1, 0, 0], [0, 1, 0], atol=1e-15)
    assert cyclic_about_z(4).elements[1] == "r90(0,0,1)"


def test_haar_rotations_are_rotations_and_uniform() -> None:
    count = 4000
    rotations = SO3().random_elements(count, seed=3)
    np.testing.assert_allclose(
        np.einsum("nij,nkj->nik", rotations, rotations), np.eye(3)[None].repeat(count, 0), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-12)
    # orthogonality of matrix elements: E[R_ij] = 0, E[R_ij R_kl] = delta_ik delta_jl / 3; the standard errors
    # are sqrt(1/3/n) and below sqrt(1/3/n)
    limit = 5 * np.sqrt(1 / 3 / count)
    assert abs(rotations.mean(0)).max() < limit
    flat = rotations.reshape(count, 9)
    assert abs(flat.T @ flat / count - np.eye(9) / 3).max() < limit
    # the character of l = 1 has E[tr R] = 0 and E[tr(R)^2] = 1
    trace = np.trace(rotations, axis1=1, axis2=2)
    assert abs((trace**2).mean() - 1) < 5 * trace.var() * np.sqrt(2 / count) * 2


def test_registry_knows_every_group() -> None:
    for name in GROUPS:
        group = get_group(GroupConfig(name=name, order=6 if name == "cn" else None))
        if isinstance(group, FiniteGroup):
            assert group.product.shape == (group.order, group.order)
        else:
            assert group.name == "so3"
    assert get_group(GroupConfig(name="d4")).order == 8
    assert get_group(GroupConfig(name="cn", order=6)).order == 6


def test_registry_refuses() -> None:
    with pytest.raises(ConfigError, match=r"group=c3 is not known; expected c1"):
        get_group(GroupConfig(name="c3"))
    with pytest.raises(ConfigError, match=r"group.order"):
        get_group(GroupConfig(name="cn"))
    with pytest.raises(ConfigError, match=r"group.order=0"):
        get_group(GroupConfig(name="cn", order=0))
