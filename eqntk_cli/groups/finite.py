"""A finite group as a list of elements with its product and inverse tables.

Everything that the theory needs of a finite group is in two index tables: `product[g, h]` is the index of
g·h and `inverse[g]` that of g^-1. The identity has index 0. `matrices[g]` is the group's defining
representation, with which a domain moves its points: integer 2x2 matrices on (row, column) coordinates for
groups of the plane, real 3x3 rotation matrices on (x, y, z) for groups of the sphere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, Num
from typing_extensions import override

from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.base import Group, Space
from eqntk_cli.groups.quadrature import Quadrature


@dataclass(frozen=True, eq=False)
class FiniteGroup(Group):
    """A group with finitely many elements; index 0 is the identity.

    `name` is its name in `group=`; `elements` are printable names of the elements; `matrices` is the
    defining representation, one matrix per element.

    Examples:
        >>> from eqntk_cli.groups.planar import dihedral
        >>> group = dihedral(4)
        >>> [int(group.product[g, group.inverse[g]]) for g in range(group.order)]
        [0, 0, 0, 0, 0, 0, 0, 0]
        >>> bool((group.product == group.product.T).all())  # turns and mirrors do not commute
        False
    """

    finite: ClassVar[bool] = True

    name: str
    elements: tuple[str, ...]
    matrices: Num[np.ndarray, "element dim dim"]

    @property
    def order(self) -> int:
        """The number of elements |G|."""
        return len(self.elements)

    @property
    def dimension(self) -> int:
        """Of the matrices."""
        return self.matrices.shape[1]

    @property
    def trivial(self) -> "FiniteGroup":
        """The identity alone, in the same representation."""
        return FiniteGroup("c1", ("e",), np.eye(self.dimension)[None])

    @property
    def mean(self) -> Quadrature:
        """The mean over the elements."""
        return Quadrature(self.matrices, np.full(self.order, 1 / self.order))

    def listed(self) -> "FiniteGroup":
        """The group itself."""
        return self

    @override
    def representatives(self, count: int, seed: int) -> "FiniteGroup":
        """The group itself, whatever number would do."""
        return self

    @override
    def random_elements(self, count: int, seed: int) -> Float[np.ndarray, "count dim dim"]:
        """None are drawn.

        Raises:
            ConfigError: always; the whole orbit is at hand.
        """
        raise ConfigError(
            f"model.augmentation=haar samples a continuous group; group={self.name} is finite. Use "
            "model.augmentation=orbit"
        )

    @override
    def rules(self, degree: int) -> Iterator[Quadrature]:
        """The mean over the elements alone."""
        yield self.mean

    def _obstacle(self, space: Space) -> str | None:
        return super()._obstacle(space) or space.obstacle(self.matrices)

    @cached_property
    def product(self) -> Int[np.ndarray, "element element"]:
        """`product[g, h]`: the index of g·h, read off the matrices."""
        products = np.einsum("gij,hjk->ghik", self.matrices, self.matrices)
        distance = np.abs(products[:, :, None] - self.matrices[None, None]).max(axis=(-1, -2))
        table = distance.argmin(axis=-1)
        worst = np.take_along_axis(distance, table[..., None], axis=-1).max()
        assert worst < 1e-9, f"{self.name}: the elements are not closed under the product ({worst:.1e})"
        return table

    @cached_property
    def inverse(self) -> Int[np.ndarray, " element"]:
        """`inverse[g]`: the index of g^-1."""
        return np.argmax(self.product == 0, axis=1)
