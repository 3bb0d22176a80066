"""All groups by the name that `group=` takes."""

from typing import TYPE_CHECKING

from eqntk_cli.config.schema import GroupConfig
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.groups.planar import cyclic, dihedral
from eqntk_cli.groups.rotations import cyclic_about_z, icosahedral, octahedral

if TYPE_CHECKING:
    from eqntk_cli.groups.so3 import SO3

PLANAR_GROUPS = ("c1", "c2", "c4", "d1", "d2", "d4")
ROTATION_GROUPS = ("so3", "octahedral", "icosahedral", "cn")
GROUPS = PLANAR_GROUPS + ROTATION_GROUPS


def get_group(config: GroupConfig) -> "FiniteGroup | SO3":
    """The group of the settings; groups of the plane act on pixels, the others on the sphere.

    Raises:
        ConfigError: the name is unknown, or `cn` has no order.
    """
    name = config.name
    if name in PLANAR_GROUPS:
        return cyclic(int(name[1:])) if name.startswith("c") else dihedral(int(name[1:]))
    if name == "octahedral":
        return octahedral()
    if name == "icosahedral":
        return icosahedral()
    if name == "cn":
        if config.order is None:
            raise ConfigError("group=cn needs group.order, the number of rotations about z; e.g. group.order=6.")
        return cyclic_about_z(config.order)
    if name == "so3":
        from eqntk_cli.groups.so3 import SO3  # imports jax, which a look at the settings must not

        return SO3()
    raise ConfigError(f"group={name} is not known; expected {' | '.join(GROUPS)}.")
