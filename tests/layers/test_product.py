"""The product of rows with weights and both orders of its gradient, alone and for members side by side."""

import jax
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
def test_the_smaller_side_is_turned(shape):
    """Nothing larger than what the shape asks for is transposed."""
    samples, reads, features = shape
    turns = str(jax.make_jaxpr(weight_gradient)(np.ones((samples, reads)), np.ones((samples, features))))
    assert (f"[{reads},{samples}]" in turns) == (samples == 4)
