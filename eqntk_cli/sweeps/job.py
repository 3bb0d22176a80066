"""One job: the function that Hydra calls with composed settings, in this process or on another machine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from eqntk_cli.config.checks import check
from eqntk_cli.config.compose import to_config
from eqntk_cli.config.precision import set_precision
from eqntk_cli.config.schema import Config
from eqntk_cli.errors import UserError


@dataclass(frozen=True)
class Outcome:
    """Where a job ran, and what the user can mend if it did not end well."""

    folder: str
    error: UserError | None = None


def run_job(composed: DictConfig) -> Outcome:
    """Check the settings and run them in the folder that Hydra has made."""
    hydra = HydraConfig.get()
    folder = hydra.runtime.output_dir
    try:
        config = to_config(composed)
        check(config)
        with _command_line(["eqntk", "train", *hydra.overrides.task]):
            execute(config, Path(folder))
    except UserError as error:  # else Hydra would print it with a traceback
        return Outcome(folder, error)
    return Outcome(folder)


def execute(config: Config, folder: Path) -> Path:
    """Run in a folder, or go on with what is there."""
    set_precision(config.precision)
    from eqntk_cli.recursion.activations.registry import get_activation  # imports jax, which wants its precision first
    from eqntk_cli.runs.execute import execute as execute_run

    get_activation(config.architecture.activation)  # refuses an unknown name before data are fetched
    return execute_run(config, folder)


@contextmanager
def _command_line(words: list[str]) -> Iterator[None]:
    """What the record of a job gives as its command: the one that makes this run alone."""
    before, sys.argv = sys.argv, words
    try:
        yield
    finally:
        sys.argv = before
