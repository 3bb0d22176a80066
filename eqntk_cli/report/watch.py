"""Look at a sweep again and again while it runs, and show the report anew whenever a run has written something."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from eqntk_cli.errors import DataError, StorageError

JOURNALS = ("record.json", "metrics.csv")
Stamp = tuple[tuple[str, int, int], ...]


def watch(
    folders: Sequence[Path],
    show: Callable[[], None],
    say: Callable[[str], None],
    *,
    seconds: float = 5.0,
    rounds: int | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Call `show` at once and whenever a run below `folders` has changed, until interrupted.

    Args:
        folders: where the runs are or will be.
        show: reads the runs and shows them; DataError and StorageError mean that there is nothing to show yet.
        say: told, once each, why there is nothing to show yet (no run there, a store in the middle of being written).
        seconds: between two looks.
        rounds: number of looks; None for ever.
        pause: waits between two looks.
    """
    seen: Stamp | None = None
    said = None
    looks = 0
    while rounds is None or looks < rounds:
        if looks:
            pause(seconds)
        looks += 1
        stamp = stamp_of(folders)
        if stamp == seen:
            continue
        try:
            show()
            seen, said = stamp, None
        except (DataError, StorageError) as error:
            if str(error) != said:
                said = str(error)
                say(said)


def stamp_of(folders: Sequence[Path]) -> Stamp:
    """Time and size of the journals of all runs in and below the folders: what changes when a block is finished."""
    stamps = []
    for folder in folders:
        for name in JOURNALS:
            for path in sorted(folder.rglob(name)):
                try:
                    status = path.stat()
                except FileNotFoundError:  # replaced at this moment: the next look sees it
                    continue
                stamps.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(stamps)
