"""Whether the settings of a run go together: the data, the architecture and the group.

`eqntk_cli.config.checks` knows what involves keys alone; here groups and architectures are asked. It costs nothing, so
it runs before anything is compiled or downloaded. What can only be known from the data themselves (the size of an
image) is checked where they are read.
"""

from eqntk_cli.architectures.registry import get_architecture
from eqntk_cli.config.checks import RULES, is_molecular
from eqntk_cli.config.schema import Config, GroupConfig
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.base import Group
from eqntk_cli.groups.registry import get_group, groups_of


def check(config: Config) -> None:
    """Refuse settings that cannot be run together.

    Raises:
        ConfigError: names the key, its value and what would be legal.
    """
    group = check_network(config)
    for rule in RULES:
        rule(config)
    _copies(config, group)
    _step_group(config)


def check_network(config: Config) -> Group:
    """Refuse a group or an architecture that does not go with the data, or not with its own settings; the group.

    Raises:
        ConfigError: names the key, its value and what would be legal.
    """
    architecture = get_architecture(config.architecture, _dimension(config))
    group = _acting_group(config, config.group, "group", "group.order")
    architecture.refuse_foreign()
    architecture.check(group)
    return group


def _acting_group(config: Config, group: GroupConfig, key: str, order_key: str) -> Group:
    legal = groups_of(_dimension(config))
    if group.name not in legal:
        raise ConfigError(
            f"{key}={group.name} is not possible here; expected {' | '.join(legal)} with "
            f"dataset={config.dataset.name} and architecture={config.architecture.name}."
        )
    return get_group(group, key, order_key)


def _step_group(config: Config) -> None:
    """The group whose orbit sets the step size."""
    name, order = config.training.step_group, config.training.step_group_order
    if name is not None:
        _acting_group(config, GroupConfig(name, order), "training.step_group", "training.step_group_order")
    elif order is not None:
        raise ConfigError(
            f"training.step_group_order={order} is not possible here; expected null with training.step_group=null."
        )


def _dimension(config: Config) -> int:
    """Of the domain of the data: images are moved in the plane, molecules in space."""
    return 3 if is_molecular(config.dataset) else 2


def _copies(config: Config, group: Group) -> None:
    """A finite group has an orbit, a continuous one has samples, and the un-augmented ensemble is a control."""
    model = config.model
    infinite = f"with group={group.name}, which has no finite orbit"
    if not group.finite and model.route == "augmented":
        raise ConfigError(f"model.route={model.route} is not possible here; expected auto {infinite}.")
    if model.name != "augmented_ensemble":
        return
    if not group.finite and model.augmentation == "orbit":
        raise ConfigError(f"model.augmentation=orbit is not possible here; expected haar {infinite}.")
    if group.finite and model.augmentation == "haar":
        raise ConfigError(
            f"model.augmentation=haar is not possible here; expected orbit with the finite group {config.group.name}."
        )
    if model.augmentation == "none" and not (group.finite and group.listed().order == 1):
        control = config.role == "control" and config.control == "no_augmentation"
        if not control:
            raise ConfigError(
                "model.augmentation=none is not possible here; expected orbit, or role=control "
                "control=no_augmentation (or group=c1) for a run without augmentation."
            )
