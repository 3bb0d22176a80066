"""Nonlinearities by name: closed forms where the literature has one, quadrature for the rest."""

import difflib

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqntk_cli.errors import ConfigError
from eqntk_cli.recursion.activations.base import Activation
from eqntk_cli.recursion.activations.erf import Erf
from eqntk_cli.recursion.activations.gelu import Gelu
from eqntk_cli.recursion.activations.identity import Identity
from eqntk_cli.recursion.activations.quadrature import Quadrature
from eqntk_cli.recursion.activations.rectifier import Rectifier
from eqntk_cli.recursion.activations.sinusoid import Cosine, Sine


def _tanh_slope(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return 1 - jnp.tanh(x) ** 2


def _sigmoid_slope(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return jax.nn.sigmoid(x) * jax.nn.sigmoid(-x)


def _silu_slope(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return jax.nn.sigmoid(x) * (1 + x * jax.nn.sigmoid(-x))


def _elu_slope(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return jnp.exp(jnp.minimum(x, 0))


_ALL: tuple[Activation, ...] = (
    Rectifier("relu", 0.0),
    Rectifier("leaky_relu", 0.01),
    Rectifier("abs", -1.0),
    Erf(),
    Gelu(),
    Sine(),
    Cosine(),
    Identity(),
    Quadrature("tanh", jnp.tanh, _tanh_slope),
    Quadrature("sigmoid", jax.nn.sigmoid, _sigmoid_slope),
    Quadrature("silu", jax.nn.silu, _silu_slope),
    Quadrature("softplus", jax.nn.softplus, jax.nn.sigmoid),
    Quadrature("elu", jax.nn.elu, _elu_slope),
)

ACTIVATIONS: tuple[str, ...] = tuple(activation.name for activation in _ALL)


def get_activation(name: str) -> Activation:
    """The nonlinearity called `name`.

    Raises:
        ConfigError: no nonlinearity has this name; the message lists those that exist.

    Examples:
        >>> get_activation("abs")(jnp.array([-2.0, 3.0])).tolist()
        [2.0, 3.0]
    """
    for activation in _ALL:
        if activation.name == name:
            return activation
    near = difflib.get_close_matches(str(name), ACTIVATIONS, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise ConfigError(f"architecture.activation={name} is not known; expected {' | '.join(ACTIVATIONS)}.{hint}")
