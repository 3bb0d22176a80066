"""Room on the disk, asked for before a computation instead of after it.

A full disk that shows itself when a result is to be written costs that result. So the room for the whole is looked at
before the first step, and the room for the part under way is held by a file of its size that is removed just before
the part is written.
"""

import os
import shutil
from pathlib import Path
from types import TracebackType

from eqntk_cli.errors import DiskError
from eqntk_cli.files.atomic import disk_errors

_BESIDE = 1 << 16  # bytes for small files next to a result, such as a journal and a log
_NAME = ".reserved"


def require_room(folder: Path, needed: int, content: str, advice: str = "") -> None:
    """Check that `needed` bytes still fit on the disk of `folder`.

    Args:
        folder: an existing folder.
        needed: bytes.
        content: what needs them, in the plural ("the predictions").
        advice: what else helps but freeing space, as a clause ("ask for fewer members").

    Raises:
        DiskError: they do not fit.
    """
    with disk_errors(folder):
        free = shutil.disk_usage(folder).free
    if free < needed + _BESIDE:
        said = (
            f"{content} need {readable(needed)} and {readable(_BESIDE)} beside them, and the disk that holds {folder}"
        )
        said += f" has {readable(free)} free"
        raise DiskError(f"{said}; free some space{', or ' if advice else ''}{advice}.")


class Reserve:
    """Holds room for `size` bytes inside `folder` until `release`; who holds some at the same time gives it a `name`.

    Raises:
        DiskError: the room is not there.
    """

    def __init__(self, folder: Path, size: int, name: str = "") -> None:
        self._folder = folder
        self._size = size + _BESIDE
        self._file = folder / f"{_NAME}{name}"

    def __enter__(self) -> "Reserve":
        with disk_errors(self._folder):
            handle = os.open(self._file, os.O_CREAT | os.O_WRONLY, 0o644)
            try:
                os.posix_fallocate(handle, 0, self._size)
            except OSError:
                self.release()
                raise
            finally:
                os.close(handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give the room back, for the result itself."""
        self._file.unlink(missing_ok=True)


def readable(size: float) -> str:
    """A number of bytes in words: 512 bytes, 3 KiB, 20 MiB, 1.5 GiB, 2.0 TiB."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    for unit in ("GiB", "TiB", "PiB"):
        if size < 1024:
            return f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} EiB"
