"""Kernels on the sphere: reference values, direct group averages, the full recursion, invariance and molecules."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from eqntk_cli.architectures.registry import plain_kernel
from eqntk_cli.architectures.spherical import SphericalMlp
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.equiangular import to_coefficients
from eqntk_cli.domains.molecules import AtomSignals, Molecules
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.planar import cyclic
from eqntk_cli.groups.quadrature import gauss_quadrature, identity_only
from eqntk_cli.groups.rotations import cyclic_about_z, icosahedral, octahedral
from eqntk_cli.groups.so3 import SO3
from eqntk_cli.kernels.pair.spherical import SphericalKernel

RNG = np.random.default_rng(0)
SPHERE = Sphere(3, 2)
X1, X2 = RNG.normal(size=(3, 9, 2)), RNG.normal(size=(2, 9, 2))
ARCHITECTURE = ArchitectureConfig(
    name="spherical_mlp", hidden_layers=2, W_std=[1.3, 1.1, 0.9], b_std=[0.2, 0.3, 0.1], quadrature_tolerance=1e-5
)
SO3_CASES = ("so3_erf_2", "so3_relu_2", "so3_erf_3")


def _molecules(rng: np.random.Generator, atoms: list[int], padded: int) -> AtomSignals:
    signals = rng.normal(size=(len(atoms), padded, 9, 2))  # the padding holds numbers on purpose
    mask = np.arange(padded)[None] < np.array(atoms)[:, None]
    return AtomSignals(signals, mask.astype(float))


@pytest.mark.parametrize("case", SO3_CASES)
def test_reproduces_the_reference(case: str, reference_root: Path) -> None:
    arrays = np.load(reference_root / "so3_kernels.npz")
    settings = json.loads((reference_root / "so3_kernels.json").read_text())[case]
    keys = ("activation", "W_std", "b_std", "hidden_layers")
    architecture = ArchitectureConfig(name="spherical_mlp", **{key: settings[key] for key in keys})
    x1, x2 = to_coefficients(arrays["x1"]), to_coefficients(arrays["x2"])
    sphere = Sphere(4, 2)
    kernel = SphericalMlp(architecture).group_kernel(SO3(), sphere, "auto")  # the default tolerance of 1e-6
    network = SphericalMlp(architecture).plain_network(sphere, 1, 1)
    finer = SphericalKernel(network.kernel, 4, gauss_quadrature(16))
    for candidate, tolerance in ((kernel, 1e-6), (finer, 1e-8)):
        block = jax.jit(candidate.block)(x1, x2)
        np.testing.assert_allclose(block.nngp, arrays[f"{case}/nngp"], rtol=tolerance)
        np.testing.assert_allclose(block.ntk, arrays[f"{case}/ntk"], rtol=tolerance)
    assert "quadrature of degree" in kernel.notes[0]


def test_single_precision_reproduces_the_reference(reference_root: Path) -> None:
    arrays = np.load(reference_root / "so3_kernels.npz")
    settings = json.loads((reference_root / "so3_kernels.json").read_text())["so3_relu_2"]
    architecture = ArchitectureConfig(name="spherical_mlp", W_std=settings["W_std"], b_std=settings["b_std"])
    x1, x2 = (to_coefficients(arrays[name]).astype(np.float32) for name in ("x1", "x2"))
    block = jax.jit(SphericalMlp(architecture).group_kernel(SO3(), Sphere(4, 2), "auto").block)(x1, x2)
    assert block.ntk.dtype == np.float32
    np.testing.assert_allclose(block.ntk, arrays["so3_relu_2/ntk"], rtol=1e-5)


@pytest.mark.parametrize("group", [icosahedral(), cyclic_about_z(3)], ids=lambda group: group.name)
def test_a_finite_group_is_the_average_over_rotated_copies(group) -> None:
    architecture = replace(ARCHITECTURE, activation="erf")
    block = jax.jit(SphericalMlp(architecture).group_kernel(group, SPHERE, "auto").block)(X1, X2)
    plain = jax.jit(SphericalMlp(architecture).plain_kernel(SPHERE).block)
    orbit = np.asarray(group.orbit(SPHERE, X2))
    blocks = [plain(X1, orbit[:, g]) for g in range(group.order)]
    np.testing.assert_allclose(block.nngp, np.mean([b.nngp for b in blocks], axis=0), rtol=1e-12)
    np.testing.assert_allclose(block.ntk, np.mean([b.ntk for b in blocks], axis=0), rtol=1e-12)


def test_the_plain_kernel_is_that_of_a_dense_network() -> None:
    block = jax.jit(SphericalMlp(ARCHITECTURE).plain_kernel(SPHERE).block)(X1, X2)
    k, q1, q2 = (np.einsum("alc,blc->ab", a, b) / (4 * np.pi * 2) for a, b in ((X1, X2), (X1, X1), (X2, X2)))
    k, q1, q2 = (1.3**2 * v + 0.2**2 for v in (k, np.diag(q1)[:, None], np.diag(q2)[None, :]))
    t = k
    for gain, bias in ((1.1, 0.3), (0.9, 0.1)):
        angle = np.arccos(k / np.sqrt(q1 * q2))
        t = t * (np.pi - angle) / (2 * np.pi)
        k = np.sqrt(q1 * q2) / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * np.cos(angle))
        k, q1, q2 = (gain**2 * v + bias**2 for v in (k, q1 / 2, q2 / 2))
        t = k + gain**2 * t
    np.testing.assert_allclose(block.nngp, k, rtol=1e-12)
    np.testing.assert_allclose(block.ntk, t, rtol=1e-12)


@pytest.mark.parametrize("support", ["full", "identity"])
@pytest.mark.parametrize("skip", [False, True])
def test_collapsed_equals_the_full_recursion(support: str, skip: bool) -> None:
    architecture = replace(ARCHITECTURE, group_support=support, skip=skip, activation="erf")
    fast, slow = (
        jax.jit(SphericalMlp(architecture).group_kernel(octahedral(), SPHERE, route).block)(X1, X2)
        for route in ("auto", "recursion")
    )
    np.testing.assert_allclose(fast.nngp, slow.nngp, rtol=1e-11)
    np.testing.assert_allclose(fast.ntk, slow.ntk, rtol=1e-11)


def test_so3_kernel_is_invariant_and_symmetric() -> None:
    kernel = SphericalKernel(SphericalMlp(ARCHITECTURE).plain_network(SPHERE, 1, 1).kernel, 3, gauss_quadrature(12))
    rotations = SO3().random_elements(2, seed=0)
    turned1 = np.asarray(SPHERE.move(rotations[:1], X1))[:, 0]
    turned2 = np.asarray(SPHERE.move(rotations[1:], X2))[:, 0]
    block = jax.jit(kernel.block)
    original, moved, swapped = block(X1, X2), block(turned1, turned2), block(X2, X1)
    np.testing.assert_allclose(moved.ntk, original.ntk, rtol=1e-6)
    np.testing.assert_allclose(swapped.ntk.T, original.ntk, rtol=1e-13)
    plain = SphericalKernel(SphericalMlp(ARCHITECTURE).plain_network(SPHERE, 1, 1).kernel, 3, identity_only())
    alone = jax.jit(plain.block)
    assert abs(alone(turned1, turned2).ntk / alone(X1, X2).ntk - 1).max() > 0.01


def test_automatic_nodes_reach_the_tolerance() -> None:
    architecture = replace(ARCHITECTURE, quadrature_tolerance=1e-4)
    coarse = SphericalMlp(architecture).group_kernel(SO3(), SPHERE, "auto")
    fine = SphericalKernel(SphericalMlp(ARCHITECTURE).plain_network(SPHERE, 1, 1).kernel, 3, gauss_quadrature(24))
    deviation = abs(jax.jit(coarse.block)(X1, X2).ntk / jax.jit(fine.block)(X1, X2).ntk - 1).max()
    assert 1e-9 < deviation < 1e-4
    with pytest.raises(ConfigError, match=r"quadrature_tolerance=1e-17 is not reached with 60000 nodes"):
        SphericalMlp(replace(ARCHITECTURE, quadrature_tolerance=1e-17)).group_kernel(SO3(), SPHERE, "auto")


@pytest.mark.parametrize("per_atom", [False, True])
@pytest.mark.parametrize("route", ["auto", "recursion"])
def test_molecules_sum_over_pairs_of_atoms(per_atom: bool, route: str) -> None:
    x1, x2 = _molecules(RNG, [2, 5, 1], 6), _molecules(RNG, [4, 3], 5)
    group = cyclic_about_z(2)
    architecture = replace(ARCHITECTURE, per_atom=per_atom)
    molecular = jax.jit(SphericalMlp(architecture).group_kernel(group, Molecules(SPHERE, 6), route).block)(x1, x2)
    atom = jax.jit(SphericalMlp(architecture).group_kernel(group, SPHERE, "auto").block)
    block = atom(x1.signals.reshape(-1, 9, 2), x2.signals.reshape(-1, 9, 2))
    for part, atoms in zip(molecular, block, strict=True):
        atoms = np.asarray(atoms).reshape(3, 6, 2, 5)
        for a, atoms1 in enumerate((2, 5, 1)):
            for b, atoms2 in enumerate((4, 3)):
                pairs = atoms[a, :atoms1, b, :atoms2]
                np.testing.assert_allclose(part[a, b], np.trace(pairs) if per_atom else pairs.sum(), rtol=1e-11)


def test_molecules_of_many_tiles() -> None:
    x1, x2 = _molecules(RNG, [30, 25, 29], 33), _molecules(RNG, [40, 33], 45)
    group = cyclic_about_z(1)
    molecular = jax.jit(SphericalMlp(ARCHITECTURE).group_kernel(group, Molecules(SPHERE, 45), "auto").block)(x1, x2)
    atom = jax.jit(SphericalMlp(ARCHITECTURE).group_kernel(group, SPHERE, "auto").block)
    block = atom(x1.signals.reshape(-1, 9, 2), x2.signals.reshape(-1, 9, 2))
    pairs = np.asarray(block.ntk).reshape(3, 33, 2, 45)
    expected = np.einsum("ai,bj,aibj->ab", x1.mask, x2.mask, pairs)
    np.testing.assert_allclose(molecular.ntk, expected, rtol=1e-11)


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(ConfigError, match="recursion needs a finite group"):
        SphericalMlp(ARCHITECTURE).group_kernel(SO3(), SPHERE, "recursion")
    with pytest.raises(ConfigError, match="group=c4 does not act on the sphere"):
        SphericalMlp(ARCHITECTURE).group_kernel(cyclic(4), SPHERE, "auto")
    with pytest.raises(ConfigError, match="needs signals on the sphere"):
        plain_kernel(ARCHITECTURE, PixelGrid(4, 4, 1))
