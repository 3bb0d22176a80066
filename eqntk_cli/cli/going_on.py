"""What a command says while nothing moves yet, and when the disk fails or somebody stops it: how its user goes on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from eqntk_cli.errors import DiskError, StorageError
from eqntk_cli.runs.interrupts import interruption


@contextmanager
def going_on(advice: str, kept: Path) -> Iterator[None]:
    """Say how to go on after an error of the disk or an interruption, once there is something to go on from.

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
        if word is not None and kept.exists():
            with suppress(OSError):  # the terminal may be what has gone
                sys.stderr.write(f"\neqntk: {word}; {advice}\n")
        raise


def say_loading() -> None:
    """A line on a terminal before jax and the like are imported, which takes seconds."""
    if sys.stderr.isatty():
        sys.stderr.write("loading jax ...\n")
        sys.stderr.flush()
