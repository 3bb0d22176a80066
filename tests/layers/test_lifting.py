"""Lifting by degrees and by copies, against a dense layer on the rotated copies written out."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqntk_cli.domains.harmonics import wigner_matrices
from eqntk_cli.groups.quadrature import gauss_quadrature
from eqntk_cli.groups.rotations import icosahedral, octahedral
from eqntk_cli.layers.lifting import Lifting, by_copies, by_degrees, fewer_by_degrees

BANDLIMIT, CHANNELS, FEATURES, SAMPLES = 3, 5, 4, 6
ROTATIONS = {
    "octahedral": octahedral().matrices,
    "icosahedral": icosahedral().matrices,
    "nodes of a quadrature": gauss_quadrature(2).rotations,
}


def written_out(rotations, x, weight):
    """N(g) = sum_{i, c} w_ic (D(g)^T f)_ic."""
    copies = jnp.einsum("gji,sjc->sgic", wigner_matrices(BANDLIMIT, rotations), x)
    return jnp.einsum("sgic,icf->sgf", copies, weight.reshape(BANDLIMIT**2, CHANNELS, -1))


@pytest.mark.parametrize("rotations", ROTATIONS.values(), ids=ROTATIONS)
@pytest.mark.parametrize("lifted", [by_degrees, by_copies])
def test_values_and_gradients(lifted, rotations):
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(SAMPLES, BANDLIMIT**2, CHANNELS)), rng.normal(size=(BANDLIMIT**2 * CHANNELS, FEATURES))
    cotangent = rng.normal(size=(SAMPLES, len(rotations), FEATURES))
    expected, expected_back = jax.vjp(lambda *given: written_out(rotations, *given), x, weight)
    value, back = jax.vjp(lambda *given: lifted(rotations, *given), x, weight)
    for got, wanted in zip((value, *back(cotangent)), (expected, *expected_back(cotangent)), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


def test_members_side_by_side():
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(2, 9, CHANNELS)), rng.normal(size=(3, 9 * CHANNELS, FEATURES))
    rotations = octahedral().matrices
    lifted = jax.vmap(lambda weight: by_degrees(rotations, jnp.asarray(x), weight))(weights)
    for member, weight in enumerate(weights):
        np.testing.assert_allclose(lifted[member], written_out(rotations, x, weight), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("lifted", [by_degrees, by_copies])
def test_the_gradients_of_members_with_signals_and_weights_of_their_own(lifted):
    rng, rotations = np.random.default_rng(0), octahedral().matrices
    x, weights = rng.normal(size=(2, SAMPLES, 9, CHANNELS)), rng.normal(size=(2, 9 * CHANNELS, FEATURES))
    cotangents = rng.normal(size=(2, SAMPLES, len(rotations), FEATURES))
    value, back = jax.vjp(jax.vmap(partial(lifted, rotations), in_axes=(0, 0)), x, weights)
    for member in range(2):
        expected, expected_back = jax.vjp(partial(written_out, rotations), x[member], weights[member])
        wanted = (expected, *expected_back(cotangents[member]))
        for got, one in zip((value, *back(cotangents)), wanted, strict=True):
            np.testing.assert_allclose(got[member], one, rtol=1e-12, atol=1e-12)


def test_other_devices_than_a_cpu_are_free_in_their_order():
    x, weight = np.ones((SAMPLES, 9, CHANNELS)), np.ones((9 * CHANNELS, FEATURES))
    traced = jax.jit(partial(by_degrees, octahedral().matrices)).trace(x, weight)
    barriers = [
        "optimization_barrier" in traced.lower(lowering_platforms=(platform,)).as_text() for platform in ("cpu", "cuda")
    ]
    assert barriers == [True, False]


@pytest.mark.parametrize("channels", [1, CHANNELS])
def test_the_layer_scales_the_sums_and_adds_its_bias_in_either_order(channels):
    rng = np.random.default_rng(0)
    x, rotations = jnp.asarray(rng.normal(size=(2, BANDLIMIT**2, channels))), octahedral().matrices
    layer = Lifting(rotations, FEATURES, W_std=1.5, b_std=0.5)
    params = layer.init(jax.random.key(0), x)
    own = params["params"]
    expected = 1.5 / np.sqrt(9 * channels) * by_copies(rotations, x, own["weight"]) + 0.5 * own["bias"]
    np.testing.assert_allclose(layer.apply(params, x), expected, rtol=1e-12, atol=1e-12)


def test_the_order_with_fewer_products_is_taken():
    assert fewer_by_degrees(24, 9, CHANNELS)  # 35 (5 + 24) < 24 * 45
    assert not fewer_by_degrees(24, 9, 1)  # 35 (1 + 24) > 24 * 9
