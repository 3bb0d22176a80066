"""Arc cosine and arc sine against numpy in double precision."""

import jax.numpy as jnp
import numpy as np
import pytest

from eqntk_cli.recursion.arc import arccos, arcsin

NEAR_END = 1 - np.logspace(-7, -1, 200)
POINTS = np.concatenate([np.linspace(-1, 1, 20001), NEAR_END, -NEAR_END, np.logspace(-9, -1, 100)])


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize(("function", "exact"), [(arccos, np.arccos), (arcsin, np.arcsin)])
def test_relative_error_is_at_rounding_level(function, exact, precision):
    x = POINTS.astype(precision)
    wanted = exact(x.astype(np.float64))
    got = function(jnp.asarray(x))
    assert got.dtype == precision
    assert np.abs(got[wanted == 0]).max(initial=0) == 0
    error = np.abs(got / np.where(wanted == 0, np.inf, wanted) - (wanted != 0)).max()
    assert error < 8 * np.finfo(precision).eps, error / np.finfo(precision).eps


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_ends_are_exact_and_beyond_them_is_clipped(precision):
    ends = jnp.asarray([1, -1, 1.001, -1.001], precision)
    pi = precision(np.pi)
    np.testing.assert_array_equal(arccos(ends), np.asarray([0, pi, 0, pi], precision))
    np.testing.assert_array_equal(arcsin(ends), np.asarray([pi, -pi, pi, -pi], precision) / 2)
