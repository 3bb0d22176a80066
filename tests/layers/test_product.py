"""The product of rows with weights and both orders of its gradient, alone and for members side by side."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqntk_cli.layers.product import product, weight_gradient

SHAPES = {"the rows are turned": (4, 5, 7), "the result is turned": (60, 7, 2)}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_values_and_gradients(shape):
    rng = np.random.default_rng(0)
    samples, reads, features = shape
    rows, weight = rng.normal(size=(samples, reads)), rng.normal(size=(reads, features))
    cotangent = rng.normal(size=(samples, features))
    value, back = jax.vjp(product, rows, weight)
    expected = rows @ weight, cotangent @ weight.T, rows.T @ cotangent
    for got, wanted in zip((value, *back(cotangent)), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_gradients_of_members_side_by_side(shape):
    rng = np.random.default_rng(0)
    samples, reads, features = shape
    rows, cotangents = rng.normal(size=(samples, reads)), rng.normal(size=(3, samples, features))
    gradients = jax.jit(jax.vmap(weight_gradient, in_axes=(None, 0)))(rows, cotangents)
    np.testing.assert_allclose(gradients, np.einsum("sr,msf->mrf", rows, cotangents), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_members_with_rows_and_weights_of_their_own(shape):
    """Values and both gradients, against those that JAX derives from the plain product."""
    rng = np.random.default_rng(0)
    samples, reads, features = shape
    rows, weights = rng.normal(size=(3, samples, reads)), rng.normal(size=(3, reads, features))
    cotangents = rng.normal(size=(3, samples, features))
    value, back = jax.vjp(jax.vmap(product, in_axes=(0, 0)), rows, weights)
    expected, expected_back = jax.vjp(jax.vmap(jnp.matmul, in_axes=(0, 0)), rows, weights)
    for got, wanted in zip((value, *back(cotangents)), (expected, *expected_back(cotangents)), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


def lowered(platform, shape):
    samples, reads, features = shape
    traced = jax.jit(weight_gradient).trace(np.ones((samples, reads)), np.ones((samples, features)))
    return traced.lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_cpu_turns_the_smaller_side(shape):
    """Nothing larger than what the shape asks for is transposed."""
    samples, reads, _ = shape
    assert (f"tensor<{reads}x{samples}xf64>" in lowered("cpu", shape)) == (samples == 4)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_other_devices_get_the_plain_product(shape):
    assert "optimization_barrier" in lowered("cpu", shape)
    assert "optimization_barrier" not in lowered("cuda", shape)
    assert lowered("cuda", shape).count("stablehlo.transpose") == 1
