"""A finite ensemble: the network, its data and its random streams, ready to train any block of members.

Three models of the program are one class with other ingredients: the group-convolutional ensemble (group
network, original data, evaluated at the samples themselves), the augmented ensemble (plain network, orbit of
the data, evaluated on the whole orbit) and the same without augmentation (the control).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from eqntk_cli.domains.samples import Samples, count, take
from eqntk_cli.errors import ConfigError
from eqntk_cli.layers.network import Params
from eqntk_cli.models.augmentation import Orbit
from eqntk_cli.models.memory import members_that_fit
from eqntk_cli.training.ensemble import EnsembleTrainer

_PROBES = 8  # samples on which the invariance of a trained member is measured


@dataclass(eq=False)
class FiniteEnsemble:
    """An ensemble of finite networks that can be trained in blocks of members.

    `stream` tells the random streams of the models apart; coupled models share one. `evaluation` is the orbit on
    which predictions are read, `invariance` the one under which a member must be invariant (None: it need not).
    """

    trainer: EnsembleTrainer
    samples: Samples
    evaluation: Orbit
    invariance: Orbit | None
    members: int
    seed: int
    stream: int
    step_size: float
    stability_limit: float | None
    notes: tuple[str, ...] = ()
    requested_block: int | None = None
    _last: Params | None = field(default=None, init=False, repr=False)

    @property
    def record_steps(self) -> tuple[int, ...]:
        """Training steps after which predictions are recorded."""
        return self.trainer.record_steps

    @property
    def element_names(self) -> tuple[str, ...]:
        """Names of the elements that move the evaluation points."""
        return self.evaluation.group.elements

    @cached_property
    def block_size(self) -> int:
        """Members trained together: as asked, or as many as fit into memory, spread over the devices."""
        if self.requested_block is not None:
            return min(self.requested_block, self.members)
        return members_that_fit(self.trainer, self.members)

    def run_block(
        self, start: int, stop: int, on_progress: Callable[[float], None]
    ) -> Float[np.ndarray, "member step element sample output"]:
        """Train the members start, ..., stop - 1 and predict.

        Raises:
            NumericalError: the training diverges.
            ConfigError: the block does not fit into memory.
        """
        keys = jnp.stack([member_key(self.seed, self.stream, member) for member in range(start, stop)])
        try:
            flat, self._last = self.trainer.run(keys, on_progress)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            raise ConfigError(
                f"{stop - start} members at once do not fit into memory; lower model.block_size (or model.width)"
            ) from error
        members, steps, _, outputs = flat.shape
        shape = (members, steps, count(self.samples), self.evaluation.copies, outputs)
        return np.ascontiguousarray(flat.reshape(shape).swapaxes(2, 3))

    def invariance_error(self) -> float | None:
        """Largest |f(g x) - f(x)| over some samples and all g, relative to the RMS of f; None if not invariant."""
        if self.invariance is None or self._last is None:
            return None
        one = jax.tree.map(lambda leaf: leaf[0], self._last)
        probes = self.invariance.samples(take(self.samples, slice(-_PROBES, None)))
        output = np.asarray(jax.jit(self.trainer.network.apply)(one, probes), np.float64)
        orbits = output.reshape(-1, self.invariance.copies, output.shape[-1])
        return float(np.abs(orbits - orbits[:, :1]).max() / max(np.sqrt(np.mean(orbits**2)), np.finfo(float).tiny))


def member_key(seed: int, stream: int, member: int) -> jax.Array:
    """The random stream of one member: it depends on the seed, the stream of its model and its index alone."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), stream), member)
