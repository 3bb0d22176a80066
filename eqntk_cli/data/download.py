"""Fetching a file over HTTP: the only place that opens a connection for data.

Bytes go to <name>.part, which a broken or killed download leaves behind and the next one continues (HTTP Range, RFC
9110 section 14). Only a complete file with the right checksum gets its name, in one rename. A second process that
wants the same file waits for the first.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from eqntk_cli.errors import ConfigError, DataError
from eqntk_cli.files.atomic import disk_errors, make_folder
from eqntk_cli.files.digest import file_digest, matches
from eqntk_cli.files.lock import held
from eqntk_cli.files.room import require_room
from eqntk_cli.progress import Bar

_CHUNK_BYTES = 1 << 16  # a broken connection loses at most so many of the bytes that came
_TIMEOUT_SECONDS = (10.0, 60.0)  # to connect, between two pieces of the answer
_ADVICE = "choose another folder with --root or EQNTK_DATA"
_WORTH_A_RETRY = (408, 425, 429, 500, 502, 503, 504)


def download(url: str, path: Path, expected: str | None = None, attempts: int = 4, pause: float = 1.0) -> Path:
    """Fetch `url` to `path`; a file that is there with the right checksum stays as it is.

    Args:
        url: the address of the file; ending in a slash, of the folder that holds it under `path.name`.
        path: where it goes; folders are made.
        expected: `md5:...` or `sha256:...`, or None if no checksum is known.
        attempts: how often in a row a connection may fail without a byte gained.
        pause: seconds before the second attempt, doubled each time.

    Raises:
        ConfigError: no address that can be fetched.
        DataError: no connection, an answer other than the file, or another checksum than expected.
        DiskError: the disk is full or the folder cannot be written.
    """
    url = url + path.name if url.endswith("/") else url
    part = path.with_name(f"{path.name}.part")
    make_folder(part.parent)
    with disk_errors(part.parent), _alone(path):
        if path.is_file() and (expected is None or matches(path, expected)):
            return path
        resumed = part.exists() and part.stat().st_size > 0
        if not (resumed and expected is not None and matches(part, expected)):
            _transfer(url, part, attempts, pause)
        if expected is not None and resumed and not matches(part, expected):
            part.unlink()  # what lay there was of another file
            _transfer(url, part, attempts, pause)
        if expected is not None and not matches(part, expected):
            got = file_digest(part, expected.partition(":")[0])
            part.unlink()
            raise DataError(
                f"{url} is not the expected file: checksum {got}, expected {expected}. Nothing was kept; "
                "give another address with url=, or put the file into place by hand."
            )
        os.replace(part, path)
    return path


class _Broken(Exception):
    """A connection that failed in a way that the next attempt may not."""


def _transfer(url: str, part: Path, attempts: int, pause: float) -> None:
    """Fill the .part file, continuing it after each failure, until it is complete."""
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _stream(url, part, before)
            return
        except _Broken as error:
            after = part.stat().st_size if part.exists() else 0
            failures = 0 if after > before else failures + 1
            if failures >= attempts:
                kept = f"{after / 1e6:.1f} MB are kept and the same command goes on from there; " if after else ""
                raise DataError(
                    f"no complete answer from {url} ({error}); {kept}check the network, "
                    "give a mirror with url=, or put the file into place by hand."
                ) from error
            time.sleep(pause * 2 ** max(0, failures - 1))


def _stream(url: str, part: Path, offset: int) -> None:
    """One request: append what is missing, or begin anew where the server sends the whole file."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as response:
            offset = _start(response, url, part, offset)
            length = response.headers.get("Content-Length")
            total = offset + int(length) if length is not None and length.isdigit() else None
            if total is not None:
                require_room(part.parent, total - offset, f"what is missing of {part.stem}", _ADVICE)
            with part.open("ab") as out, Bar(part.stem, "bytes") as show:
                out.truncate(offset)
                show(offset, total)
                for piece in response.iter_content(_CHUNK_BYTES):
                    out.write(piece)
                    show(out.tell(), total)
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        raise _Broken(_reason(error)) from error
    except requests.RequestException as error:  # no such protocol, not an address, too many redirections
        reason = _reason(error)
        raise ConfigError(f"url={url} cannot be fetched ({reason}); expected an http or https address.") from error
    if total is not None and part.stat().st_size < total:
        raise _Broken(f"{total - part.stat().st_size} bytes missing")


def _start(response: requests.Response, url: str, part: Path, offset: int) -> int:
    """The byte at which this answer begins: the one asked for, or 0."""
    status = response.status_code
    if status == 200:
        return 0
    if status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
        return offset
    if status in (206, 416):
        part.unlink(missing_ok=True)  # longer than the file, or of another one
        raise _Broken(f"status {status} does not fit the {offset} bytes at hand")
    if status in _WORTH_A_RETRY:
        raise _Broken(f"status {status} {response.reason}")
    raise DataError(
        f"{url} answered {status} {response.reason}, expected the file; "
        "give another address with url=, or put the file into place by hand."
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time fetch a file; the lock file goes once the data file is there."""
    lock = path.with_name(f".{path.name}.lock")
    with held(lock, wait=True):
        try:
            yield
        finally:
            if path.is_file():  # who waits for this lock, or makes a new one, finds the file and leaves again
                lock.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    """The innermost cause in a few words, without the addresses of objects that the outer ones print."""
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return words.splitlines()[0][:120]
