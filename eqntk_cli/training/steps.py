"""Many steps of training in one compiled program, each in micro-batches whose gradients are added in a fixed order.

The loss is a sum over samples, so its gradient is a sum over micro-batches of whole orbits. Inside one program the
temporaries of a step are allocated once and stay in the cache. How many steps a program makes is an argument of it:
cutting a stretch of steps into pieces changes no bits.
"""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from eqntk_cli.domains.samples import Samples, take
from eqntk_cli.layers.network import Network, Params
from eqntk_cli.training.layout import Layout
from eqntk_cli.training.objective import Objective
from eqntk_cli.training.schedule import Batches


class Pieces(NamedTuple):
    """The micro-batches of some steps: which originals, and which of them only fill up (weight 0)."""

    originals: Int[np.ndarray, "step piece original"]
    weights: Float[np.ndarray, "piece original"]


@dataclass(frozen=True, eq=False)
class Steps:
    """Gradient descent on the copies of originals; samples and targets have the axes (original, copy, ...)."""

    network: Network
    objective: Objective
    optimizer: optax.GradientTransformation
    batches: Batches
    layout: Layout
    train_x: Samples
    train_y: Float[Array, "original copy output"]

    def __call__(self, params: Params, state: Any, initial: Array, start: int, stop: int) -> tuple[Params, Any]:
        """The members' parameters and the optimiser's state after the steps start, ..., stop - 1.

        `initial` is f_0, (member, original, copy, output). Both `params` and `state` are given away.
        """
        pieces = self.pieces(start, stop)
        return self._program(params, state, initial, self.train_x, self.train_y, *pieces, stop - start)

    def pieces(self, start: int, stop: int) -> Pieces:
        """The micro-batches of the steps; as many steps as a program can have, the last one repeated."""
        size = self.batches.batch
        micro = min(self.layout.originals, size)
        padding = -size % micro
        steps = [*range(start, stop), *[stop - 1] * (self.layout.steps - (stop - start))]
        rows = [self.batches.originals(step) for step in (steps[:1] if self.batches.whole else steps)]
        originals = np.pad(np.stack(rows), [(0, 0), (0, padding)]).astype(np.int32)
        weights = np.pad(np.ones(size, self.train_y.dtype), (0, padding))
        return Pieces(originals.reshape(len(rows), -1, micro), weights.reshape(-1, micro))

    @cached_property
    def _program(self) -> Any:
        over_members = jax.vmap(self._member, in_axes=(0, 0, 0, None, None, None, None, None))
        return jax.jit(over_members, donate_argnums=(0, 1))

    def _member(
        self,
        params: Params,
        state: Any,
        initial: Array,
        x: Samples,
        y: Array,
        originals: Array,
        weights: Array,
        steps: int,
    ) -> tuple[Params, Any]:
        step = partial(self._step, initial=initial, x=x, y=y, originals=originals, weights=weights)
        return jax.lax.fori_loop(0, steps, step, (params, state))

    def _step(
        self,
        number: Array,
        carried: tuple[Params, Any],
        *,
        initial: Array,
        x: Samples,
        y: Array,
        originals: Array,
        weights: Array,
    ) -> tuple[Params, Any]:
        params, state = carried
        batch = originals[jnp.minimum(number, len(originals) - 1)]
        gradient = self._gradient(params, initial, x, y, batch, weights)
        update, state = self.optimizer.update(gradient, state, params)
        return optax.apply_updates(params, update), state

    def _gradient(self, params: Params, initial: Array, x: Samples, y: Array, batch: Array, weights: Array) -> Params:
        add = partial(self._add, params, initial, x, y)
        if len(batch) == 1:
            return add(None, (batch[0], weights[0]))[0]
        return jax.lax.scan(add, jax.tree.map(jnp.zeros_like, params), (batch, weights))[0]

    def _add(
        self, params: Params, initial: Array, x: Samples, y: Array, total: Params | None, piece: tuple[Array, Array]
    ) -> tuple[Params, None]:
        originals, weights = piece
        orbits = (take(values, originals) for values in (initial, x, y))
        gradient = jax.grad(self._loss)(params, *(_flat(values) for values in orbits), weights)
        return (gradient if total is None else jax.tree.map(jnp.add, total, gradient)), None

    def _loss(self, params: Params, initial: Array, x: Samples, y: Array, weights: Array) -> Array:
        """The part of the loss that these samples make up, as the optimiser sees it."""
        copies = len(y) // len(weights)
        prediction = self.objective.prediction(self.network.apply(params, x), initial)
        total = (self.objective.parts(prediction, y) * jnp.repeat(weights, copies)).sum()
        return total / (self.batches.batch * copies) / self.objective.output_scale**2


def by_original(x: Samples, copies: int) -> Samples:
    """Copies that stand one after another, as (original, copy, ...)."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, copies, *leaf.shape[1:]), x)


def _flat(x: Samples) -> Samples:
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), x)
