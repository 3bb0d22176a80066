"""The kernel of a sum over atoms: T(mol, mol') = sum_{i,j} T(f_i, f'_j) over the atoms that are there.

Molecules are padded to one number of atoms, but no time goes into padding: the atoms of a block are put in a row,
real ones first, and pairs of atoms are taken in square tiles until the real ones are done (a loop with a bound that
depends on the data). With a separate network per atom index only the pairs i = j are left.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqntk_cli.domains.molecules import AtomSignals
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel

_TILE = 32  # atoms on a side


class MoleculeKernel(PairKernel):
    """The kernel on molecules from the kernel on atoms.

    Examples:
        >>> import numpy as np
        >>> from eqntk_cli.architectures.registry import plain_kernel
        >>> from eqntk_cli.config.schema import ArchitectureConfig
        >>> from eqntk_cli.domains.sphere import Sphere
        >>> config = ArchitectureConfig("spherical_mlp", hidden_layers=0, bandlimit=1, W_std=1.0, b_std=0.0)
        >>> kernel = MoleculeKernel(plain_kernel(config, Sphere(1, 1)))
        >>> signals = np.full((2, 2, 1, 1), np.sqrt(4 * np.pi))  # every atom: the constant 1
        >>> molecules = AtomSignals(signals, np.array([[1.0, 1.0], [1.0, 0.0]]))  # of two atoms, and of one
        >>> np.asarray(kernel.block(molecules, molecules).nngp).round(5).tolist()  # a sum over all pairs of atoms
        [[4.0, 2.0], [2.0, 1.0]]
    """

    def __init__(self, atom: PairKernel, per_atom: bool = False) -> None:
        self.atom = atom
        self.per_atom = per_atom
        self.route = atom.route
        self.notes = atom.notes
        self.collapses = atom.collapses

    def block(self, x1: AtomSignals, x2: AtomSignals) -> KernelBlock:
        """NNGP and NTK of all pairs of molecules."""
        if self.per_atom:
            return self._same_index(x1, x2)
        row1, row2 = _AtomRow.of(x1), _AtomRow.of(x2)
        across = -(-row2.count // _TILE)
        zero = jnp.zeros((len(x1.mask) + _TILE, len(x2.mask) + _TILE), row1.signals.dtype)

        def add_tile(index: Array, total: KernelBlock) -> KernelBlock:
            signals1, first1, members1 = row1.tile(index // across)
            signals2, first2, members2 = row2.tile(index % across)
            part = self.atom.block(signals1, signals2)
            sums = (members1 @ new @ members2.T for new in part)
            return KernelBlock(*(_add_at(old, new, first1, first2) for old, new in zip(total, sums, strict=True)))

        tiles = -(-row1.count // _TILE) * across
        total = jax.lax.fori_loop(0, tiles, add_tile, KernelBlock(zero, zero))
        return KernelBlock(*(row2.per_molecule(row1.per_molecule(values).T).T for values in total))

    def bytes_per_pair(self, x1: AtomSignals, x2: AtomSignals) -> int:
        """Little beyond the result: a tile of pairs of atoms has a size of its own."""
        del x2
        return 8 * x1.signals.dtype.itemsize

    def _same_index(self, x1: AtomSignals, x2: AtomSignals) -> KernelBlock:
        atoms = min(x1.mask.shape[1], x2.mask.shape[1])
        zero = jnp.zeros((len(x1.mask), len(x2.mask)), x1.signals.dtype)
        mask1, mask2 = jnp.asarray(x1.mask, zero.dtype), jnp.asarray(x2.mask, zero.dtype)

        def add_atom(total: KernelBlock, atom: Array) -> tuple[KernelBlock, None]:
            part = self.atom.block(jnp.asarray(x1.signals)[:, atom], jnp.asarray(x2.signals)[:, atom])
            both = mask1[:, atom, None] * mask2[None, :, atom]
            return KernelBlock(*(sum_ + both * new for sum_, new in zip(total, part, strict=True))), None

        return jax.lax.scan(add_atom, KernelBlock(zero, zero), jnp.arange(atoms))[0]


def _add_at(
    total: Float[Array, "row column"], block: Float[Array, "slot1 slot2"], row: Array, column: Array
) -> Float[Array, "row column"]:
    old = jax.lax.dynamic_slice(total, (row, column), block.shape)
    return jax.lax.dynamic_update_slice(total, old + block, (row, column))


class _AtomRow:
    """The atoms of a block of molecules in a row, the real ones first.

    `rank` numbers the molecules that have atoms, in order, so that the atoms of a tile belong to ranks that follow
    each other; padding has rank -1.
    """

    def __init__(
        self,
        signals: Float[Array, "slot coefficient channel"],
        rank: Int[Array, " slot"],
        count: Int[Array, ""],
        molecules: tuple[Bool[Array, " molecule"], Int[Array, " molecule"]],
    ) -> None:
        self.signals = signals
        self.rank = rank
        self.count = count
        self._there, self._ranks = molecules

    @classmethod
    def of(cls, x: AtomSignals) -> "_AtomRow":
        """Slots are filled up to whole tiles."""
        molecules, atoms = x.mask.shape
        present = jnp.asarray(x.mask) > 0
        some = present.any(axis=1)
        ranks = jnp.cumsum(some) - 1
        order = jnp.argsort(~present.reshape(-1), stable=True)
        fill = math.ceil(molecules * atoms / _TILE) * _TILE - molecules * atoms
        signals = jnp.asarray(x.signals).reshape(molecules * atoms, *x.signals.shape[2:])[order]
        rank = jnp.where(present.reshape(-1)[order], ranks[order // atoms], -1)
        return cls(
            jnp.pad(signals, [(0, fill), (0, 0), (0, 0)]),
            jnp.pad(rank, (0, fill), constant_values=-1),
            present.sum(),
            (some, ranks),
        )

    def tile(
        self, index: Array
    ) -> tuple[Float[Array, "slot coefficient channel"], Int[Array, ""], Float[Array, "local slot"]]:
        """The signals of one tile, the rank of its first atom, and a 1 where slot belongs to first + local."""
        signals = jax.lax.dynamic_slice_in_dim(self.signals, index * _TILE, _TILE)
        rank = jax.lax.dynamic_slice_in_dim(self.rank, index * _TILE, _TILE)
        members = rank[None, :] == rank[0] + jnp.arange(_TILE)[:, None]
        return signals, rank[0], members.astype(signals.dtype)

    def per_molecule(self, values: Float[Array, "rank other"]) -> Float[Array, "molecule other"]:
        """From ranks back to molecules; one without atoms has zeros."""
        return jnp.where(self._there[:, None], values[self._ranks], 0)
