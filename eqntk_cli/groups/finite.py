"""A finite group as a list of elements with its product and inverse tables.

Everything that the theory needs of a finite group is in two index tables: `product[g, h]` is the index of
g·h and `inverse[g]` that of g^-1. The identity has index 0. `matrices[g]` is the group's defining
representation, with which a domain moves its points: integer 2x2 matrices on (row, column) coordinates for
groups of the plane, real 3x3 rotation matrices on (x, y, z) for groups of the sphere.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int, Num


@dataclass(frozen=True, eq=False)
class FiniteGroup:
    """A group with finitely many elements; index 0 is the identity.

    `name` is its name in `group=`; `elements` are printable names of the elements; `matrices` is the
    defining representation, one matrix per element.
    """

    name: str
    elements: tuple[str, ...]
    matrices: Num[np.ndarray, "element dim dim"]

    @property
    def order(self) -> int:
        """The number of elements |G|."""
        return len(self.elements)

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
