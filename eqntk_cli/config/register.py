"""The types of the settings, made known to Hydra."""

from hydra.core.config_store import ConfigStore

from eqntk_cli.config.schema import Config


def register() -> None:
    """Store the schema under the name with which `conf/config.yaml` begins; again and again does no harm."""
    ConfigStore.instance().store(name="eqntk_schema", node=Config)
