"""A lock file that is held as long as its holder lives: by one process, or by several that share it.

The lock is the operating system's (flock): it ends with the process that holds it, however that ends, so a killed
process leaves nothing behind that would have to be cleared away. The lock file itself stays; it names its holder, of
several the last that came.
"""

import errno
import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eqntk_cli.errors import HeldError
from eqntk_cli.files.atomic import disk_errors

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)  # some network file systems know no locks
_PATIENCE = 0.1  # seconds: somebody who asks for the holder has the lock for an instant
_PAUSE = 0.02  # seconds between two tries


@dataclass(frozen=True)
class Hold:
    """A lock that this process holds; `works` is False where the file system knows no locks and all seem to hold it."""

    handle: int
    works: bool

    def alone(self) -> bool:
        """Whether nobody shares the lock, which is then this process's alone; else it has let go of it."""
        return _taken(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB) is not False


@contextmanager
def held(lock: Path, wait: bool = False, shared: bool = False, patience: float = _PATIENCE) -> Iterator[Hold]:
    """Hold the lock file `lock` during the block; it is made if absent.

    Args:
        lock: a file of its own in a folder that exists.
        wait: wait for another holder to let go, instead of giving up.
        shared: hold it together with others that share it, but with nobody else.
        patience: seconds after which to give up.

    Raises:
        HeldError: another process holds it; its text says which.
        DiskError: the lock file cannot be written.
    """
    with disk_errors(lock.parent):
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        taken = _taken(handle, kind) if wait else _taken_within(patience, handle, kind | fcntl.LOCK_NB)
        if taken is False:
            raise HeldError(f"{lock.parent} is being written by {_name(handle)}; wait for it, or stop it first.")
        with disk_errors(lock.parent):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {platform.node()}".encode(), 0)
        yield Hold(handle, works=taken is True)
    finally:
        os.close(handle)


def holder(lock: Path) -> str | None:
    """Who holds the lock file, alone or with others, as far as this machine knows; None if nobody does."""
    try:
        handle = os.open(lock, os.O_RDWR if os.access(lock, os.W_OK) else os.O_RDONLY)  # NFS wants it for writing
    except OSError:
        return None
    try:
        return _name(handle) if _taken(handle, fcntl.LOCK_EX | fcntl.LOCK_NB) is False else None
    finally:
        os.close(handle)


def _taken_within(patience: float, handle: int, kind: int) -> bool | None:
    end = time.monotonic() + patience
    while (taken := _taken(handle, kind)) is False and time.monotonic() < end:
        time.sleep(_PAUSE)
    return taken


def _taken(handle: int, kind: int) -> bool | None:
    """Whether the lock is taken now; None where there are no locks."""
    try:
        fcntl.flock(handle, kind)
    except OSError as error:
        return None if error.errno in _UNSUPPORTED else False
    return True


def _name(handle: int) -> str:
    return os.pread(handle, 200, 0).decode(errors="replace").strip() or "another process"
