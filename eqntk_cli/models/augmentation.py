"""The group orbit of the data: what the plain networks are trained on, and where they are evaluated.

Copies of one sample stand beside each other: sample i, element g has the index i·copies + g, the identity first.
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from eqntk_cli.domains.base import Domain
from eqntk_cli.domains.samples import Samples, concatenate, count, take
from eqntk_cli.groups.base import Group
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.kernels.gram.sides import samples_digest
from eqntk_cli.targets.representation import INVARIANT, Representation

EVALUATION_ROTATIONS = 8  # of SO(3), the identity included: the orbit on which predictions are read


@dataclass(frozen=True)
class Orbit:
    """Which group elements move each sample.

    `group` is a finite group (its whole orbit), or a set of sampled rotations in the place of SO(3).
    """

    group: FiniteGroup
    domain: Domain
    representation: Representation = INVARIANT  # of the targets

    @property
    def copies(self) -> int:
        """Copies per sample."""
        return self.group.order

    def samples(self, x: Samples) -> Samples:
        """All copies of all samples, (sample·element, ...)."""
        if self.group.order == 1:
            return x
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), self.group.orbit(self.domain, x))

    def identity(self, x: Samples) -> str:
        """What tells `samples(x)` from other copies, on any device: `x` and the group instead of the copies themselves.

        Matrices count to two digits: sampled ones come from a device too, in single precision perhaps, and finer
        digits might be rounded one way here and the other way there.
        """
        matrices = np.round(np.asarray(self.group.matrices, np.float64), 2) + 0.0  # no -0
        return f"copies {samples_digest(x)} {self.group.name} {samples_digest(matrices)}"

    def targets(self, y: Float[Any, "sample output"]) -> Float[Any, "copy output"]:
        """The targets rho_y(g) y of all copies."""
        return self.representation.moved(y, self.group.matrices).reshape(-1, y.shape[1])


@dataclass(frozen=True)
class HaarCopies:
    """Every sample under `copies` rotations of its own, drawn from the Haar measure.

    Each sample has other rotations, so that the sampling error falls with samples times copies.
    """

    group: Group
    domain: Domain
    copies: int
    seed: int
    representation: Representation = INVARIANT  # of the targets

    def samples(self, x: Samples) -> Samples:
        """All copies of all samples, (sample·copy, ...).

        Raises:
            ConfigError: the group is finite; its whole orbit is at hand.
        """
        rotations = self._drawn(count(x))
        moved = [self.domain.move(rotations[i], take(x, slice(i, i + 1))) for i in range(count(x))]
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), concatenate(moved))

    def targets(self, y: Float[Any, "sample output"]) -> Float[Any, "copy output"]:
        """The targets rho_y(R) y of all copies."""
        return self.representation.moved(y, self._drawn(len(y))).reshape(-1, y.shape[1])

    def _drawn(self, samples: int) -> Float[np.ndarray, "sample copy 3 3"]:
        return self.group.random_elements(self.copies * samples, self.seed).reshape(samples, self.copies, 3, 3)
