"""The action on pixels against numpy's own rotations, and as a homomorphism."""

import numpy as np
import pytest

from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.errors import ConfigError
from tests.cases import PLANAR_GROUPS, planar_group

IMAGES = np.random.default_rng(0).normal(size=(2, 5, 5, 3))
GRID = PixelGrid(5, 5, 3)


def test_quarter_turn_is_numpys():
    orbit = np.asarray(planar_group("c4").orbit(GRID, IMAGES))
    for power in range(4):
        np.testing.assert_array_equal(orbit[:, power], np.rot90(IMAGES, power, axes=(1, 2)))


def test_mirror_reverses_array_axis_2():
    orbit = np.asarray(planar_group("d1").orbit(GRID, IMAGES))
    np.testing.assert_array_equal(orbit[:, 1], IMAGES[:, :, ::-1])


@pytest.mark.parametrize("name", PLANAR_GROUPS)
def test_action_respects_the_product(name):
    group = planar_group(name)
    once = np.asarray(group.orbit(GRID, IMAGES))
    for h in range(group.order):
        twice = np.asarray(group.orbit(GRID, once[:, h]))
        for g in range(group.order):
            np.testing.assert_array_equal(twice[:, g], once[:, group.product[g, h]])


def test_swapped_axes_need_a_square_image():
    grid = PixelGrid(4, 6, 1)
    image = np.zeros((1, 4, 6, 1))
    assert planar_group("d2").orbit(grid, image).shape == (1, 4, 4, 6, 1)
    with pytest.raises(ConfigError, match="needs square images; these have 4x6"):
        planar_group("c4").orbit(grid, image)
