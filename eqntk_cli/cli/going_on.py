"""What a command says of a disk that fails: the words in which its user goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

from eqntk_cli.errors import DiskError, StorageError


@contextmanager
def going_on(advice: str) -> Iterator[None]:
    """Add to an error of the disk how to go on: a sentence such as "Go on with `eqntk train --resume DIR`.".

    Raises:
        StorageError: in place of a DiskError, with the advice behind it.
    """
    try:
        yield
    except DiskError as error:
        raise StorageError(f"{error} {advice}") from error
