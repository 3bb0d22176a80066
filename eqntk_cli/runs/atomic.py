"""Files that are either whole or absent: write beside, flush to the disk, rename.

A process can be killed between any two instructions. A file that is written under another name, flushed and
then renamed is at every moment the old one or the new one, never half of it. Errors of the disk come out as
StorageError with what to do about them.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eqntk_cli.errors import StorageError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by `text`, whole or not at all.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path.parent):
        try:
            with beside.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        flush(path.parent)


def flush(path: Path) -> None:
    """Ask the operating system to bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn the operating system's errors about `folder` into one line that says what to do.

    Raises:
        StorageError: in place of any OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(
                f"the disk that holds {folder} is full ({error.strerror}); what was computed before is kept: "
                f"free some space and go on with `eqntk train --resume {folder}`."
            ) from error
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write in {folder} ({reason}); check that it exists and is yours.") from error
