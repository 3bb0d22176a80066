"""Positions, windows and the index tables, against explicit convolutions."""

import numpy as np
import pytest
from scipy.signal import convolve2d

from eqntk_cli.domains.lattice import Axis, Lattice, Window, window_preserved
from eqntk_cli.domains.support import convolution
from eqntk_cli.errors import ConfigError
from tests.cases import planar_group

WRAPS = {"valid": ("valid", "fill"), "same": ("same", "fill"), "circular": ("same", "wrap")}


@pytest.mark.parametrize("padding", WRAPS)
def test_plain_convolution_is_scipys(padding):
    rng = np.random.default_rng(1)
    image, kernel = rng.normal(size=(6, 7)), rng.normal(size=(3, 3))
    table = convolution(Lattice.of_image(6, 7), Window((3, 3), padding)).table
    ours = np.append(image.ravel(), 0.0)[table] @ kernel.ravel()
    mode, boundary = WRAPS[padding]
    theirs = convolve2d(image, kernel[::-1, ::-1], mode=mode, boundary=boundary)
    np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(2, 1, "valid"), (3, 2, "valid"), (2, 2, "valid"), (3, 1, "same")]
)
def test_positions_stay_centred_where_the_stride_fits(size, stride, padding):
    axis = Axis.centred(7 if size == 3 else 8).windowed(size, padding, stride)[0]
    coordinates = axis.coordinates()
    np.testing.assert_array_equal(coordinates, -coordinates[::-1])


def test_stride_that_does_not_fit_breaks_the_symmetry():
    lattice = Lattice.of_image(8, 8).windowed(Window((3, 3), "valid", 2))[0]
    assert not lattice.closed_under(planar_group("c4").matrices)
    assert lattice.closed_under(planar_group("c1").matrices)


def test_even_circular_window_keeps_the_torus():
    lattice = Lattice.of_image(6, 6).windowed(Window((2, 2), "circular"))[0]
    assert lattice.closed_under(planar_group("d4").matrices)


def test_windows_that_a_group_preserves():
    assert window_preserved(Window((3, 1), "valid"), planar_group("d2").matrices)
    assert not window_preserved(Window((3, 1), "valid"), planar_group("c4").matrices)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (Window((2, 3), "valid"), "turns this convolution window off the pixel grid"),
        (Window((9, 9), "valid"), "does not fit into 8 pixels"),
        (Window((3, 3), "circular", 3), "does not close on 8 pixels"),
    ],
)
def test_impossible_windows_are_refused(window, message):
    with pytest.raises(ConfigError, match=message):
        Lattice.of_image(8, 8).taps(window, planar_group("c4").matrices)
