"""The moments at which a process is killed: around every step by which a file takes, changes or loses its name.

`watch` puts itself in the place of os.replace, os.rename, os.link, os.unlink, os.rmdir and os.mkdir, through which
everything goes that the program, zarr and the standard library publish or remove. It is called in a forked child, which
never returns, so nothing is put back. Steps outside the watched folder are not counted.
"""

import errno
import os
import pathlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PUBLISHING = ("replace", "rename", "link")
STEPS = (*PUBLISHING, "unlink", "remove", "rmdir", "mkdir")
BEFORE, TORN, AFTER = "before", "torn", "after"


@dataclass(frozen=True)
class Moment:
    """One side of one step; `number` counts steps from 0, `what` is the file that the step is about."""

    number: int
    step: str
    when: str
    what: str

    def __str__(self) -> str:
        return f"{self.when} {self.step} of {self.what}"


def watch(folder: Path, at: Callable[[Moment, Path], None]) -> None:
    """Call `at` with each moment in `folder` and below, and with the file that is about to take its name."""
    root, lock = os.path.realpath(folder) + os.sep, threading.Lock()
    count = iter(range(1 << 62))
    for step in STEPS:
        setattr(os, step, _Watched(getattr(os, step), step, root, count, lock, at))


class _Watched:
    def __init__(self, real: Any, step: str, root: str, count: Any, lock: Any, at: Any) -> None:
        self._real, self._step, self._root, self._count, self._lock, self._at = real, step, root, count, lock, at

    def __call__(self, *given: Any, **named: Any) -> Any:
        publishes = self._step in PUBLISHING
        source = _absolute(given[0], named.get("src_dir_fd" if publishes else "dir_fd"))
        target = _absolute(given[1], named.get("dst_dir_fd")) if publishes else source
        if not target.startswith(self._root):
            return self._real(*given, **named)
        with self._lock:
            number = next(self._count)
        what = role(target.removeprefix(self._root))
        if self._step != "mkdir":  # which often finds that the folder is there
            self._at(Moment(number, self._step, BEFORE, what), Path(source))
        result = self._real(*given, **named)
        self._at(Moment(number, self._step, AFTER, what), Path(target))
        return result


def _absolute(path: Any, folder: int | None) -> str:
    text = os.fsdecode(path)
    if folder is not None and folder >= 0 and not os.path.isabs(text):
        return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
    return os.path.abspath(text)


def role(path: str) -> str:
    """What a file is, by its path, whatever run, block or process it is of."""
    inside = path.partition(".zarr")[2].removeprefix(".tmp").strip("/")
    if inside:
        if inside.endswith(".partial"):
            return "file beside of zarr"
        if "/c/" in f"{inside}/":
            return f"chunk of {inside.partition('/')[0]}"
        return "metadata of the store" if inside.endswith("zarr.json") else "folder of the store"
    name = os.path.basename(path)
    if "/figures/" in path or "/tables/" in path:
        name = f"*{os.path.splitext(name)[1]}"
    return re.sub(r"\d+", "N", name)


def fill(folder: Path) -> None:
    """From here on the disk of `folder` is full: nothing more can be written, made or reserved there."""
    root = os.path.realpath(folder) + os.sep
    opens, makes = pathlib.Path.open, os.mkdir

    def opened(self: Path, mode: str = "r", *given: Any, **named: Any) -> Any:
        file = opens(self, mode, *given, **named)
        return _FullFile(file) if set(mode) & set("wxa+") and os.path.realpath(self).startswith(root) else file

    def made(path: Any, *given: Any, **named: Any) -> None:
        if os.path.realpath(path).startswith(root):
            _full()
        makes(path, *given, **named)

    pathlib.Path.open = opened  # type: ignore[method-assign, assignment]
    os.mkdir = made
    os.posix_fallocate = _full


def _full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _FullFile:
    """A file that was made, and takes nothing."""

    write = staticmethod(_full)

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "_FullFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
