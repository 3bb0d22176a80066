"""SO(3), all rotations of space: a group that cannot be enumerated.

Where a finite group is summed over its elements, SO(3) is integrated over its Haar measure: by quadrature
(`eqntk_cli.groups.quadrature`) or by the random rotations drawn here. A unit quaternion with independent
normal components, normalised, is Haar distributed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.base import Group
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.groups.quadrature import Quadrature, gauss_quadrature


@dataclass(frozen=True)
class SO3(Group):
    """The rotation group of space.

    Examples:
        >>> from eqntk_cli.domains.sphere import Sphere
        >>> group = SO3()
        >>> group.require_action(Sphere(bandlimit=4, channels=1))  # an error if the group had nothing to do there
        >>> [rule.nodes for _, rule in zip(range(3), group.rules(2))]
        [18, 75, 196]
    """

    finite: ClassVar[bool] = False

    name: str = "so3"

    @property
    def dimension(self) -> int:
        """Three."""
        return 3

    def listed(self) -> FiniteGroup:
        """There is no list.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            "group=so3 has no finite orbit; use model.augmentation=haar (sampled rotations), or a finite subgroup: "
            "octahedral | icosahedral | cn."
        )

    def representatives(self, count: int, seed: int) -> FiniteGroup:
        """The identity and `count` - 1 rotations drawn from the Haar measure, as a list of elements (not a group)."""
        drawn = self.random_elements(max(count - 1, 1), seed)[: count - 1]
        names = ("e", *(f"R{index}" for index in range(1, count)))
        return FiniteGroup("haar", names, np.concatenate([np.eye(3)[None], drawn]))

    def random_elements(self, count: int, seed: int) -> Float[np.ndarray, "count 3 3"]:
        """Independent random rotation matrices, uniform over SO(3)."""
        import jax  # groups are named before anything is computed; this and scipy's part are slow to import
        from scipy.spatial.transform import Rotation

        quaternions = np.asarray(jax.random.normal(jax.random.key(seed), (count, 4), dtype=float), np.float64)
        return Rotation.from_quat(quaternions, scalar_first=True).as_matrix()

    def rules(self, degree: int) -> Iterator[Quadrature]:
        """Product rules of rising even degree."""
        degree += degree % 2
        while True:
            yield gauss_quadrature(degree)
            degree += 2
