"""Conventions of the sphere, with known numbers, and rotations of signals."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.special import sph_harm_y

from eqntk_cli.domains.harmonics import (
    degrees,
    euler_angles,
    rotation_matrices,
    spherical_harmonics,
    wigner_block,
    wigner_matrices,
)
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.planar import cyclic
from eqntk_cli.groups.rotations import cyclic_about_z, icosahedral, octahedral
from eqntk_cli.groups.so3 import SO3
from tests.shapes import broken_on_purpose

L = 5
ROTATIONS = Rotation.random(6, rng=np.random.default_rng(1)).as_matrix()
DIRECTIONS = np.random.default_rng(2).normal(size=(40, 3))


def test_degree_one_is_xyz() -> None:
    harmonics = spherical_harmonics(2, np.array([[0.0, 0.0, 2.0], [1.0, 0.0, 0.0]]))
    half, root = 1 / math.sqrt(4 * math.pi), math.sqrt(3 / (4 * math.pi))
    np.testing.assert_allclose(harmonics, [[half, 0, 0, root], [half, root, 0, 0]], atol=1e-15)
    assert degrees(3).tolist() == [0, 1, 1, 1, 2, 2, 2, 2, 2]


def test_each_degree_spans_the_complex_harmonics() -> None:
    # sum_m Y_lm(a) Y_lm(b) is the same in every orthonormal basis of degree l
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (DIRECTIONS, DIRECTIONS[::-1]))
    products = spherical_harmonics(L, a) * spherical_harmonics(L, b)
    for degree in range(L):
        complex_sum = sum(
            sph_harm_y(degree, m, np.arccos(a[:, 2]), np.arctan2(a[:, 1], a[:, 0]))
            * sph_harm_y(degree, m, np.arccos(b[:, 2]), np.arctan2(b[:, 1], b[:, 0])).conj()
            for m in range(-degree, degree + 1)
        )
        np.testing.assert_allclose(products[:, degrees(L) == degree].sum(1), complex_sum, atol=1e-13)


def test_wigner_matrices_represent_the_group() -> None:
    wigner = wigner_matrices(L, ROTATIONS)
    np.testing.assert_allclose(
        spherical_harmonics(L, DIRECTIONS @ ROTATIONS[0].T),
        spherical_harmonics(L, DIRECTIONS) @ wigner[0].T,
        atol=1e-13,
    )
    np.testing.assert_allclose(wigner_matrices(L, ROTATIONS[0] @ ROTATIONS[1]), wigner[0] @ wigner[1], atol=1e-13)
    np.testing.assert_allclose(wigner @ wigner.transpose(0, 2, 1), np.eye(L * L)[None].repeat(6, 0), atol=1e-13)


@pytest.mark.parametrize("degree", [1, 2, 4, 7])
def test_wigner_blocks_are_those_of_e3nn(degree: int) -> None:
    import e3nn_jax

    expected = np.asarray(e3nn_jax.Irrep(degree, 1).D_from_matrix(ROTATIONS))
    np.testing.assert_allclose(wigner_block(degree, euler_angles(ROTATIONS)), expected, atol=1e-13)


@pytest.mark.parametrize("matrices", [ROTATIONS, octahedral().matrices, icosahedral().matrices])
def test_euler_angles_are_exact_also_at_the_poles(matrices: np.ndarray) -> None:
    np.testing.assert_allclose(rotation_matrices(euler_angles(matrices)), matrices, atol=2e-15)


def test_a_quarter_turn_about_z_moves_the_signal_x_to_y() -> None:
    sphere = Sphere(2, 1)
    signal = np.zeros((1, 4, 1))
    signal[0, 1] = 1.0  # f(n) = x; (rho(R) f)(n) = f(R^-1 n) = y for R: x -> y
    moved = np.asarray(cyclic_about_z(4).orbit(sphere, signal))[0, 1, :, 0]
    np.testing.assert_allclose(moved, [0, 0, 1, 0], atol=1e-15)


def test_rotated_signals_take_the_values_of_the_original() -> None:
    sphere = Sphere(L, 2)
    signal = np.random.default_rng(3).normal(size=(3, L * L, 2))
    moved = np.asarray(sphere.move(ROTATIONS, signal))
    for index, rotation in enumerate(ROTATIONS):
        values = np.einsum("dk,skc->sdc", spherical_harmonics(L, DIRECTIONS), moved[:, index])
        expected = np.einsum("dk,skc->sdc", spherical_harmonics(L, DIRECTIONS @ rotation), signal)  # at R^-1 n
        np.testing.assert_allclose(values, expected, atol=1e-12)


def test_sphere_says_its_sizes_and_refuses_other_groups() -> None:
    sphere = Sphere(4, 10)
    assert sphere.shape == (16, 10)
    assert sphere.features == 160
    assert sphere.fan_in == pytest.approx(40 * math.pi)
    with pytest.raises(ConfigError, match=r"group=so3 has no finite orbit"):
        SO3().orbit(sphere, np.zeros((1, 16, 10)))
    with pytest.raises(ConfigError, match=r"group=c4 does not act on the sphere"):
        cyclic(4).orbit(sphere, np.zeros((1, 16, 10)))
    with broken_on_purpose(), pytest.raises(ConfigError, match="do not act on the sphere"):
        wigner_matrices(2, np.eye(2))
