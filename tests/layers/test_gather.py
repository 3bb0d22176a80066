"""The linear layer in all its forms against the sum over sites and taps written out, values and gradients."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqntk_cli.domains.lattice import Window
from eqntk_cli.domains.support import Support, group_convolution, lifting
from eqntk_cli.layers.gather import Gather, Turned, gathered_product, turned_product
from tests.layers.test_layers import GROUP, LATTICE, LAYERS, ON_BOTH

SAMPLES, FEATURES = 3, 5
CHANNELS = 3


def written_out(table, x, weight):
    """N(o) = sum_{i, j} [table[o, j] = i] F(i) w[j]; -1 reads zero."""
    reads = jnp.asarray(table[:, :, None] == np.arange(x.shape[1]), x.dtype)
    return jnp.einsum("oji,sic,jcf->sof", reads, x, weight.reshape(table.shape[1], x.shape[-1], -1))


def case(name):
    domain, support = LAYERS[name]
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(SAMPLES, int(np.prod(domain.shape[:-1])), CHANNELS)))
    weight = jnp.asarray(rng.normal(size=(support.taps * CHANNELS, FEATURES)))
    return support, x, weight, jnp.asarray(rng.normal(size=(SAMPLES, len(support.table), FEATURES)))


def assert_alike(product, support, x, weight, rows):
    expected = value_and_gradients(partial(written_out, support.table), x, weight, rows)
    for got, wanted in zip(value_and_gradients(product, x, weight, rows), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


@partial(jax.jit, static_argnums=0)
def value_and_gradients(product, x, weight, rows):
    value, back = jax.vjp(product, x, weight)
    return value, *back(rows)


@pytest.mark.parametrize("name", LAYERS)
def test_patches_with_their_transpose_as_a_gather(name):
    support, x, weight, rows = case(name)
    gather = Gather(support.table, x.shape[1])
    assert_alike(partial(gathered_product, gather), support, x, weight, rows)


TURNED = ("lifting", "global lifting", "group convolution", "global group convolution", "flattening group convolution")


@pytest.mark.parametrize("name", TURNED)
def test_weights_turned_by_every_element(name):
    support, x, weight, rows = case(name)
    turned = Turned.of(support.table, support.elements, x.shape[1])
    assert_alike(partial(turned_product, turned), support, x, weight, rows)


@pytest.mark.parametrize("name", TURNED)
def test_members_side_by_side(name):
    """Under vmap over weights and features every member has its own product."""
    support, x, weight, _ = case(name)
    turned = Turned.of(support.table, support.elements, x.shape[1])
    weights = jnp.stack([weight, 2 * weight + 1])
    expected = jax.jit(partial(written_out, support.table))
    for axes in ((None, 0), (0, 0)):
        given = x if axes[0] is None else jnp.stack([x, x[::-1]])
        products = jax.jit(jax.vmap(partial(turned_product, turned), in_axes=axes))(given, weights)
        for member in range(2):
            own = given if axes[0] is None else given[member]
            np.testing.assert_allclose(products[member], expected(own, weights[member]), atol=1e-12)


def test_elements_that_read_other_sites_have_no_turned_form():
    narrow = Window((3, 1), "same")
    for support in (lifting(LATTICE, narrow, GROUP), group_convolution(LATTICE, narrow, GROUP, "full")):
        assert Turned.of(support.table, support.elements, 25) is None
    identity = group_convolution(LATTICE, Window((3, 3), "same"), GROUP, "identity")
    assert Turned.of(identity.table, identity.elements, ON_BOTH.height * 5) is None


@pytest.mark.parametrize("name", ["convolution", "lifting", "group convolution"])
def test_patches_in_two_stages_have_the_same_bits(name):
    _, support = LAYERS[name]
    sites = support.table.max() + 1
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, sites, 16)))
    gather = Gather(support.table, sites)
    assert gather.runs.places.size < support.table.size
    expected = np.concatenate([x, np.zeros((2, 1, 16))], axis=1)[:, support.table]
    np.testing.assert_array_equal(gather.patches(x), expected.reshape(2 * len(support.table), -1))


def test_long_tables_are_one_gather():
    assert Gather(np.arange(2 * 1021).reshape(2, 1021), 2042).runs is None


def test_the_inverse_lists_every_entry_of_the_table_once():
    table = np.array([[0, 2, -1], [2, 2, 0]])
    inverse = Gather(table, 4).inverse
    assert [sorted(row[row < table.size].tolist()) for row in inverse] == [[0, 5], [], [1, 3, 4], []]


@pytest.mark.parametrize(("name", "padded"), [("convolution", True), ("circular convolution", False)])
def test_outputs_get_a_row_of_zeros_only_where_it_is_read(name, padded):
    support, x, weight, rows = case(name)
    program = jax.make_jaxpr(Gather(support.table, x.shape[1]).transposed)(rows, weight)
    assert (" pad[" in str(program)) == padded


def test_the_form_depends_on_shapes_alone():
    table = lifting(LATTICE, Window((3, 3), "same"), GROUP).table
    turned = Turned.of(table, GROUP.order, 25)
    assert turned.smaller(samples=8, features=64)
    assert not turned.smaller(samples=8, features=512)
    assert Turned.of(Support(table).table, 1, 25) is None
