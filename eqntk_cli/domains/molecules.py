"""Molecules: sets of atoms, each with a signal on the sphere, padded to one number of atoms and masked.

A rotation of the molecule rotates every atom's signal; padding atoms have mask 0 and contribute nothing anywhere.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.sphere import Sphere


class AtomSignals(NamedTuple):
    """A batch of molecules, numpy or jax; `mask` is 1 where there is an atom and 0 where there is none.

    Examples:
        >>> import numpy as np
        >>> water = AtomSignals(np.ones((1, 4, 16, 2)), np.array([[1.0, 1.0, 1.0, 0.0]]))
        >>> int(water.mask.sum())  # three atoms, and one that fills up
        3
    """

    signals: Float[Any, "molecule atom coefficient channel"]
    mask: Float[Any, "molecule atom"]


@dataclass(frozen=True)
class Molecules:
    """Molecules of at most `atoms` atoms with signals on `sphere`.

    Examples:
        >>> domain = Molecules(Sphere(bandlimit=4, channels=2), atoms=5)
        >>> domain.shape, domain.features
        ((5, 16, 2), 32)
    """

    sphere: Sphere
    atoms: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(atom, coefficient, channel)."""
        return (self.atoms, *self.sphere.shape)

    @property
    def dimension(self) -> int:
        """Of space."""
        return 3

    @property
    def features(self) -> int:
        """The number of coefficients of one atom, all channels."""
        return self.sphere.features

    def obstacle(self, matrices: Float[np.ndarray, "element 3 3"]) -> None:  # noqa: ARG002 (of the protocol)
        """Every rotation of space moves molecules."""
        return

    def move(self, matrices: Float[np.ndarray, "element 3 3"], x: AtomSignals) -> AtomSignals:
        """rho(R) x for each rotation: leaves (molecule, element, atom, ...)."""
        turned = jnp.moveaxis(self.sphere.move(matrices, x.signals), 2, 1)
        mask = jnp.broadcast_to(jnp.asarray(x.mask)[:, None], turned.shape[:3])
        return AtomSignals(turned, mask)

    def sites(self, x: AtomSignals) -> Float[Array, "molecule_atom coefficient channel"]:
        """All atoms of all molecules as samples of their own."""
        return self.sphere.sites(x.signals.reshape(-1, *x.signals.shape[2:]))
