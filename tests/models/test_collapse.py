"""The collapse onto the relative group element, against the full recursion over (g, g')."""

from dataclasses import replace
from functools import cache

import jax
import numpy as np
import pytest

from eqntk_cli.architectures.registry import pair_kernel, plain_kernel
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.errors import ConfigError
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel
from tests.cases import ARCHITECTURES, BIASES, GAINS, image_grid, planar_group

GROUP = planar_group("d4")
RNG = np.random.default_rng(0)
GRID = PixelGrid(5, 5, 2)
X1, X2 = RNG.normal(size=(1, 5, 5, 2)), RNG.normal(size=(2, 5, 5, 2))


def images(name: str) -> tuple[PixelGrid, np.ndarray, np.ndarray]:
    """Pixels and random images of the size that a case asks for."""
    grid = image_grid(name)
    x1, x2 = (np.random.default_rng(seed).normal(size=(count, *grid.shape)) for seed, count in ((1, 1), (2, 2)))
    return grid, x1, x2


def values(kernel: PairKernel, x1: np.ndarray, x2: np.ndarray) -> KernelBlock:
    """The kernel, compiled."""
    return KernelBlock(*(np.asarray(part) for part in jax.jit(kernel.block)(x1, x2)))


@cache
def full(name: str, group: str) -> KernelBlock:
    """The full recursion between x1 and x2: compiling is what costs, and several laws are about the same values."""
    kernel = pair_kernel(ARCHITECTURES[name], planar_group(group), image_grid(name), "recursion")
    assert kernel.route == "recursion"
    return values(kernel, *images(name)[1:])


@cache
def collapsed_gram(name: str, group: str) -> KernelBlock:
    """The collapsed kernel of all pairs of x1, x2, and x1 moved by the second and by the last element."""
    grid, x1, x2 = images(name)
    kernel = pair_kernel(ARCHITECTURES[name], planar_group(group), grid, "auto")
    assert kernel.route == "collapsed"
    moved = np.asarray(planar_group(group).orbit(grid, x1)[0, [1, -1]])
    everything = np.concatenate([x1, x2, moved])
    return values(kernel, everything, everything)


@pytest.mark.parametrize("group", [*(pytest.param(group, marks=pytest.mark.slow) for group in ("c4", "d1")), "d4"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_collapsed_equals_full_recursion(name, group):
    for ours, theirs in zip(collapsed_gram(name, group), full(name, group), strict=True):
        np.testing.assert_allclose(ours[:1, 1:3], theirs, rtol=1e-12)


@pytest.mark.parametrize("name", ["mlp", "cnn valid", "cnn flatten", "cnn average pool"])
def test_kernel_does_not_depend_on_the_group_support(name):
    config = ARCHITECTURES[name]
    assert config.group_support == "full"
    identity = pair_kernel(replace(config, group_support="identity"), GROUP, image_grid(name), "recursion")
    np.testing.assert_allclose(values(identity, *images(name)[1:]).ntk, full(name, "d4").ntk, rtol=1e-12)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_group_kernel_is_invariant_symmetric_and_positive(name):
    for square in collapsed_gram(name, "d4"):
        for moved in (square[3], square[4]):
            np.testing.assert_allclose(moved, square[0], rtol=1e-7)
        np.testing.assert_allclose(square, square.T, rtol=1e-8)
        assert np.linalg.eigvalsh(square[:3, :3])[0] > 0


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_plain_kernel_is_unchanged_when_both_images_turn(name):
    grid, x1, x2 = images(name)
    block = jax.jit(plain_kernel(ARCHITECTURES[name], grid).block)
    turned = [planar_group("c4").orbit(grid, x)[:, 1] for x in (x1, x2)]
    np.testing.assert_allclose(block(x1, x2).ntk, block(*turned).ntk, rtol=1e-10)


INEXACT = {
    "a long window": {"filter": [3, 1]},
    "a stride off centre": {"filter": 2, "stride": 2},
    "padding off centre": {"filter": 2, "padding": "same"},
    "pooling that leaves a row over": {"padding": "same", "average_pool": 2},
}


@pytest.mark.parametrize("changes", INEXACT.values(), ids=INEXACT)
def test_where_nothing_collapses_the_full_recursion_is_taken_and_said(changes):
    config = ArchitectureConfig(name="cnn", W_std=GAINS, b_std=BIASES, **changes)
    kernel = pair_kernel(config, planar_group("c4"), GRID, "auto")
    assert kernel.route == "recursion"
    assert kernel.notes[0].startswith("full recursion, since ")
    with pytest.raises(ConfigError, match="route=collapsed does not hold here"):
        pair_kernel(config, planar_group("c4"), GRID, "collapsed")


def test_the_two_supports_differ_where_nothing_collapses():
    """The judge of the judge: here the support must matter."""
    blocks = [
        values(
            pair_kernel(
                ArchitectureConfig(name="cnn", W_std=GAINS, b_std=BIASES, filter=[3, 1], group_support=support),
                planar_group("c4"),
                GRID,
            ),
            X1,
            X2,
        )
        for support in ("full", "identity")
    ]
    assert np.abs(blocks[0].ntk / blocks[1].ntk - 1).max() > 1e-3
