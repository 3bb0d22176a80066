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

    Examples:
        >>> two_neighbours = Support(np.array([[-1, 0], [0, 1], [1, 2]]))  # of three sites, the first has no left one
        >>> two_neighbours.taps
        2
    """

    table: Int[np.ndarray, "output tap"]
    window: Window | None = None
    elements: int = 1

    @property
    def taps(self) -> int:
        """How many input sites each output site reads (outside ones included)."""
        return self.table.shape[1]


def pointwise(sites: int) -> Support:
    """A dense layer at each site by itself.

    Examples:
        >>> pointwise(3).table.tolist()
        [[0], [1], [2]]
    """
    return Support(np.arange(sites)[:, None])


def everywhere(sites: int) -> Support:
    """A dense layer that reads all sites at once.

    Examples:
        >>> everywhere(3).table.tolist()
        [[0, 1, 2]]
    """
    return Support(np.arange(sites)[None, :])


def convolution(lattice: Lattice, window: Window) -> Support:
    """A plain convolution.

    Examples:
        >>> convolution(Lattice.of_image(1, 3), Window((1, 3), "same")).table.tolist()
        [[-1, 0, 1], [0, 1, 2], [1, 2, -1]]
    """
    identity = np.eye(2, dtype=int)[None]
    return Support(lattice.taps(window, identity)[0], window)


def lifting(lattice: Lattice, window: Window, group: FiniteGroup) -> Support:
    """A lifting convolution with a spatial window: image -> (element, position).

    Examples:
        >>> from eqntk_cli.groups.planar import cyclic
        >>> lifting(Lattice.of_image(1, 2), Window((1, 2), "valid"), cyclic(2)).table.tolist()  # as it is, half a turn
        [[0, 1], [1, 0]]
    """
    taps = lattice.taps(window, group.matrices)
    return Support(taps.reshape(-1, taps.shape[-1]), elements=group.order)


def global_lifting(lattice: Lattice, group: FiniteGroup) -> Support:
    """A lifting convolution with a filter as large as the image: N(r) = sum_x kappa(x) f(r x).

    Examples:
        >>> from eqntk_cli.groups.planar import dihedral
        >>> global_lifting(Lattice.of_image(2, 2), dihedral(1)).table.tolist()  # as it is, mirrored
        [[0, 1, 2, 3], [1, 0, 3, 2]]
    """
    return Support(np.stack([lattice.moved(matrix) for matrix in group.matrices]), elements=group.order)


def group_convolution(lattice: Lattice, window: Window, group: FiniteGroup, support: str) -> Support:
    """A group convolution with a spatial window on all of K (`full`) or on its identity (`identity`).

    Examples:
        >>> from eqntk_cli.groups.planar import cyclic
        >>> lattice, window = Lattice.of_image(3, 3), Window((3, 3), "valid")
        >>> [group_convolution(lattice, window, cyclic(4), support).taps for support in ("full", "identity")]
        [36, 9]
    """
    return _joined(lattice.taps(window, group.matrices), lattice.count, group, support)


def global_group_convolution(lattice: Lattice | None, group: FiniteGroup, support: str) -> Support:
    """A group convolution that reads all positions, N(r) = sum_{s,x} kappa(s, x) F(r s, r x).

    Without a lattice the features live on K alone (one position).

    Raises:
        ConfigError: if the group does not map the lattice onto itself.

    Examples:
        >>> from eqntk_cli.groups.planar import cyclic
        >>> global_group_convolution(None, cyclic(2), "full").table.tolist()  # the product table
        [[0, 1], [1, 0]]
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
