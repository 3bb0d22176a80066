"""A finite ensemble: the network, its data and its random streams, ready to train any block of members.

Three models of the program are one class with other ingredients: the group-convolutional ensemble (group
network, original data, evaluated at the samples themselves), the augmented ensemble (plain network, orbit of
the data, evaluated on the whole orbit) and the same without augmentation (the control).

Antithetic members 2k and 2k+1 are both drawn from the random stream of member 2k, and the read-out of member 2k+1 is
negated, weights and bias: f_0' = -f_0, under one tangent kernel. The read-out is symmetric, so each has the law of an
ordinary member (and member 2k is the ordinary one); what is odd in f_0 cancels in the mean of the pair.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from eqntk_cli.domains.samples import Samples, count, take
from eqntk_cli.errors import ConfigError, out_of_memory
from eqntk_cli.layers.network import Params
from eqntk_cli.models.augmentation import Orbit
from eqntk_cli.training.ensemble import EnsembleTrainer

_BLOCK = 8  # members that are written together at least: fewer are many small writes, more are lost in a kill
_PROBES = 8  # samples on which the invariance of a trained member is measured


@dataclass(eq=False)
class FiniteEnsemble:
    """An ensemble of finite networks that can be trained in blocks of members.

    `stream` tells the random streams of the models apart; coupled models share one. `evaluation` is the orbit on
    which predictions are read, `invariance` the one under which a member must be invariant (None: it need not).
    A block of antithetic members never splits a pair.
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
    antithetic: bool = False
    _last: Params | None = field(default=None, init=False, repr=False)
    _kept: tuple[int, np.ndarray] | None = field(default=None, init=False, repr=False)  # first member, predictions

    @property
    def record_steps(self) -> tuple[int, ...]:
        """Training steps after which predictions are recorded."""
        return self.trainer.record_steps

    @property
    def element_names(self) -> tuple[str, ...]:
        """Names of the elements that move the evaluation points."""
        return self.evaluation.group.elements

    @property
    def layout(self) -> dict[str, int]:
        """How the work of training is laid out: another layout has the same results up to rounding."""
        return self.trainer.layout.values()

    @property
    def block_size(self) -> int:
        """Members that are kept together: as asked, or whole programs of at least `_BLOCK` members."""
        program = self.trainer.layout.members
        automatic = program * max(1, _BLOCK // program)
        automatic *= 2 if self.antithetic and automatic % 2 else 1
        return min(automatic if self.requested_block is None else self.requested_block, self.members)

    def run_block(
        self, start: int, stop: int, on_progress: Callable[[float], None]
    ) -> Float[np.ndarray, "member step element sample output"]:
        """Train the members start, ..., stop - 1 and predict.

        Raises:
            NumericalError: the training diverges.
            ConfigError: not even one member per device fits into memory.
        """
        while True:
            try:
                flat = self._trained(start, stop, on_progress)
                break
            except jax.errors.JaxRuntimeError as error:
                if not out_of_memory(error):
                    raise
                self._halve(error)
        members, steps, _, outputs = flat.shape
        shape = (members, steps, count(self.samples), self.evaluation.copies, outputs)
        return np.ascontiguousarray(flat.reshape(shape).swapaxes(2, 3))

    def _trained(
        self, start: int, stop: int, on_progress: Callable[[float], None]
    ) -> Float[np.ndarray, "member step sample output"]:
        """The predictions of some members, from all programs that hold one of them."""
        size = self.trainer.layout.members
        programs = range(start // size, math.ceil(stop / size))
        parts = []
        for done, program in enumerate(programs):
            first = program * size
            values = self._program(first, partial(_counted, on_progress, done, len(programs)))
            parts.append(values[max(start - first, 0) : stop - first])
        return np.concatenate(parts)

    def _program(
        self, first: int, on_progress: Callable[[float], None]
    ) -> Float[np.ndarray, "member step sample output"]:
        """The predictions of a whole program from member `first` on; of the last one they are kept."""
        if self._kept is None or self._kept[0] != first:
            members = range(first, first + self.trainer.layout.members)
            keys = jnp.stack([member_key(self.seed, self.stream, self._drawn_as(member)) for member in members])
            signs = jnp.array([1.0 if self._drawn_as(member) == member else -1.0 for member in members])
            values, self._last = self.trainer.run(keys, on_progress, signs)
            self._kept = first, values
        return self._kept[1]

    def _drawn_as(self, member: int) -> int:
        """The member from whose random stream this one is drawn."""
        return member - member % 2 if self.antithetic else member

    def _halve(self, error: Exception) -> None:
        layout = self.trainer.layout.halved(jax.device_count())
        if layout is None:
            raise ConfigError(
                "one member with one original and its orbit does not fit into the memory of a device; lower model.width"
            ) from error
        self.trainer, self._kept = replace(self.trainer, layout=layout), None

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


def _counted(on_progress: Callable[[float], None], done: int, programs: int, share: float) -> None:
    on_progress((done + share) / programs)
