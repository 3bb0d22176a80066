"""A network on molecules: the sum over atoms of a network on each atom's signal.

f(molecule) = sum_i m_i f_theta(signal of atom i) with one network shared by all atoms (default), or with a separate
f_theta_i per atom index, which is what the published code does and is not invariant under a permutation of atoms.
Padding atoms have m_i = 0.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqntk_cli.domains.molecules import AtomSignals, Molecules
from eqntk_cli.layers.network import Network, Params


class MoleculeNetwork:
    """Sum over atoms; `atom` is the network on the signal of one atom."""

    def __init__(self, domain: Molecules, atom: Network, per_atom: bool) -> None:
        self.domain = domain
        self.atom = atom
        self.per_atom = per_atom
        self.layers = atom.layers

    def init(self, key: Array, x: AtomSignals) -> Params:
        """Parameters from N(0, 1), with a leading axis over atom indices if they are separate."""
        one = jnp.asarray(x.signals)[0, :1]
        if self.per_atom:
            keys = jax.random.split(key, x.signals.shape[1])
            return jax.vmap(self.atom.init, in_axes=(0, None))(keys, one)
        return self.atom.init(key, one)

    def apply(self, params: Params, x: AtomSignals) -> Float[Array, "molecule output"]:
        """The finite network."""
        signals, mask = jnp.asarray(x.signals), jnp.asarray(x.mask)
        if self.per_atom:
            outputs = jax.vmap(self.atom.apply, in_axes=(0, 1), out_axes=1)(params, signals)
        else:
            flat = signals.reshape(-1, *signals.shape[2:])
            outputs = self.atom.apply(params, flat).reshape(*signals.shape[:2], -1)
        return jnp.einsum("ma,mao->mo", mask.astype(outputs.dtype), outputs)

    def kernel(self, state: Any) -> Any:
        """The recursion of the network on one atom."""
        return self.atom.kernel(state)
