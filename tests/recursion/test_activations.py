"""Dual activations against integration in polar coordinates, which is exact across kinks at zero."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqntk_cli.errors import ConfigError
from eqntk_cli.recursion.activations.quadrature import Quadrature, quadrature_error
from eqntk_cli.recursion.activations.registry import ACTIVATIONS, get_activation

CORRELATIONS = (-1.0, -0.999, -0.6, 0.0, 0.3, 0.95, 0.999999, 1.0)
VARIANCES = ((0.7, 0.7), (0.2, 1.3), (2.0, 0.9))
EPS = np.finfo(np.float64).eps
CLOSED = tuple(name for name in ACTIVATIONS if not isinstance(get_activation(name), Quadrature))


def brute_force(function, c, q11, q22):
    """E[function(x) function(y)] with x = sqrt(q11) r cos(phi), y = sqrt(q22) r cos(phi - theta)."""
    theta = np.arccos(c)
    cuts = np.sort(np.mod([np.pi / 2, 1.5 * np.pi, theta + np.pi / 2, theta + 1.5 * np.pi], 2 * np.pi))
    cuts = np.append(cuts, cuts[0] + 2 * np.pi)
    nodes, weights = np.polynomial.legendre.leggauss(70)
    radius, radial = 5 * (nodes + 1), 5 * weights
    width, middle = np.diff(cuts)[:, None] / 2, (cuts[1:] + cuts[:-1])[:, None] / 2
    phi, angular = (middle + width * nodes).ravel(), (width * weights).ravel()
    x = np.sqrt(q11) * radius[:, None] * np.cos(phi)
    y = np.sqrt(q22) * radius[:, None] * np.cos(phi - theta)
    values = np.prod(function(jnp.asarray([x, y])), axis=0)
    return (radial * radius * np.exp(-(radius**2) / 2)) @ values @ angular / (2 * np.pi)


class Compiled(NamedTuple):
    """The expectations of an activation, each as one program."""

    dual: Callable[..., Any]
    diagonal: Callable[..., Any]


@cache
def compiled(name):
    activation = get_activation(name)
    return Compiled(jax.jit(activation.dual), jax.jit(activation.diagonal))


def slope(activation):
    return jax.jit(lambda x: jax.vmap(jax.grad(activation))(x.ravel()).reshape(x.shape))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_dual_is_the_gaussian_expectation(name):
    activation = get_activation(name)
    (dual, diagonal), function, derivative = compiled(name), jax.jit(activation), slope(activation)
    for q11, q22 in VARIANCES:
        accuracy = 3e-13 if name in CLOSED else 3 * max(quadrature_error(activation, q) for q in (q11, q22)) + 3e-13
        scale = diagonal(jnp.asarray(max(q11, q22)))
        for c in CORRELATIONS:
            got = dual(*(jnp.asarray(q) for q in (c * np.sqrt(q11 * q22), q11, q22)))
            # a few roundings of c move the angle, and with it the slope of a kink, by their number over its sine
            sine = max(np.sqrt(1 - c**2), 10 * np.sqrt(EPS))
            slope_accuracy = accuracy + 8 * EPS / sine
            assert abs(got.value - brute_force(function, c, q11, q22)) <= accuracy * scale.value, (c, q11, q22)
            wanted = brute_force(derivative, c, q11, q22)
            assert abs(got.derivative - wanted) <= slope_accuracy * scale.derivative, (c, q11, q22)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_diagonal_is_the_gaussian_expectation(name):
    activation = get_activation(name)
    function, derivative = jax.jit(activation), slope(activation)
    for q in (0.3, 1.0, 2.0):
        got = compiled(name).diagonal(jnp.asarray(q))
        np.testing.assert_allclose(got.value, brute_force(function, 1.0, q, q), rtol=1e-12)
        np.testing.assert_allclose(got.derivative, brute_force(derivative, 1.0, q, q), rtol=1e-12)


@pytest.mark.parametrize("name", CLOSED)
def test_float32_is_within_its_rounding(name):
    rng = np.random.default_rng(0)
    q11, q22 = rng.uniform(0.1, 3, (2, 2000))
    c = np.concatenate([rng.uniform(-1, 1, 1000), 1 - 10 ** rng.uniform(-4, 0, 500), 10 ** rng.uniform(-4, 0, 500) - 1])
    triple = (c * np.sqrt(q11 * q22), q11, q22)
    single = [jnp.asarray(q, jnp.float32) for q in triple]
    double = [jnp.asarray(np.asarray(q, np.float64)) for q in single]
    dual = compiled(name).dual
    for got, wanted in zip(dual(*single), dual(*double), strict=True):
        assert got.dtype == jnp.float32
        # eight roundings of c over the smallest sine, times the jump 2/pi of the slope of |x|
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=8 * np.finfo(np.float32).eps / 0.014 * 2 / np.pi)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("precision", [jnp.float32, jnp.float64])
def test_zero_variance_and_rounding_beyond_one_stay_finite(name, precision):
    activation = get_activation(name)
    q11 = jnp.asarray([0.0, 0.0, 1.0, 1e-30, 0.3], precision)
    q22 = jnp.asarray([0.0, 1.0, 0.0, 1e-30, 0.3], precision)
    q12 = jnp.asarray([0.0, 0.0, 0.0, 1e-30, 0.3 * (1 + 1e-6)], precision)
    dual, diagonal = compiled(name)
    got = dual(q12, q11, q22)
    for expectation in (*got, *diagonal(q11)):
        assert np.isfinite(expectation).all()
    constant = activation(jnp.zeros((), precision)) ** 2
    np.testing.assert_allclose(got.value[0], constant, rtol=1e-6)


def test_dual_broadcasts():
    rng = np.random.default_rng(1)
    q11, q22 = jnp.asarray(rng.uniform(1, 2, (2, 1))), jnp.asarray(rng.uniform(1, 2, (1, 3)))
    q12 = jnp.asarray(rng.uniform(-1, 1, (2, 3)))
    for name in ACTIVATIONS:
        dual = compiled(name).dual
        single = dual(q12[1, 2], q11[1, 0], q22[0, 2])
        np.testing.assert_allclose(np.stack(dual(q12, q11, q22))[:, 1, 2], np.stack(single), rtol=1e-12)


def test_quadrature_states_its_error():
    tanh = get_activation("tanh")
    assert "Hermite" in tanh.notes[0]
    coarse = Quadrature("tanh", tanh.s, tanh.slope, terms=8)
    wanted = brute_force(tanh, 0.95, 1.0, 1.0)
    actual = abs(coarse.dual(jnp.asarray(0.95), jnp.asarray(1.0), jnp.asarray(1.0)).value - wanted) / wanted
    stated = quadrature_error(coarse, 1.0)
    assert actual <= stated < 0.1
    assert quadrature_error(tanh, 1.0) < 1e-3 * stated


def test_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="relu.*Did you mean leaky_relu"):
        get_activation("leaky_reluu")


def test_activations_are_equal_by_value():
    """They are static arguments of compiled functions."""
    assert get_activation("relu") == get_activation("relu")
    assert len({get_activation(name) for name in ACTIVATIONS}) == len(ACTIVATIONS)
