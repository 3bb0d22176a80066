"""Average pooling inside planar networks: the kernel written out naively, memory, notes and refusals."""

import jax
import numpy as np
import pytest

from eqntk_cli.architectures.registry import pair_kernel, plain_kernel
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.errors import ConfigError
from tests.cases import ARCHITECTURES, BIASES, GAINS, image_grid, planar_group
from tests.models.settings import bundle, config, model_of
from tests.models.test_theorem import ignore

POOLED = ArchitectureConfig(name="cnn", W_std=GAINS, b_std=BIASES, padding="same", average_pool=2)


def relu(k, first, second):
    """E[s s'] and E[s' s'] at every pair of positions from the covariance and both variances."""
    root = np.sqrt(np.einsum("yxyx->yx", first)[:, :, None, None] * np.einsum("yxyx->yx", second)[None, None])
    cosine = np.clip(k / root, -1, 1)
    angle = np.arccos(cosine)
    return root / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * cosine), (np.pi - angle) / (2 * np.pi)


def convolved(values, gain, bias):
    """W^2 mean over the 3x3 taps, both positions moved alike, zero outside, + b^2."""
    padded = np.pad(values, 1)
    side = values.shape[0]
    taps = [padded[y : y + side, x : x + side, y : y + side, x : x + side] for y in range(3) for x in range(3)]
    return gain**2 * sum(taps) / 9 + bias**2


def pooled(values):
    """Mean over windows of 2 x 2 at both positions; what is left over at the end is dropped."""
    half = values.shape[0] // 2
    whole = values[: 2 * half, : 2 * half, : 2 * half, : 2 * half]
    return whole.reshape((half, 2) * 4).mean(axis=(1, 3, 5, 7))


def pooled_alike(values):
    """Wrong on purpose: the same place of the window at both positions."""
    places = [(y, x) for y in range(2) for x in range(2)]
    return sum(values[y::2, x::2, y::2, x::2] for y, x in places) / 4


def naive_kernel(f, g, pool=pooled):
    """NNGP and NTK of POOLED between two images, arrays over (row, column, row', column')."""
    sides = {"fg": (f, g), "ff": (f, f), "gg": (g, g)}
    k = {name: np.einsum("yxc,vuc->yxvu", *pair) / f.shape[-1] for name, pair in sides.items()}
    t = None
    for gain, bias in zip(GAINS[:2], BIASES[:2], strict=True):
        t = convolved(t, gain, 0) if t is not None else 0
        k = {name: convolved(values, gain, bias) for name, values in k.items()}
        t = t + k["fg"]
        duals = {name: relu(values, k[2 * name[0]], k[2 * name[1]]) for name, values in k.items()}
        t = pool(t * duals["fg"][1])
        k = {name: pool(dual[0]) for name, dual in duals.items()}
    nngp = GAINS[2] ** 2 * k["fg"].mean() + BIASES[2] ** 2
    return nngp, nngp + GAINS[2] ** 2 * t.mean()


@pytest.mark.parametrize(("side", "group"), [(4, "c4"), (5, "c1")])
def test_the_kernel_is_that_of_a_naive_recursion(side, group):
    """Divisible sides under c4 as a mean over turned images; on 5 x 5 the last row and column are dropped."""
    f, g = np.random.default_rng(0).normal(size=(2, side, side, 2))
    turned = [np.rot90(g, turns) for turns in range(4 if group == "c4" else 1)]
    expected = np.mean([naive_kernel(f, copy) for copy in turned], axis=0)
    kernel = pair_kernel(POOLED, planar_group(group), PixelGrid(side, side, 2))
    assert (kernel.route, kernel.collapses) == ("collapsed", True)
    np.testing.assert_allclose(np.ravel(jax.jit(kernel.block)(f[None], g[None])), expected, rtol=1e-12)


def test_pooling_matters():
    """The judge of the naive recursion: without pooling, and with pooling alike at both positions, it is another."""
    f, g = np.random.default_rng(0).normal(size=(2, 1, 4, 4, 2))
    grid = PixelGrid(4, 4, 2)
    without = plain_kernel(ArchitectureConfig(name="cnn", W_std=GAINS, b_std=BIASES, padding="same"), grid)
    ntk, other = (jax.jit(kernel.block)(f, g).ntk for kernel in (plain_kernel(POOLED, grid), without))
    assert abs(other / ntk - 1).max() > 0.01
    assert abs(naive_kernel(f[0], g[0], pooled_alike)[1] / ntk - 1).max() > 0.01
    np.testing.assert_allclose(naive_kernel(f[0], g[0])[1], np.ravel(ntk)[0], rtol=1e-12)


@pytest.mark.parametrize("pairs", [1, 4])
@pytest.mark.parametrize("route", ["auto", "recursion"])
def test_memory_per_pair_is_what_is_stated(route, pairs):
    """What the compiler sets aside for a tile, within the estimate and not far below it."""
    grid = image_grid("cnn average pool flatten")
    x1, x2 = (np.zeros((count, *grid.shape)) for count in (1, pairs))
    kernel = pair_kernel(ARCHITECTURES["cnn average pool flatten"], planar_group("c4"), grid, route)
    used = jax.jit(kernel.block).lower(x1, x2).compile().memory_analysis().temp_size_in_bytes
    assert 0.4 < used / (pairs * kernel.bytes_per_pair(x1, x2)) < 1


def test_the_notes_say_what_pooling_costs():
    assert "mixes the offsets" in pair_kernel(POOLED, planar_group("c4"), PixelGrid(4, 4, 1)).notes[0]
    assert "not exactly equivariant" in pair_kernel(POOLED, planar_group("c4"), PixelGrid(6, 6, 1)).notes[0]


def test_refuses_what_does_not_fit():
    with pytest.raises(ConfigError, match=r"average_pool=2 .* at most 1, as convolution 2 leaves 1x1 pixels"):
        plain_kernel(POOLED, PixelGrid(2, 2, 1))
    with pytest.raises(ConfigError, match="average_pool=0 is not possible"):
        ArchitectureConfig(name="cnn", average_pool=0)
    skip = ArchitectureConfig(name="cnn", padding="same", skip=True, average_pool=2)
    with pytest.raises(ConfigError, match="architecture.skip=True"):
        plain_kernel(skip, PixelGrid(4, 4, 1))


@pytest.mark.parametrize(("side", "exact"), [(8, True), (6, False)])
def test_members_are_invariant_where_the_windows_fit(side, exact):
    """8 x 8 leaves 2 x 2 to the mean; on 6 x 6 the second map has 3 x 3, of which a row and a column are dropped."""
    keys = {"architecture": {"name": "cnn", "padding": "same", "average_pool": 2}}
    model = model_of(config("gcnn_ensemble", **keys), bundle(side=side))
    model.run_block(0, 2, ignore)
    assert (model.invariance_error() < 1e-12) == exact
    assert len(model.element_names) == (1 if exact else 4)
