"""Room on the disk, asked for before the computation instead of after it.

A full disk that shows itself when a block of members is to be written costs that block. So the room for the
whole run is looked at before the first step, and the room for the block under way is held by a file of its size
that is removed just before the block is written.
"""

import os
import shutil
from pathlib import Path
from types import TracebackType

from eqntk_cli.errors import StorageError
from eqntk_cli.runs.atomic import disk_errors

_BESIDE = 1 << 16  # bytes for the record and the log next to a block
_NAME = ".reserved"


def require_space(folder: Path, needed: int) -> None:
    """Check that `needed` bytes still fit on the disk of `folder`.

    Raises:
        StorageError: they do not.
    """
    with disk_errors(folder):
        free = shutil.disk_usage(folder).free
    if free < needed + _BESIDE:
        raise StorageError(
            f"the predictions need {_readable(needed)} and the disk that holds {folder} has {_readable(free)} free; "
            "free some space, or ask for fewer members, samples or record_steps."
        )


class Reserve:
    """Holds room for one block of `size` bytes inside `folder` until `release`.

    Raises:
        StorageError: the room is not there.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._size = size + _BESIDE

    def __enter__(self) -> "Reserve":
        with disk_errors(self._folder):
            handle = os.open(self._folder / _NAME, os.O_CREAT | os.O_WRONLY, 0o644)
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
        """Give the room back, for the block itself."""
        (self._folder / _NAME).unlink(missing_ok=True)


def _readable(size: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size = size / 1024  # type: ignore[assignment]
    return f"{size:.1f} GiB"
