"""Train the members of one program together and read their predictions along the way.

The members are one vmapped program, sharded over the devices along the member axis: on a CPU they share the
matrix products' threads, on several GPUs each device has its share of the members. Training data are the same
for all members and are never copied per member. Predictions are made in chunks of samples, so that memory
does not grow with the number of evaluation points.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key

from eqntk_cli.domains.samples import Samples, count, take
from eqntk_cli.errors import NumericalError
from eqntk_cli.layers.network import Network, Params
from eqntk_cli.training.layout import Layout, over_members, padded_to_devices
from eqntk_cli.training.objective import Objective
from eqntk_cli.training.schedule import Batches
from eqntk_cli.training.steps import Steps, by_original

DIVERGED = 1e3  # the training loss has grown by this factor: gradient descent left the stable range


@dataclass(frozen=True, eq=False)
class EnsembleTrainer:
    """The training of every member of an ensemble.

    `train_x` holds the copies of each original one after another (`copies` per original; 1 without
    augmentation), `train_y` likewise. `evaluation_x` are the points at which predictions are read; `trained` says
    where among them the training copies stand (None: they are not all there).
    """

    network: Network
    objective: Objective
    optimizer: optax.GradientTransformation
    batches: Batches
    layout: Layout
    record_steps: tuple[int, ...]
    train_x: Samples
    train_y: Float[Array, "sample output"]
    evaluation_x: Samples
    trained: Int[np.ndarray, " sample"] | None = None
    copies: int = 1
    advice: str = ""  # what to tell a user whose training diverges

    def run(
        self,
        keys: Key[Array, " member"],
        on_progress: Callable[[float], None],
        signs: Float[Array, " member"] | None = None,
    ) -> tuple[Float[np.ndarray, "member step sample output"], Params]:
        """Train the members with these keys; their predictions at the recorded steps, and their final parameters.

        `signs` multiply the read-out at the start, weights and bias: -1 for the second of a pair of antithetic members.

        Raises:
            NumericalError: if the training loss stops being finite or grows without bound.
        """
        members, last = len(keys), self.record_steps[-1]
        signs = jnp.ones(members) if signs is None else signs
        params = self._initial(*(over_members(padded_to_devices(values)) for values in (keys, signs)))
        state = jax.vmap(self.optimizer.init)(params)
        outputs = self._outputs(params)
        start = outputs if self.objective.centred else jax.tree.map(lambda f: jnp.zeros_like(f[..., :1]), outputs)
        initial = jax.vmap(partial(by_original, copies=self.copies))(start[1])
        predictions, first_loss = self._read(outputs, start)
        recorded = [np.asarray(predictions)[:members]]
        self._check(0, first_loss, first_loss)
        for before, step in pairwise(self.record_steps):
            for done in range(before, step, self.layout.steps):
                stop = min(done + self.layout.steps, step)
                params, state = self._steps(params, state, initial, done, stop)
                jax.block_until_ready(params)
                on_progress(stop / last)
            predictions, loss = self._read(self._outputs(params), start)
            recorded.append(np.asarray(predictions)[:members])
            self._check(step, first_loss, loss)
        on_progress(1.0)
        return np.stack(recorded, axis=1), params

    @cached_property
    def _initial(self) -> Callable[[Array, Array], Params]:
        return jax.jit(jax.vmap(self._drawn))

    def _drawn(self, key: Array, sign: Float[Array, ""]) -> Params:
        return self.network.signed(self.network.init(key, take(self.train_x, slice(0, 1))), sign)

    @cached_property
    def _steps(self) -> Steps:
        x, y = by_original(self.train_x, self.copies), by_original(self.train_y, self.copies)
        return Steps(self.network, self.objective, self.optimizer, self.batches, self.layout, x, y)

    def _outputs(self, params: Params) -> tuple[Array, Array]:
        """The networks' outputs at the evaluation points and at the training copies."""
        evaluation = self._apply(params, self._evaluation)[:, : count(self.evaluation_x)]
        if self.trained is not None:
            return evaluation, evaluation[:, self.trained]
        return evaluation, self._apply(params, self._training)[:, : count(self.train_x)]

    @cached_property
    def _apply(self) -> Callable[[Params, Samples], Array]:
        return jax.jit(jax.vmap(self._member_outputs, in_axes=(0, None)))

    def _member_outputs(self, params: Params, chunks: Samples) -> Float[Array, "sample output"]:
        outputs = jax.lax.map(partial(self.network.apply, params), chunks)
        return outputs.reshape(-1, outputs.shape[-1])

    @cached_property
    def _evaluation(self) -> Samples:
        return self._chunks(self.evaluation_x)

    @cached_property
    def _training(self) -> Samples:
        return self._chunks(self.train_x)

    def _chunks(self, x: Samples) -> Samples:
        """(chunk, sample, ...), as many samples in each as in a micro-batch, the last one filled up with zeros."""
        size = min(self.layout.originals * self.copies, count(x))
        padded = jax.tree.map(lambda leaf: jnp.pad(leaf, [(0, -count(x) % size), *[(0, 0)] * (leaf.ndim - 1)]), x)
        return jax.tree.map(lambda leaf: leaf.reshape(-1, size, *leaf.shape[1:]), padded)

    def _read(self, outputs: tuple[Array, Array], start: tuple[Array, Array]) -> tuple[Array, float]:
        """The predictions at the evaluation points, and the mean training loss of the members."""
        predictions, trained = self._predictions(outputs, start)
        return predictions, float(self._losses(trained, self.train_y).mean())

    @cached_property
    def _predictions(self) -> Callable[..., Any]:
        return jax.jit(lambda outputs, start: jax.tree.map(self.objective.prediction, outputs, start))

    @cached_property
    def _losses(self) -> Callable[..., Any]:
        return jax.jit(jax.vmap(self.objective, in_axes=(0, None)))

    def _check(self, step: int, first: float, now: float) -> None:
        if not np.isfinite(now) or now > DIVERGED * max(first, 1e-12):
            raise NumericalError(
                f"training diverged: the loss went from {first:.3g} to {now:.3g} at step {step}; {self.advice}"
            )
