"""Finite networks on the sphere: their empirical NTK and NNGP against the kernels, equivariance, SO(3) layers."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqntk_cli.architectures.spherical import SphericalMlp
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.harmonics import wigner_matrices
from eqntk_cli.domains.molecules import AtomSignals, Molecules
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.groups.quadrature import gauss_quadrature
from eqntk_cli.groups.rotations import cyclic_about_z, octahedral
from eqntk_cli.groups.so3 import SO3
from eqntk_cli.layers.so3 import FourierGroupConv
from eqntk_cli.recursion.sphere.band_limit import Projection
from eqntk_cli.recursion.sphere.state import packed_wigner

SPHERE = Sphere(2, 2)
RNG = np.random.default_rng(0)
X1, X2 = RNG.normal(size=(2, 4, 2)), RNG.normal(size=(2, 4, 2))
ONE_LAYER = ArchitectureConfig(name="spherical_mlp", hidden_layers=0, W_std=1.3, b_std=0.4)
TWO_LAYERS = ArchitectureConfig(
    name="spherical_mlp", hidden_layers=2, W_std=[1.3, 1.1, 0.9], b_std=[0.4, 0.3, 0.2], activation="erf",
    quadrature_tolerance=1e-5,
)  # fmt: skip

RUN_LONG = {"xla_backend_optimization_level": 3, "xla_cpu_use_fusion_emitters": True}  # unlike most programs of tests


def _jacobian(network, params, x) -> np.ndarray:
    gradients = jax.jacobian(lambda p: network.apply(p, x)[:, 0])(params)
    return jnp.concatenate([leaf.reshape(len(leaf), -1) for leaf in jax.tree.leaves(gradients)], axis=1)


def _empirical(network, key, x1, x2):
    return jax.jit(partial(_products, network))(key, x1, x2)


def _products(network, key, x1, x2):
    params = network.init(key, x1)
    return _jacobian(network, params, x1) @ _jacobian(network, params, x2).T


def _ntk(kernel, x1, x2):
    return jax.jit(kernel.block)(x1, x2).ntk


def _member(network, key, x1, x2) -> tuple[jax.Array, jax.Array]:
    """Theta(x, x') and f(x) f(x') of one network, from one forward pass of both samples."""
    params = network.init(key, x1)
    outputs, pullback = jax.vjp(lambda p: network.apply(p, np.concatenate([x1, x2]))[:, 0], params)
    gradients = jax.vmap(lambda output: pullback(output)[0])(jnp.eye(2))
    return sum((leaf[0] * leaf[1]).sum() for leaf in jax.tree.leaves(gradients)), outputs[0] * outputs[1]


@pytest.mark.parametrize("group", [octahedral(), cyclic_about_z(3), SO3()], ids=lambda group: group.name)
def test_lifting_and_pooling_alone_are_exact(group) -> None:
    network = SphericalMlp(ONE_LAYER).group_network(group, SPHERE, 1, 1)
    expected = SphericalMlp(ONE_LAYER).group_kernel(group, SPHERE, "auto")
    np.testing.assert_allclose(_empirical(network, jax.random.key(0), X1, X2), _ntk(expected, X1, X2), rtol=1e-12)
    plain = SphericalMlp(ONE_LAYER).plain_network(SPHERE, 1, 1)
    expected = SphericalMlp(ONE_LAYER).plain_kernel(SPHERE)
    np.testing.assert_allclose(_empirical(plain, jax.random.key(0), X1, X2), _ntk(expected, X1, X2), rtol=1e-12)


@pytest.mark.parametrize("per_atom", [False, True])
def test_molecules_alone_are_exact(per_atom: bool) -> None:
    architecture = replace(ONE_LAYER, per_atom=per_atom)
    mask = np.array([[1.0, 1, 0], [1, 1, 1]])
    molecules = [AtomSignals(RNG.normal(size=(2, 3, 4, 2)), mask) for _ in range(2)]
    domain = Molecules(SPHERE, 3)
    network = SphericalMlp(architecture).group_network(cyclic_about_z(3), domain, 1, 1)
    expected = SphericalMlp(architecture).group_kernel(cyclic_about_z(3), domain, "auto")
    np.testing.assert_allclose(
        _empirical(network, jax.random.key(0), *molecules), _ntk(expected, *molecules), rtol=1e-12
    )


def test_coupled_networks_start_from_equal_parameters() -> None:
    """Random streams go by the places of layers: the first weights stand in the same place in both networks."""
    architecture = replace(TWO_LAYERS, group_support="identity")
    molecules = AtomSignals(RNG.normal(size=(2, 3, 4, 2)), np.array([[1.0, 1, 0], [1, 1, 1]]))
    networks = (
        SphericalMlp(architecture).plain_network(Molecules(SPHERE, 3), 4, 1),
        SphericalMlp(architecture).group_network(octahedral(), Molecules(SPHERE, 3), 4, 1),
    )
    plain, group = (jax.jit(network.init)(jax.random.key(0), molecules) for network in networks)
    assert jax.tree.structure(plain) == jax.tree.structure(group)
    jax.tree.map(np.testing.assert_array_equal, plain, group)


CASES = {
    "plain": (None, TWO_LAYERS),
    "c3 full": (cyclic_about_z(3), TWO_LAYERS),
    "c3 identity": (cyclic_about_z(3), replace(TWO_LAYERS, group_support="identity", activation="relu")),
    "so3 identity": (SO3(), replace(TWO_LAYERS, group_support="identity")),
    "so3 band-limited": (SO3(), replace(TWO_LAYERS, group_support="identity", band_limited=True, bandlimit=2)),
    "so3 full": (SO3(), replace(TWO_LAYERS, group_support="full", band_limited=True, bandlimit=2)),
}


QUICK = ("plain", "c3 identity", "so3 full")  # the other cases are between these and take as long


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CASES]
)
def test_wide_networks_have_the_kernels(name: str) -> None:
    group, architecture = CASES[name]
    width, members = 128, 300
    if group is None:
        network, kernel = (
            SphericalMlp(architecture).plain_network(SPHERE, width, 1),
            SphericalMlp(architecture).plain_kernel(SPHERE),
        )
    else:
        network = SphericalMlp(architecture).group_network(group, SPHERE, width, 1)
        kernel = SphericalMlp(architecture).group_kernel(group, SPHERE, "auto")
    keys = jax.random.split(jax.random.key(1), members)
    x1, x2 = X1[:1], X2[:1]
    expected = jax.jit(kernel.block)(x1, x2)
    run = jax.jit(lambda keys: jax.lax.map(lambda key: _member(network, key, x1, x2), keys), compiler_options=RUN_LONG)
    tangents, products = (np.asarray(part) for part in run(keys))
    for samples, value in ((tangents, expected.ntk), (products, expected.nngp)):
        error = samples.std() / np.sqrt(members)
        ratio = abs(samples.mean() - float(value[0, 0])) / (error + abs(float(value[0, 0])) / width)
        assert ratio < 4, f"{ratio:.1f} standard errors"


@pytest.mark.parametrize("name", ["so3 identity", "so3 full"])
def test_so3_networks_are_invariant(name: str) -> None:
    group, architecture = CASES[name]
    network = SphericalMlp(architecture).group_network(group, SPHERE, 16, 1)
    params, apply = jax.jit(network.init)(jax.random.key(0), X1), jax.jit(network.apply)
    turned = np.asarray(SPHERE.move(group.random_elements(1, seed=1), X1))[:, 0]
    before, after = apply(params, X1), apply(params, turned)
    plain = SphericalMlp(architecture).plain_network(SPHERE, 16, 1)
    params, apply = jax.jit(plain.init)(jax.random.key(0), X1), jax.jit(plain.apply)
    without = abs(apply(params, X1) - apply(params, turned)).max()
    assert abs(before - after).max() < 0.02 * without  # the nodes are no group: what the final mean leaves


def test_fourier_convolution_is_the_mean_of_the_kernel_over_the_filter() -> None:
    """Its NTK is exactly W^2 int <PF(g h), PF'(g' h)>/C dh + b^2, here by a quadrature over h."""
    rule = gauss_quadrature(4)
    projection = Projection.of(rule, 2)
    layer = FourierGroupConv(projection, 2, 1, 1.3, 0.4)
    x = RNG.normal(size=(2, rule.nodes, 3))
    params = jax.jit(layer.init)(jax.random.key(0), x)
    gradients = jax.jit(jax.jacobian(lambda p: layer.apply(p, x)[:, :5, 0]))(params)
    flat = np.concatenate([np.asarray(leaf).reshape(2, 5, -1) for leaf in jax.tree.leaves(gradients)], axis=-1)
    computed = np.einsum("qk,rk->qr", flat[0], flat[1])
    coefficients = np.einsum("kq,sqc->skc", projection.analysis, x)
    products = np.einsum("gij,hjk->ghik", rule.rotations[:5], rule.rotations)
    values = np.einsum("ghk,skc->sghc", packed_wigner(2, products.reshape(-1, 3, 3)).reshape(5, -1, 10), coefficients)
    expected = 1.3**2 * np.einsum("h,ghc,khc->gk", rule.weights, values[0], values[1]) / 3 + 0.4**2
    np.testing.assert_allclose(computed, expected, rtol=1e-10)
    assert wigner_matrices(2, rule.rotations).shape[0] == rule.nodes


def test_the_band_limit_is_a_small_change() -> None:
    free, limited = (
        SphericalMlp(CASES[name][1]).group_kernel(SO3(), SPHERE, "auto")
        for name in ("so3 identity", "so3 band-limited")
    )
    change = abs(np.asarray(_ntk(limited, X1, X2) / _ntk(free, X1, X2) - 1)).max()
    assert 1e-6 < change < 0.05
    assert "band-limited to l < 2" in limited.notes[0]
