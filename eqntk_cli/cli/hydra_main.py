"""Hydra behind Typer: `hydra.main` is called with the arguments that Typer has let through.

Only Hydra's public interface is used. Its environment variable HYDRA_FULL_ERROR makes it raise what goes wrong
rather than print it, so that the command line can say it in one line.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from eqntk_cli.config.compose import one_line, register
from eqntk_cli.config.yaml_files import conf_dir
from eqntk_cli.errors import ConfigError


def compose_for_run(arguments: list[str]) -> tuple[DictConfig, Path] | None:
    """The settings that Hydra composes and the folder that it makes for the run; None where its options only print.

    The run begins when Hydra is through: so it sees the command line as it was typed, and what goes wrong in it is not
    an error of Hydra's.

    Raises:
        ConfigError: what Hydra finds wrong, in one line.
    """
    register()
    kept = _Kept()
    decorated = hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(kept)
    try:
        with _swapped(arguments):
            decorated()
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(one_line(error)) from error
    return kept.composed


class _Kept:
    """What Hydra calls."""

    composed: tuple[DictConfig, Path] | None = None

    def __call__(self, settings: DictConfig) -> None:
        self.composed = settings, Path(HydraConfig.get().runtime.output_dir)


@contextmanager
def _swapped(arguments: list[str]) -> Iterator[None]:
    before, setting = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = ["eqntk train", *arguments], "1"
    try:
        yield
    finally:
        sys.argv = before
        if setting is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = setting
