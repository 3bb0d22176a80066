"""All groups by the name that `group=` takes."""

from collections.abc import Callable

from eqntk_cli.config.schema import GroupConfig
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.base import Group
from eqntk_cli.groups.planar import cyclic, dihedral
from eqntk_cli.groups.rotations import cyclic_about_z, icosahedral, octahedral
from eqntk_cli.groups.so3 import SO3

_BY_NAME: dict[str, Callable[[], Group]] = {
    "c1": lambda: cyclic(1),
    "c2": lambda: cyclic(2),
    "c4": lambda: cyclic(4),
    "d1": lambda: dihedral(1),
    "d2": lambda: dihedral(2),
    "d4": lambda: dihedral(4),
    "so3": SO3,
    "octahedral": octahedral,
    "icosahedral": icosahedral,
}
_BY_ORDER: dict[str, Callable[[int], Group]] = {"cn": cyclic_about_z}  # these take group.order

GROUPS = (*_BY_NAME, *_BY_ORDER)


def get_group(config: GroupConfig, key: str = "group", order_key: str = "group.order") -> Group:
    """The group of the settings; the keys are where its name and its order stand.

    Raises:
        ConfigError: the name is unknown, or the order is missing, impossible or not a setting of this group.

    Examples:
        >>> from eqntk_cli.config.schema import GroupConfig
        >>> get_group(GroupConfig("cn", order=5)).order, get_group(GroupConfig("d4")).order
        (5, 8)
    """
    if config.name not in GROUPS:
        raise ConfigError(f"{key}={config.name} is not known; expected {' | '.join(GROUPS)}.")
    order = config.order
    if config.name in _BY_ORDER:
        if order is None or order < 1:
            raise ConfigError(
                f"{order_key}={'null' if order is None else order} is not possible; expected a number of rotations of "
                f"at least 1 with {key}={config.name}."
            )
        return _BY_ORDER[config.name](order)
    if order is not None:
        raise ConfigError(
            f"{order_key}={order} is not possible here; expected null with {key}={config.name}; only "
            f"{' | '.join(_BY_ORDER)} has an order."
        )
    return _BY_NAME[config.name]()


def groups_of(dimension: int) -> tuple[str, ...]:
    """The names of the groups that act on the plane (2) or on space (3).

    Examples:
        >>> groups_of(2)
        ('c1', 'c2', 'c4', 'd1', 'd2', 'd4')
    """
    groups = [*(build() for build in _BY_NAME.values()), *(build(2) for build in _BY_ORDER.values())]
    return tuple(name for name, group in zip(GROUPS, groups, strict=True) if group.dimension == dimension)
