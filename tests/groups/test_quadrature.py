"""Quadratures over SO(3) integrate what they say, and the grid of the sphere is exact for band-limited signals."""

import numpy as np
import pytest

from eqntk_cli.domains.equiangular import from_coefficients, grid_directions, grid_weights, to_coefficients
from eqntk_cli.domains.harmonics import spherical_harmonics, wigner_matrices
from eqntk_cli.errors import DataError
from eqntk_cli.groups.quadrature import gauss_quadrature, identity_only
from eqntk_cli.groups.rotations import icosahedral, octahedral
from tests.shapes import broken_on_purpose


@pytest.mark.parametrize("degree", [0, 1, 2, 4, 5])
def test_exact_up_to_its_degree_and_no_further(degree: int) -> None:
    rule = gauss_quadrature(degree)
    assert rule.nodes == (degree + 1) ** 2 * ((degree + 2) // 2)
    assert rule.degree == degree
    assert rule.weights.sum() == pytest.approx(1, abs=1e-14)
    mean = np.einsum("q,qij->ij", rule.weights, wigner_matrices(degree + 2, rule.rotations))
    inside = (degree + 1) ** 2
    expected = np.zeros((inside, inside))
    expected[0, 0] = 1
    np.testing.assert_allclose(mean[:inside, :inside], expected, atol=1e-13)
    assert abs(mean[inside:, inside:]).max() > 1e-3


@pytest.mark.parametrize(("group", "first_invariant"), [(octahedral(), 4), (icosahedral(), 6)])
def test_a_finite_group_integrates_up_to_its_first_invariant(group, first_invariant: int) -> None:
    rule = group.mean
    mean = np.einsum("q,qij->ij", rule.weights, wigner_matrices(first_invariant + 1, rule.rotations))
    inside = first_invariant**2
    assert abs(mean[1:inside, 1:inside]).max() < 1e-13
    assert np.trace(mean[inside:, inside:]) == pytest.approx(1)  # one invariant harmonic


def test_identity_only() -> None:
    rule = identity_only()
    assert rule.nodes == 1
    np.testing.assert_array_equal(rule.rotations[0], np.eye(3))


@pytest.mark.parametrize("bandlimit", [1, 3, 4, 6])
def test_grid_is_exact_for_band_limited_signals(bandlimit: int) -> None:
    coefficients = np.random.default_rng(0).normal(size=(2, bandlimit**2, 3))
    values = from_coefficients(coefficients)
    assert values.shape == (2, 2 * bandlimit, 2 * bandlimit - 1, 3)
    np.testing.assert_allclose(to_coefficients(values), coefficients, atol=1e-12)
    assert grid_weights(bandlimit).sum() * (2 * bandlimit - 1) == pytest.approx(4 * np.pi)


def test_grid_agrees_with_least_squares_on_the_reference_signals(reference_root) -> None:
    samples = np.load(reference_root / "so3_kernels.npz")["x1"]
    design = spherical_harmonics(4, grid_directions(4)).reshape(-1, 16)
    solution, residual, *_ = np.linalg.lstsq(design, samples[0].reshape(-1, samples.shape[-1]), rcond=None)
    assert residual.max() < 1e-20  # the signals are band-limited on this grid
    np.testing.assert_allclose(to_coefficients(samples)[0], solution, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 8, 8, 1), (2, 7, 6, 1), (8, 7, 2)])
def test_refuses_other_grids(shape: tuple[int, ...]) -> None:
    with broken_on_purpose(), pytest.raises(DataError, match=r"expected \(n, 2L, 2L-1, C\)"):
        to_coefficients(np.zeros(shape))


@pytest.mark.parametrize("degree", [3, 4, 7])
def test_the_inverse_of_a_node_is_a_node_of_the_same_weight(degree: int) -> None:
    rule = gauss_quadrature(degree)
    distance = abs(rule.rotations[:, None] - rule.rotations[None].transpose(0, 1, 3, 2)).max(axis=(2, 3))
    partner = distance.argmin(axis=1)
    assert distance.min(axis=1).max() < 1e-13
    np.testing.assert_allclose(rule.weights[partner], rule.weights, rtol=1e-12)
    assert sorted(partner) == list(range(rule.nodes))
