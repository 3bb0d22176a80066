"""Every layer alone: equivariance, and its finite NTK and NNGP against the recursion."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqntk_cli.domains.lattice import Lattice, Window
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.domains.support import (
    Support,
    convolution,
    everywhere,
    global_group_convolution,
    global_lifting,
    group_convolution,
    lifting,
    pointwise,
)
from eqntk_cli.layers.linear import Linear
from eqntk_cli.layers.network import Sequential
from eqntk_cli.layers.pooling import AveragePool, Pool
from eqntk_cli.recursion.self_table import SelfInputState
from eqntk_cli.recursion.state import State
from eqntk_cli.recursion.table import InputState
from tests.cases import planar_group

GROUP = planar_group("d4")
LATTICE = Lattice.of_image(5, 5)
WINDOW = Window((3, 3), "same")
IMAGES = PixelGrid(5, 5, 3)
ON_GROUP = PixelGrid(GROUP.order, 1, 3)  # features on K, listed as a column of sites
ON_BOTH = PixelGrid(GROUP.order * 5, 5, 3)  # features on K x positions
LAYERS: dict[str, tuple[PixelGrid, Support]] = {
    "dense": (IMAGES, everywhere(25)),
    "dense per site": (IMAGES, pointwise(25)),
    "convolution": (IMAGES, convolution(LATTICE, WINDOW)),
    "strided convolution": (IMAGES, convolution(LATTICE, Window((3, 3), "valid", 2))),
    "circular convolution": (IMAGES, convolution(LATTICE, Window((3, 1), "circular"))),
    "lifting": (IMAGES, lifting(LATTICE, WINDOW, GROUP)),
    "global lifting": (IMAGES, global_lifting(LATTICE, GROUP)),
    "group convolution": (ON_BOTH, group_convolution(LATTICE, WINDOW, GROUP, "full")),
    "group convolution, identity": (ON_BOTH, group_convolution(LATTICE, WINDOW, GROUP, "identity")),
    "global group convolution": (ON_GROUP, global_group_convolution(None, GROUP, "full")),
    "flattening group convolution": (ON_BOTH, global_group_convolution(LATTICE, GROUP, "full")),
}


@pytest.mark.parametrize("name", LAYERS)
def test_ntk_of_one_linear_layer_is_exact(name):
    """With one linear layer and pooling the NTK of any finite network is the analytic one: no Monte Carlo."""
    domain, support = LAYERS[name]
    network = Sequential(domain, (Linear(support, 1, 1.7, 0.6), Pool()))
    x1, x2 = (jax.random.normal(jax.random.key(seed), (2, *domain.shape)) for seed in (1, 2))
    np.testing.assert_allclose(_ntk(network, jax.random.key(3), x1, x2), _kernel(network, x1, x2)[1], rtol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_nngp_of_one_linear_layer_is_the_variance_of_its_outputs(name):
    """Independent outputs of one wide layer are samples of the network's output distribution."""
    domain, support = LAYERS[name]
    width = 20_000
    network = Sequential(domain, (Linear(support, width, 1.7, 0.6), Pool()))
    x = jax.random.normal(jax.random.key(1), (2, *domain.shape))
    params = jax.jit(network.init)(jax.random.key(2), x)  # in one program with their use they are drawn eight times
    outputs = np.asarray(jax.jit(network.apply)(params, x))
    products = outputs[0] * outputs[1]
    error = products.std() / np.sqrt(width)
    assert abs(products.mean() - _kernel(network, x, x)[0][0, 1]) < 4 * error


@pytest.mark.parametrize("name", ["lifting", "global lifting"])
def test_lifting_is_equivariant(name):
    """(g F)(h) = F(g^-1 h), the positions moved with the image."""
    domain, support = LAYERS[name]
    layer = Sequential(domain, (Linear(support, 4, 1.3, 0.4),))
    x = jax.random.normal(jax.random.key(1), (1, *domain.shape))
    params = jax.jit(layer.init)(jax.random.key(2), x)
    apply = jax.jit(layer.layers[0].apply)
    orbit = GROUP.orbit(domain, x)
    for g in range(GROUP.order):
        before, after = (
            np.asarray(apply({"params": params["layers_0"]}, domain.sites(image)))[0] for image in (x, orbit[:, g])
        )
        source = _left_translated(g, positions=25 if name == "lifting" else 1)
        np.testing.assert_allclose(after, before[source], atol=1e-12)


@pytest.mark.parametrize("name", ["group convolution", "group convolution, identity", "global group convolution"])
def test_group_convolution_is_equivariant(name):
    domain, support = LAYERS[name]
    positions = 1 if name == "global group convolution" else 25
    features = jax.random.normal(jax.random.key(1), (1, GROUP.order * positions, 3))
    module = Linear(support, 4, 1.3, 0.4)
    params, apply = jax.jit(module.init)(jax.random.key(2), features), jax.jit(module.apply)
    before = np.asarray(apply(params, features))[0]
    for g in range(GROUP.order):
        source = _left_translated(g, positions)
        after = np.asarray(apply(params, features[:, source]))[0]
        np.testing.assert_allclose(after, before[source], atol=1e-12)


def _left_translated(g: int, positions: int, lattice: Lattice = LATTICE) -> np.ndarray:
    """Site of g^-1 (r, t) for every site (r, t)."""
    back = GROUP.inverse[g]
    moved = lattice.moved(GROUP.matrices[back]) if positions > 1 else np.zeros(1, dtype=int)
    return (GROUP.product[back][:, None] * positions + moved[None, :]).ravel()


def test_average_pooling_is_the_mean_over_windows_and_equivariant():
    fine, window = Lattice.of_image(6, 6), Window((3, 3), "valid", 3)
    coarse, _ = fine.windowed(window)
    pool = AveragePool(group_convolution(fine, window, GROUP, "identity"))
    features = np.random.default_rng(0).normal(size=(1, GROUP.order * 36, 3))
    before = np.asarray(pool.apply({}, features))
    windows = features.reshape(1, GROUP.order, 2, 3, 2, 3, 3).mean(axis=(3, 5))
    np.testing.assert_allclose(before, windows.reshape(1, -1, 3), rtol=1e-12)
    for g in range(GROUP.order):
        after = np.asarray(pool.apply({}, features[:, _left_translated(g, 36, fine)]))
        np.testing.assert_allclose(after, before[:, _left_translated(g, 4, coarse)], atol=1e-12)


# 5 x 5 positions in windows of 2 x 2: one row and column are left over, so that pooling shows in the final mean
WINDOWS = group_convolution(LATTICE, Window((2, 2), "valid", 2), planar_group("c1"), "identity")


@pytest.mark.parametrize("order", ["convolution first", "average first"])
def test_ntk_with_average_pooling_is_exact_for_one_linear_layer(order):
    pool, linear = AveragePool(WINDOWS), Linear(convolution(LATTICE, WINDOW), 1, 1.7, 0.6)
    layers = (linear, pool, Pool()) if order == "convolution first" else (pool, Linear(everywhere(4), 1, 1.7, 0.6))
    network = Sequential(IMAGES, layers)
    x1, x2 = (jax.random.normal(jax.random.key(seed), (2, *IMAGES.shape)) for seed in (1, 2))
    kernel = _kernel(network, x1, x2, SelfInputState)
    np.testing.assert_allclose(_ntk(network, jax.random.key(3), x1, x2), kernel[1], rtol=1e-12)


def test_ntk_of_a_linear_network_with_average_pooling_is_exact_but_for_its_features():
    """Convolution, average pooling, mean, read-out with weights +-1: W^2 (T + <phi, phi'>/n) + b^2 at any width."""
    convolve, readout = Linear(convolution(LATTICE, WINDOW), 6, 1.7, 0.6), Linear(everywhere(1), 1, 0.8, 0.3)
    below, network = (
        Sequential(IMAGES, layers)
        for layers in (
            (convolve, AveragePool(WINDOWS), Pool()),
            (convolve, AveragePool(WINDOWS), Pool(), readout),
        )
    )
    x1, x2 = (jax.random.normal(jax.random.key(seed), (2, *IMAGES.shape)) for seed in (1, 2))
    params = jax.jit(network.init)(jax.random.key(3), x1)
    params["layers_3"]["weight"] = jnp.sign(params["layers_3"]["weight"])
    features = [np.asarray(jax.jit(below.apply)({"layers_0": params["layers_0"]}, x)) for x in (x1, x2)]
    hidden, whole = (_kernel(each, x1, x2, SelfInputState) for each in (below, network))
    missing = 0.8**2 * (features[0] @ features[1].T / 6 - hidden[0])  # of width 6, not infinite
    np.testing.assert_allclose(_ntk_at(network, params, x1, x2) - missing, whole[1], rtol=1e-12)


# Each of these is one program: operation by operation, compiling takes several times as long.


def _kernel(
    network: Sequential, x1: jax.Array, x2: jax.Array, start: type[State] = InputState
) -> tuple[np.ndarray, np.ndarray]:
    """NNGP and NTK of the recursion."""
    return jax.jit(partial(_pooled, network, start))(x1, x2)


def _pooled(network: Sequential, start: type[State], x1: jax.Array, x2: jax.Array) -> tuple[jax.Array, jax.Array]:
    state = network.kernel(start(network.domain.sites(x1), network.domain.sites(x2))).pool()
    return state.nngp, state.ntk


def _ntk(network: Sequential, key: jax.Array, x1: jax.Array, x2: jax.Array) -> np.ndarray:
    return _ntk_at(network, jax.jit(network.init)(key, x1), x1, x2)


def _ntk_at(network: Sequential, params: dict, x1: jax.Array, x2: jax.Array) -> np.ndarray:
    jacobian = jax.jit(lambda params, x: jax.jacobian(lambda p: network.apply(p, x)[:, 0])(params))
    gradients = [jacobian(params, x) for x in (x1, x2)]
    flat = [np.concatenate([np.asarray(g).reshape(2, -1) for g in jax.tree.leaves(part)], axis=1) for part in gradients]
    return flat[0] @ flat[1].T


def test_padding_outside_is_zero():
    module = Linear(convolution(Lattice.of_image(3, 3), Window((3, 3), "same")), 1, 1.0, 0.0)
    ones = jnp.ones((1, 9, 1))
    params = jax.tree.map(jnp.ones_like, module.init(jax.random.key(0), ones))
    np.testing.assert_allclose(np.asarray(module.apply(params, ones)).ravel() * 3, [4, 6, 4, 6, 9, 6, 4, 6, 4])
