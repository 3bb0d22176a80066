"""What a user would write instead: a step of a dense or convolutional network, one member after another or vmapped."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

IMAGES = {"cnn": 32, "mlp": 64}
COPIES = 4  # under C4
FILTER = 3


class HandWritten:
    """Gradient steps as a user would write them: one jitted step per call, for one member or vmapped over all."""

    def __init__(self, shapes: list[tuple[int, ...]], apply: Callable, x: jax.Array) -> None:
        self.shapes, self.apply, self.x = shapes, apply, x
        self.one, self.every = jax.jit(self._step), jax.jit(jax.vmap(self._step))

    def initial(self, keys: jax.Array) -> list[jax.Array]:
        """Standard normal weights of every member."""
        return [jax.vmap(lambda key, shape=shape: jax.random.normal(key, shape))(keys) for shape in self.shapes]

    def _step(self, params: list[jax.Array]) -> list[jax.Array]:
        gradient = jax.grad(lambda varied: jnp.square(self.apply(varied, self.x)).mean())(params)
        return [weight - 1e-6 * change for weight, change in zip(params, gradient, strict=True)]


def by_hand(kind: str, side: int, width: int, model: str) -> tuple[float, HandWritten]:
    """Operations of a step, and the hand-written step; convolutions over K are convolutions of K x channels."""
    group = model == "gcnn_ensemble"
    samples, elements = (IMAGES[kind], COPIES) if group else (IMAGES[kind] * COPIES, 1)
    channels, sites = width * elements, side**2
    if kind == "mlp":
        shapes = [(sites, channels), (channels, channels), (channels, 1)]
        products = samples * channels * (2 * sites + 3 * channels)  # the gradient of the input is not needed
        return 2.0 * products, HandWritten(shapes, dense, jnp.ones((samples, sites)))
    shapes = [(FILTER, FILTER, 1, channels), (FILTER, FILTER, channels, channels), (channels, 1)]
    products = samples * FILTER**2 * channels * sites * (2 + 3 * channels)
    return 2.0 * products, HandWritten(shapes, convolutional, jnp.ones((samples, side, side, 1)))


def dense(params: list[jax.Array], x: jax.Array) -> jax.Array:
    """Three dense layers."""
    for weight in params[:-1]:
        x = jax.nn.relu(x @ weight / weight.shape[0] ** 0.5)
    return x @ params[-1]


def convolutional(params: list[jax.Array], x: jax.Array) -> jax.Array:
    """Two convolutions, the mean over positions, a dense read-out."""
    for weight in params[:-1]:
        layout = ("NHWC", "HWIO", "NHWC")
        x = jax.lax.conv_general_dilated(x, weight, (1, 1), "SAME", dimension_numbers=layout)
        x = jax.nn.relu(x / (FILTER**2 * weight.shape[2]) ** 0.5)
    return x.mean(axis=(1, 2)) @ params[-1]
