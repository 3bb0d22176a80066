"""Settings from config groups and overrides, without running anything.

`eqntk train` leaves composing to `hydra.main`; the commands that only need the settings come here.
"""

import os

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from eqntk_cli.config.keys import check_overrides
from eqntk_cli.config.schema import Config
from eqntk_cli.config.yaml_files import conf_dir
from eqntk_cli.errors import ConfigError

_NOISE = ("object_type=", "reference_type=", "full_key:", "See http")


def compose(overrides: list[str], config_dir: str | None = None) -> Config:
    """The settings that `conf/config.yaml` and the overrides give, as plain objects.

    `config_dir` is a folder of the user's with further options of the config groups. Single values are in range;
    whether they go together is `eqntk_cli.architectures.checks.check`.

    Raises:
        ConfigError: an unknown key or option, a value of the wrong type or out of range.
    """
    check_overrides(overrides, own_options=config_dir is not None)
    search = [] if config_dir is None else [search_override(config_dir)]
    register()
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(config_dir=str(conf_dir()), version_base="1.3"):
            return to_config(hydra_compose("config", overrides=[*search, *overrides]))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(one_line(error)) from error


def register() -> None:
    """Store the schema under the name with which `conf/config.yaml` begins; again and again does no harm."""
    ConfigStore.instance().store(name="eqntk_schema", node=Config)


def search_override(config_dir: str) -> str:
    """The override that makes Hydra look into a folder of the user's, too.

    Raises:
        ConfigError: there is no such folder.
    """
    if not os.path.isdir(config_dir):
        raise ConfigError(f"--config-dir {config_dir} is no folder; expected one with subfolders such as model/.")
    return f"hydra.searchpath=['file://{os.path.abspath(config_dir)}']"


def to_config(composed: DictConfig | ListConfig) -> Config:
    """Plain objects from what Hydra composed; every `__post_init__` of the schema runs.

    Raises:
        ConfigError: a value is missing or out of range.
    """
    try:
        config = OmegaConf.to_object(composed)
    except MissingMandatoryValue as error:
        raise ConfigError(f"A value is missing: {one_line(error)}.") from error
    if not isinstance(config, Config):
        raise ConfigError("The config does not begin with `eqntk_schema`; start its defaults list with that entry.")
    return config


def one_line(error: BaseException) -> str:
    """What an error of Hydra or OmegaConf says, without its line breaks and its echo of internal types."""
    causes = [error] if error.__cause__ is None else [error, error.__cause__]
    lines = [line.strip() for cause in causes for line in str(cause).splitlines()]
    if lines and lines[0].startswith("Ambiguous value"):
        return f"{lines[0]}: several values are for `eqntk sweep`; a list is written KEY=[1,2]."
    kept = [line for line in lines if line and not line.startswith(_NOISE)]
    return ", ".join(dict.fromkeys(kept))
