"""What a group is to the rest of the program: an action, an orbit and a mean.

A finite group lists its elements, a continuous one cannot: it has rules (nodes and weights) for its Haar mean and
random elements for its orbit. Domains, kernels and models ask a group only for what stands here, so that another
group is one file, one line in `eqntk_cli.groups.registry` and one file in conf/group.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from jaxtyping import Float, Num

from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.quadrature import Quadrature

if TYPE_CHECKING:
    from eqntk_cli.groups.finite import FiniteGroup

_SPACES = {2: ("pixels", "the plane"), 3: ("the sphere", "rotations of space")}


class Space(Protocol):
    """What a group needs of the domain on which it acts: the pixels of an image, or signals on the sphere.

    Examples:
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> from eqntk_cli.groups.planar import cyclic
        >>> PixelGrid(4, 4, 1).obstacle(cyclic(4).matrices) is None
        True
        >>> PixelGrid(4, 5, 1).obstacle(cyclic(4).matrices)[:15]  # a quarter turn
        'swaps the axes '
    """

    @property
    def dimension(self) -> int:
        """Of the matrices that move its points: 2 in the plane, 3 in space."""

    def obstacle(self, matrices: Num[np.ndarray, "element dim dim"]) -> str | None:
        """Why these matrices do not map the domain onto itself, and what to do; None where they do."""

    def move(self, matrices: Num[np.ndarray, "element dim dim"], x: Any) -> Any:
        """rho(g) x of every sample for every matrix: (sample, element, ...)."""


class Group(ABC):
    """A compact group with its Haar measure.

    `name` is its name in `group=`; `finite` says whether its elements can be listed; `dimension` is that of its
    matrices: 2 acts on the plane, 3 on space.

    Examples:
        >>> import numpy as np
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> from eqntk_cli.groups.planar import cyclic
        >>> image = np.array([[[[1.0], [2.0]], [[3.0], [4.0]]]])
        >>> cyclic(4).orbit(PixelGrid(2, 2, 1), image)[0, :, :, :, 0].tolist()
        [[[1.0, 2.0], [3.0, 4.0]], [[2.0, 4.0], [1.0, 3.0]], [[4.0, 3.0], [2.0, 1.0]], [[3.0, 1.0], [4.0, 2.0]]]
    """

    name: str
    finite: ClassVar[bool]

    @property
    @abstractmethod
    def dimension(self) -> int:
        """The dimension of the defining representation."""

    @abstractmethod
    def listed(self) -> "FiniteGroup":
        """The group as a list of elements.

        Raises:
            ConfigError: it has infinitely many.
        """

    @abstractmethod
    def representatives(self, count: int, seed: int) -> "FiniteGroup":
        """All elements of a finite group; the identity and `count` - 1 random elements of another."""

    @abstractmethod
    def random_elements(self, count: int, seed: int) -> Float[np.ndarray, "count dim dim"]:
        """Independent elements, uniform over a continuous group.

        Raises:
            ConfigError: the group is finite.
        """

    @abstractmethod
    def rules(self, degree: int) -> Iterator[Quadrature]:
        """Ever finer rules for the mean over the group, the first exact on harmonics of at least this degree.

        A finite group has one, the mean over its elements, exact for any degree.
        """

    def orbit(self, space: Space, x: Any) -> Any:
        """All copies rho(g) x: (sample, element, ...).

        Raises:
            ConfigError: the group does not act on the domain, or its elements cannot be listed.
        """
        self.require_action(space)
        return space.move(self.listed().matrices, x)

    def require_action(self, space: Space) -> None:
        """Refuse a domain on which the group does not act.

        Raises:
            ConfigError: says what is in the way.
        """
        obstacle = self._obstacle(space)
        if obstacle is not None:
            raise ConfigError(f"group={self.name} {obstacle}")

    def _obstacle(self, space: Space) -> str | None:
        if self.dimension == space.dimension:
            return None
        where, groups = _SPACES[space.dimension]
        return f"does not act on {where}; expected a group of {groups}"
