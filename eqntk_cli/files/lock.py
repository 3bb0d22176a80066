"""One process at a time: a lock file that is held as long as its holder lives.

The lock is the operating system's (flock): it ends with the process that holds it, however that ends, so a killed
process leaves nothing behind that would have to be cleared away. The lock file itself stays; it names its holder.
"""

import errno
import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eqntk_cli.errors import HeldError
from eqntk_cli.files.atomic import disk_errors

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)  # some network file systems know no locks


@contextmanager
def held(lock: Path, wait: bool = False) -> Iterator[None]:
    """Hold the lock file `lock` during the block; it is made if absent.

    Args:
        lock: a file of its own in a folder that exists.
        wait: wait for another holder to let go, instead of giving up.

    Raises:
        HeldError: another process holds it; its text says which.
        DiskError: the lock file cannot be written.
    """
    with disk_errors(lock.parent):
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _taken(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB):
            raise HeldError(f"{lock.parent} is being written by {_name(handle)}; wait for it, or stop it first.")
        with disk_errors(lock.parent):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {platform.node()}".encode(), 0)
        yield
    finally:
        os.close(handle)


def holder(lock: Path) -> str | None:
    """Who holds the lock file, as far as this machine knows; None if nobody does."""
    try:
        handle = os.open(lock, os.O_RDONLY)
    except OSError:
        return None
    try:
        return None if _taken(handle, fcntl.LOCK_SH | fcntl.LOCK_NB) else _name(handle)
    finally:
        os.close(handle)


def _taken(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind)
    except OSError as error:
        return error.errno in _UNSUPPORTED
    return True


def _name(handle: int) -> str:
    return os.pread(handle, 200, 0).decode(errors="replace").strip() or "another process"
