"""Train a block of members together and read their predictions along the way.

The members are one vmapped program, sharded over the devices along the member axis: on a CPU they share the
matrix products' threads, on several GPUs each device has its share of the members. Training data are the same
for all members and are never copied per member. Predictions are made in chunks of samples, so that memory
does not grow with the number of evaluation points.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key

from eqntk_cli.domains.samples import Samples, count, take
from eqntk_cli.errors import NumericalError
from eqntk_cli.layers.network import Network, Params
from eqntk_cli.training.objective import Objective
from eqntk_cli.training.schedule import Batches
from eqntk_cli.training.sharding import over_members, padded_to_devices

DIVERGED = 1e3  # the training loss has grown by this factor: gradient descent left the stable range


@dataclass(frozen=True, eq=False)
class EnsembleTrainer:
    """The training of every member of an ensemble.

    `train_x` holds the copies of each original one after another (`copies` per original; 1 without
    augmentation), `train_y` likewise. `evaluation_x` are the points at which predictions are read.
    """

    network: Network
    objective: Objective
    optimizer: optax.GradientTransformation
    batches: Batches
    record_steps: tuple[int, ...]
    train_x: Samples
    train_y: Float[Array, "sample output"]
    evaluation_x: Samples
    copies: int = 1
    advice: str = ""  # what to tell a user whose training diverges

    def run(
        self, keys: Key[Array, " member"], on_progress: Callable[[float], None]
    ) -> tuple[Float[np.ndarray, "member step sample output"], Params]:
        """Train the members with these keys; their predictions at the recorded steps, and their final parameters.

        Raises:
            NumericalError: if the training loss stops being finite or grows without bound.
        """
        members = len(keys)
        keys = over_members(padded_to_devices(keys))
        params = self._initial(keys)
        state = jax.vmap(self.optimizer.init)(params)
        initial = self._centre(params, self.train_x)
        initial_evaluation = self._centre(params, self.evaluation_x)
        first_loss = self._loss(params, initial)
        recorded = []
        for step in range(self.record_steps[-1] + 1):
            if step > 0:
                params, state = self._step(params, state, initial, step - 1)
            if step in self.record_steps:
                prediction = self._predict(params, self.evaluation_x, initial_evaluation)
                recorded.append(np.asarray(prediction)[:members])
                self._check(step, first_loss, self._loss(params, initial))
                on_progress(step / self.record_steps[-1])
            elif step % 8 == 0:  # wait now and then: progress stays true and few steps are in flight
                jax.block_until_ready(params)
                on_progress(step / self.record_steps[-1])
        return np.stack(recorded, axis=1), params

    @cached_property
    def _initial(self) -> Callable:
        return jax.jit(jax.vmap(partial(self.network.init, x=take(self.train_x, slice(0, 1)))))

    @cached_property
    def _outputs(self) -> Callable:
        return jax.jit(jax.vmap(self.network.apply, in_axes=(0, None)))

    @cached_property
    def _update(self) -> Callable:
        return jax.jit(
            jax.vmap(self._member_update, in_axes=(0, 0, 0, None, None)),
            donate_argnums=(0, 1),
        )

    @cached_property
    def _losses(self) -> Callable:
        return jax.jit(jax.vmap(self._member_loss, in_axes=(0, 0, None, None)))

    def _member_update(self, params: Params, state: Any, initial: Array, x: Samples, y: Array) -> tuple[Params, Any]:
        gradient = jax.grad(self._member_loss)(params, initial, x, y)
        update, state = self.optimizer.update(gradient, state, params)
        return optax.apply_updates(params, update), state

    def _member_loss(self, params: Params, initial: Array, x: Samples, y: Array) -> Array:
        return self.objective(self.objective.prediction(self.network.apply(params, x), initial), y)

    def _step(self, params: Params, state: Any, initial: Array, step: int) -> tuple[Params, Any]:
        originals = self.batches.originals(step)
        if originals is None:
            return self._update(params, state, initial, self.train_x, self.train_y)
        index = (originals[:, None] * self.copies + np.arange(self.copies)).ravel()
        batch = (initial[:, index], take(self.train_x, index), self.train_y[index])
        return self._update(params, state, *batch)

    def _chunked(self, params: Params, x: Samples) -> Array:
        """Network outputs, as many samples at a time as the training set has."""
        size = count(self.train_x)
        parts = [self._outputs(params, take(x, slice(i, i + size))) for i in range(0, count(x), size)]
        return jnp.concatenate(parts, axis=1)

    def _centre(self, params: Params, x: Samples) -> Array:
        """f_0, or zeros of its shape where nothing is subtracted."""
        members = len(jax.tree.leaves(params)[0])
        if self.objective.centred:
            return self._chunked(params, x)
        return jnp.zeros((members, count(x), 1), self.train_y.dtype)

    def _predict(self, params: Params, x: Samples, initial: Array) -> Array:
        return self.objective.prediction(self._chunked(params, x), initial)

    def _loss(self, params: Params, initial: Array) -> float:
        return float(self._losses(params, initial, self.train_x, self.train_y).mean())

    def _check(self, step: int, first: float, now: float) -> None:
        if not np.isfinite(now) or now > DIVERGED * max(first, 1e-12):
            raise NumericalError(
                f"training diverged: the loss went from {first:.3g} to {now:.3g} at step {step}; {self.advice}"
            )
