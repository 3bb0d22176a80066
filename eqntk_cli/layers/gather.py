"""The product of a linear layer, N(o) = sum_j F(table[o, j]) w[j], in two forms that are matrix products.

What an output site reads (-1: zeros) stands in an index table, so patches are a gather of rows. The transpose of that
gather is a gather too: the rows that come from one input site stand in the inverse table, which is made once, and
no scatter-add is left. Two forms of the same sum:

    by sites     the patches of every output site beside each other, times w; patches are (output, tap)
    by elements  the elements r of a group network read the same input sites in another order, N(r, t) =
                 sum_j F(table[e t, slot(r, j)]) w[j]: patches of the identity's outputs alone, times w with its taps
                 turned by every r; patches are (position, tap), and the turned weights (tap, channel, element, feature)

The second writes |G| times fewer patches and |G| times more weights. The form with the smaller sum is taken, which
depends on shapes alone. Weights and their gradient are those of `by sites` in both.

Patches are copied in two stages: first the runs of adjacent taps that output sites have in common (the pixels of a row
of the window), then whole runs into place. That copies few indices and long rows; the bits are those of one gather.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from eqntk_cli.domains.support import Support
from eqntk_cli.layers.product import weight_gradient

_CHANNELS = 16  # from so many on, rows are long enough for two stages
_COPIES = 64  # of two stages at most: each is an instruction of the compiled program


class Runs(NamedTuple):
    """Runs of taps: the sites that each one reads, and the runs that make up the patch of each output site."""

    sites: Int[np.ndarray, "run tap"]
    places: Int[np.ndarray, "output piece"]

    @classmethod
    def of(cls, table: Int[np.ndarray, "output tap"], length: int) -> "Runs":
        """The different runs of so many taps."""
        sites, places = np.unique(table.reshape(-1, length), axis=0, return_inverse=True)
        return cls(sites, places.reshape(len(table), -1))


@dataclass(frozen=True, eq=False)
class Gather:
    """Rows of patches from rows of features, (output, tap) <- site, with the transpose of it as a table."""

    table: Int[np.ndarray, "output tap"]
    sites: int

    @cached_property
    def inverse(self) -> Int[np.ndarray, "site read"]:
        """Which entries output·taps + tap read each site; filled up with an entry of the output after the last."""
        flat = self.table.ravel()
        entries = np.argsort(flat, kind="stable")
        entries = entries[flat[entries] >= 0]
        site = flat[entries]
        counts = np.bincount(site, minlength=self.sites)
        inverse = np.full((self.sites, max(int(counts.max(initial=0)), 1)), flat.size)
        inverse[site, np.arange(len(site)) - (np.cumsum(counts) - counts)[site]] = entries
        return inverse

    def patches(self, x: Float[Array, "sample site channel"]) -> Float[Array, "row read"]:
        """The taps of every output site beside each other, rows (sample, output)."""
        if (self.table < 0).any():
            x = jnp.pad(x, [(0, 0), (0, 1), (0, 0)])  # index -1 reads these zeros
        if self.runs is None or x.shape[-1] < _CHANNELS:
            return x[:, self.table].reshape(x.shape[0] * len(self.table), -1)
        joined = jnp.concatenate([x[:, sites] for sites in self.runs.sites.T], axis=-1)
        stacked = jnp.stack([joined[:, places] for places in self.runs.places.T], axis=2)
        return stacked.reshape(x.shape[0] * len(self.table), -1)

    @cached_property
    def runs(self) -> Runs | None:
        """The runs with the fewest indices; None where they would be too many instructions."""
        taps = self.table.shape[1]
        lengths = [length for length in range(1, _COPIES) if taps % length == 0]
        candidates = [Runs.of(self.table, length) for length in lengths if length + taps // length <= _COPIES]
        return min(candidates, key=lambda runs: runs.sites.size + runs.places.size, default=None)

    def transposed(
        self, rows: Float[Array, "sample output feature"], weight: Float[Array, "read feature"]
    ) -> Float[Array, "sample site channel"]:
        """The transpose of x -> patches(x) @ weight; outputs get a row of zeros where entries that fill up read it."""
        samples, taps = rows.shape[0], self.table.shape[1]
        if (self.inverse == self.table.size).any():  # else it would be read by none, and weigh where outputs are few
            rows = jnp.pad(rows, [(0, 0), (0, 1), (0, 0)])
        spread = (rows @ weight.T).reshape(samples, rows.shape[1] * taps, -1)
        total = spread[:, self.inverse[:, 0]]
        for entries in self.inverse[:, 1:].T:
            total = total + spread[:, entries]
        return total


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def gathered_product(
    gather: Gather, x: Float[Array, "sample site channel"], weight: Float[Array, "read feature"]
) -> Float[Array, "sample output feature"]:
    """patches(x) @ weight."""
    return _forward(gather, x, weight)[0]


def _forward(gather: Gather, x: Array, weight: Array) -> tuple[Array, tuple[Array, Array]]:
    patches = gather.patches(x)
    return (patches @ weight).reshape(x.shape[0], len(gather.table), -1), (patches, weight)


def _backward(gather: Gather, kept: tuple[Array, Array], rows: Array) -> tuple[Array, Array]:
    patches, weight = kept
    return gather.transposed(rows, weight), weight_gradient(patches, rows.reshape(-1, rows.shape[-1]))


gathered_product.defvjp(_forward, _backward)


@dataclass(frozen=True, eq=False)
class Turned:
    """The taps of every group element among the sites that the identity reads."""

    gather: Gather  # of the identity's outputs
    slots: Int[np.ndarray, "element tap"]

    @classmethod
    def of(cls, table: Int[np.ndarray, "output tap"], elements: int, sites: int) -> "Turned | None":
        """From the table of all elements; None where an element reads sites that the identity does not."""
        blocks = table.reshape(elements, -1, table.shape[1])
        slots = [_matched(blocks[0], block) for block in blocks]
        if elements == 1 or any(slot is None for slot in slots):
            return None
        return cls(Gather(blocks[0], sites), np.stack([slot for slot in slots if slot is not None]))

    def weights(self, weight: Float[Array, "read feature"]) -> Float[Array, "read turned"]:
        """The weights with their taps turned by every element, columns (element, feature)."""
        return _turned_weights(self, weight)

    def smaller(self, samples: int, features: int) -> bool:
        """Whether this form writes less for so many samples; turned weights are made, and their gradient read.

        With a single position an element saves nothing within a sample, and weights of |G| times their size leave the
        cache, which patches of a few samples do not.
        """
        positions, elements = len(self.gather.table), len(self.slots)
        return positions > 1 and samples * positions * (elements - 1) > 2 * elements * features


def turned_product(
    turned: Turned, x: Float[Array, "sample site channel"], weight: Float[Array, "read feature"]
) -> Float[Array, "sample output feature"]:
    """The same as the product by sites."""
    elements = len(turned.slots)
    rows = gathered_product(turned.gather, x, turned.weights(weight))
    rows = rows.reshape(*rows.shape[:2], elements, -1)
    return rows.swapaxes(1, 2).reshape(rows.shape[0], -1, rows.shape[-1])


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _turned_weights(turned: Turned, weight: Array) -> Array:
    taps, elements = turned.slots.shape[1], len(turned.slots)
    by_tap = weight.reshape(taps, -1, weight.shape[-1])
    blocks = by_tap[np.argsort(turned.slots, axis=1)]  # (element, slot, channel, feature)
    return blocks.transpose(1, 2, 0, 3).reshape(-1, elements * weight.shape[-1])


def _turned_weights_forward(turned: Turned, weight: Array) -> tuple[Array, None]:
    return _turned_weights(turned, weight), None


def _turned_weights_backward(turned: Turned, kept: None, gradient: Array) -> tuple[Array]:
    del kept
    elements, taps = turned.slots.shape
    blocks = gradient.T.reshape(elements, -1, taps, gradient.shape[0] // taps)  # (element, feature, slot, channel)
    total = sum(blocks[element][:, slots] for element, slots in enumerate(turned.slots))
    return (jnp.asarray(total).reshape(blocks.shape[1], -1).T,)


_turned_weights.defvjp(_turned_weights_forward, _turned_weights_backward)


@lru_cache(maxsize=256)
def forms(support: Support, sites: int) -> tuple[Gather, Turned | None]:
    """The tables of a layer on so many input sites, made once."""
    return Gather(support.table, sites), Turned.of(support.table, support.elements, sites)


def _matched(
    first: Int[np.ndarray, "position tap"], other: Int[np.ndarray, "position tap"]
) -> Int[np.ndarray, " tap"] | None:
    """For every column of `other` the column of `first` that is equal to it, each taken once; None without one."""
    places: dict[bytes, list[int]] = {}
    for place, column in enumerate(np.ascontiguousarray(first.T)):
        places.setdefault(column.tobytes(), []).append(place)
    slots = []
    for column in np.ascontiguousarray(other.T):
        free = places.get(column.tobytes())
        if not free:
            return None
        slots.append(free.pop(0))
    return np.array(slots)
