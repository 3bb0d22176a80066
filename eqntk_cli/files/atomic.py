"""Files that are either whole or absent: write beside, flush to the disk, rename.

A process can be killed between any two instructions. A file that is written under another name, flushed and then
renamed is at every moment the old one or the new one, never half of it. What a killed process has left beside a file
is removed by who writes that file next: the writer of a file beside holds a lock on it, which ends with the process.
Errors of the disk come out as DiskError, which says what is wrong; the command that is running adds how to go on.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from eqntk_cli.errors import DiskError

_ENDING = ".tmp"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole_file(path: Path, among_many: bool = False) -> Iterator[IO[bytes]]:
    """A binary file to write, which takes the place of `path` at the end of the block; an error leaves `path` alone.

    Args:
        path: the file.
        among_many: the folder holds so many files that it is not searched for what a killed process left beside `path`.

    Raises:
        DiskError: the disk is full or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}{_ENDING}")
    with disk_errors(path.parent):
        if not among_many:
            _clear_beside(path)
        try:
            with _locked(beside) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                beside.replace(path)  # under the lock, or another writer would clear it away
        finally:
            if beside.is_file():
                beside.unlink(missing_ok=True)
        flush(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`, whole or not at all.

    Raises:
        DiskError: the disk is full or the folder cannot be written.
    """
    with whole_file(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by `text` in UTF-8, whole or not at all; line ends stay as they are.

    Raises:
        DiskError: the disk is full or the folder cannot be written.
    """
    write_bytes(path, text.encode())


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless they are there.

    Raises:
        DiskError: it cannot be made.
    """
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)


def names_in(folder: Path) -> set[str]:
    """The names in a folder, without the files beside that a process left which was killed while it wrote."""
    return {path.name for path in folder.iterdir() if not path.match(f".*{_ENDING}")}


def _clear_beside(path: Path) -> None:
    """Remove what processes have left beside `path` that were killed while they wrote it, and nothing of a live one."""
    with os.scandir(path.parent) as entries:
        beside = [entry.path for entry in entries if entry.name.startswith(f".{path.name}.")]
    for left in beside:
        if left.endswith(_ENDING) and os.path.isfile(left):
            with suppress(OSError):  # gone by now, held by its writer, or the file system knows no locks
                handle = os.open(left, os.O_RDWR)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(left)
                finally:
                    os.close(handle)


def _locked(beside: Path) -> IO[bytes]:
    """A new file to write, held by this process as long as it is open."""
    while True:
        file = beside.open("wb")
        with suppress(OSError):  # some network file systems know no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:  # else it was cleared away before it was held
            return file
        file.close()


def flush(path: Path) -> None:
    """Ask the operating system to bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn the operating system's errors about `folder` into one line.

    Raises:
        DiskError: in place of any OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskError(f"the disk that holds {folder} is full ({error.strerror}); free some space.") from error
        reason = error.strerror or str(error)
        raise DiskError(f"cannot write in {folder} ({reason}); check that it exists and is yours.") from error
