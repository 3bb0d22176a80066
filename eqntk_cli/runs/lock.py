"""One process at a time in a run folder.

The lock is the operating system's (flock): it ends with the process that holds it, however that ends, so a
killed run leaves nothing behind that would have to be cleared away.
"""

import errno
import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eqntk_cli.errors import StorageError
from eqntk_cli.runs.atomic import disk_errors

_NAME = ".lock"
_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)  # some network file systems know no locks


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run folder for this process.

    Raises:
        StorageError: another process holds it, or it cannot be written.
    """
    with disk_errors(folder):
        handle = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _try(handle, fcntl.LOCK_EX):
            owner = os.pread(handle, 200, 0).decode(errors="replace").strip() or "another process"
            raise StorageError(f"{folder} is being written by {owner}; wait for it, or stop it first.")
        with disk_errors(folder):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {platform.node()}".encode(), 0)
        yield
    finally:
        os.close(handle)


def is_locked(folder: Path) -> bool:
    """Whether a process on this machine is writing the run."""
    try:
        handle = os.open(folder / _NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _try(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _UNSUPPORTED
    return True
