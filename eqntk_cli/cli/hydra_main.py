"""Hydra behind Typer: `hydra.main` is called with the arguments that Typer has let through.

Only Hydra's public interface is used. Its environment variable HYDRA_FULL_ERROR makes it raise what goes wrong
rather than print it, so that the command line can say it in one line.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import hydra
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from eqntk_cli.config.compose import one_line, register
from eqntk_cli.config.folders import conf_dir
from eqntk_cli.errors import ConfigError


def run_hydra(arguments: list[str], task: Callable[..., Any]) -> None:
    """Let Hydra compose the settings and call `task` with them, or print what its own options ask for.

    Raises:
        ConfigError: what Hydra finds wrong, in one line.
    """
    register()
    decorated = hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(task)
    try:
        with _swapped(arguments):
            decorated()
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(one_line(error)) from error


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
