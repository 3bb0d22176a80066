"""What a linear layer reads: one index table for dense layers, convolutions and group convolutions alike.

Features are held as (sample, site, channel). A site of a plain network is a position, of a group network a
pair (group element r, position t) with flat index r·P + t. A linear layer computes at each output site a
weighted sum over its taps, the input sites `table[output, tap]` (-1: outside, read as zero):

    lifting   N(r, t) = sum_y     kappa(y)    f(t + r y)
    group     N(r, t) = sum_{s,y} kappa(s, y) F(r s, t + r y)         s in the group support

so the layers differ in their table only, and the taps are ordered (s, y) with the same y for every model: with
the group support reduced to the identity, plain and group networks have the same parameters.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from eqntk_cli.domains.lattice import Lattice, Window
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.finite import FiniteGroup


@dataclass(frozen=True, eq=False)
class Support:
    """The taps of a linear layer.

    `window` is the spatial window where the layer is a plain convolution; the outputs are those of `elements` group
    elements one after another, 1 in a plain network.
    """

    table: Int[np.ndarray, "output tap"]
    window: Window | None = None
    elements: int = 1

    @property
    def taps(self) -> int:
        """How many input sites each output site reads (outside ones included)."""
        return self.table.shape[1]


def pointwise(sites: int) -> Support:
    """A dense layer at each site by itself."""
    return Support(np.arange(sites)[:, None])


def everywhere(sites: int) -> Support:
    """A dense layer that reads all sites at once."""
    return Support(np.arange(sites)[None, :])


def convolution(lattice: Lattice, window: Window) -> Support:
    """A plain convolution."""
    identity = np.eye(2, dtype=int)[None]
    return Support(lattice.taps(window, identity)[0], window)


def lifting(lattice: Lattice, window: Window, group: FiniteGroup) -> Support:
    """A lifting convolution with a spatial window: image -> (element, position)."""
    taps = lattice.taps(window, group.matrices)
    return Support(taps.reshape(-1, taps.shape[-1]), elements=group.order)


def global_lifting(lattice: Lattice, group: FiniteGroup) -> Support:
    """A lifting convolution with a filter as large as the image: N(r) = sum_x kappa(x) f(r x)."""
    return Support(np.stack([lattice.moved(matrix) for matrix in group.matrices]), elements=group.order)


def group_convolution(lattice: Lattice, window: Window, group: FiniteGroup, support: str) -> Support:
    """A group convolution with a spatial window on all of K (`full`) or on its identity (`identity`)."""
    return _joined(lattice.taps(window, group.matrices), lattice.count, group, support)


def global_group_convolution(lattice: Lattice | None, group: FiniteGroup, support: str) -> Support:
    """A group convolution that reads all positions, N(r) = sum_{s,x} kappa(s, x) F(r s, r x).

    Without a lattice the features live on K alone (one position).

    Raises:
        ConfigError: if the group does not map the lattice onto itself.
    """
    if lattice is None:
        return _joined(np.zeros((group.order, 1, 1), dtype=int), 1, group, support)
    if not lattice.closed_under(group.matrices):
        raise ConfigError(
            f"architecture.readout=flatten needs a feature map that group={group.name} maps onto itself; this window "
            "or stride breaks it. Use architecture.readout=pool, or a stride under which the positions stay centred"
        )
    moved = np.stack([lattice.moved(matrix) for matrix in group.matrices])
    return _joined(moved[:, None, :], lattice.count, group, support)


def _joined(taps: Int[np.ndarray, "element position tap"], positions: int, group: FiniteGroup, support: str) -> Support:
    """The table over sites (r, t) with taps (s, y) from the table of positions."""
    elements = np.arange(group.order) if support == "full" else np.array([0])
    turned = group.product[:, elements]  # r s
    site = turned[:, None, :, None] * positions + taps[:, :, None, :]
    site = np.where(taps[:, :, None, :] >= 0, site, -1)
    return Support(site.reshape(taps.shape[0] * taps.shape[1], -1), elements=group.order)
