"""When predictions are recorded, and which samples each step sees.

The order of mini-batches depends on the seed of the data split alone and is the same for every member and every
model: the theorem holds for any sequence of batches made of whole orbits, so a common order keeps the comparison
exact.
"""

from dataclasses import dataclass
from functools import lru_cache

import jax
import numpy as np
from jaxtyping import Int

from eqntk_cli.config.schema import TrainingConfig, require


def record_steps(training: TrainingConfig, points: int = 12) -> tuple[int, ...]:
    """The steps at which predictions are recorded: those asked for, or 0 and about `points` log-spaced ones.

    Raises:
        ConfigError: if a step asked for is not between 0 and training.steps.

    Examples:
        >>> record_steps(TrainingConfig(steps=100), points=3)
        (0, 1, 10, 100)
        >>> record_steps(TrainingConfig(steps=9, record_steps=[5, 2]))
        (0, 2, 5)
    """
    if training.record_steps is None:
        spaced = np.unique(np.round(np.geomspace(1, training.steps, points)).astype(int))
        return (0, *(int(step) for step in spaced))
    asked = list(training.record_steps)
    legal = bool(asked) and all(isinstance(step, int) and 0 <= step <= training.steps for step in asked)
    require(legal, "training.record_steps", asked, f"whole numbers from 0 to training.steps={training.steps}")
    return tuple(sorted({0, *asked}))


_BATCHES = 30_000  # the stream of mini-batches, apart from those of members and rotations


@dataclass(frozen=True)
class Batches:
    """Full batch (`size` None) or mini-batches of `size` of the `samples` originals, each with its whole orbit.

    Examples:
        >>> batches = Batches(samples=6, size=2, seed=0)
        >>> epoch = np.concatenate([batches.originals(step) for step in range(3)])
        >>> sorted(epoch.tolist())  # every original once
        [0, 1, 2, 3, 4, 5]
    """

    samples: int
    size: int | None
    seed: int

    def __post_init__(self) -> None:
        legal = self.size is None or self.size <= self.samples
        require(legal, "training.batch_size", self.size, f"at most dataset.n_train={self.samples}, or null")

    def originals(self, step: int) -> Int[np.ndarray, " original"]:
        """Which originals step number `step` sees.

        Every epoch is a new permutation; what does not fill a batch is left out of that epoch.
        """
        if self.whole:
            return np.arange(self.samples)
        epoch, position = divmod(step, self.samples // self.batch)
        return self._order(epoch)[position * self.batch : (position + 1) * self.batch]

    @property
    def whole(self) -> bool:
        """Whether every step sees all originals."""
        return self.batch == self.samples

    @property
    def batch(self) -> int:
        """Originals per step."""
        return self.samples if self.size is None else self.size

    @lru_cache(maxsize=2)  # noqa: B019 - one object per run
    def _order(self, epoch: int) -> Int[np.ndarray, " original"]:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(self.seed), _BATCHES), epoch)
        return np.asarray(jax.random.permutation(key, self.samples))
