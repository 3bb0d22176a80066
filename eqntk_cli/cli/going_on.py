"""What a command says while nothing moves yet, and when the disk fails or somebody stops it: how its user goes on."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from eqntk_cli.errors import DiskError, StorageError
from eqntk_cli.runs.interrupts import interruption

if TYPE_CHECKING:
    from eqntk_cli.config.schema import Config


@contextmanager
def going_on(advice: str, kept: Path) -> Iterator[None]:
    """Say how to go on after an error of the disk or an interruption, once there is something to go on from.

    Of several around each other the innermost says it.

    Args:
        advice: a clause such as "go on with: eqntk train --resume DIR".
        kept: the file or folder whose existence means that something is kept.

    Raises:
        StorageError: in place of a DiskError, with the advice behind it.
    """
    try:
        yield
    except DiskError as error:
        if not kept.exists():
            raise
        raise StorageError(f"{error} What was computed before is kept; {advice}") from error
    except (KeyboardInterrupt, SystemExit) as error:
        word = interruption(error)
        if word is not None and kept.exists() and not getattr(error, "__notes__", []):
            error.add_note(advice)
            with suppress(OSError):  # the terminal may be what has gone
                sys.stderr.write(f"\neqntk: {word}; {advice}\n")
        raise


def say_loading(what: str = "loading jax") -> None:
    """A line on a terminal before jax and the like are imported, which takes seconds."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{what} ...\n")
        sys.stderr.flush()


def say_if_too_few(configs: Iterable["Config"], level: float = 0.05) -> None:
    """A line, before anything is trained, if an ensemble has too few members for any test of equal means."""
    from eqntk_cli.report.statistics.onesample import fewest_units

    fewest = fewest_units(level)
    few = {units for config in configs if (units := _units(config)) is not None and units < fewest}
    if few:
        sys.stderr.write(
            f"note: {min(few)} independent members (or antithetic pairs) can never show a difference at level "
            f"{100 * level:.3g} %, whatever "
            f"they predict: no test of equal means rejects with fewer than {fewest} (of each ensemble).\n"
        )


def _units(config: "Config") -> int | None:
    """How many independent draws an ensemble will have: members, or antithetic pairs; None of the infinite one."""
    from eqntk_cli.config.checks import is_antithetic

    if config.model.name == "ntk":
        return None
    return config.model.members // (2 if is_antithetic(config) else 1)
