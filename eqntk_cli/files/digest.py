"""Fingerprints: what was read is what was written, or what it should be."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_ROWS = 1024  # rows of an array read at a time; an array may be a file larger than the memory


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """The hexadecimal digest of a file's bytes; algorithm md5 or sha256."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def matches(path: Path, expected: str) -> bool:
    """Whether a file has the digest `expected`, written `md5:...` or `sha256:...`."""
    algorithm, _, digest = expected.partition(":")
    return file_digest(path, algorithm) == digest.lower()


def text_digest(text: str) -> str:
    """The sha256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def bytes_digest(values: "np.ndarray") -> str:
    """The sha256 of the bytes of an array in C order, as it is stored."""
    digest = hashlib.sha256()
    _add_bytes(digest, values)
    return digest.hexdigest()


def array_digest(arrays: "Iterable[np.ndarray]") -> str:
    """The sha256 of arrays one after another: the type, shape and bytes of each."""
    digest = hashlib.sha256()
    for values in arrays:
        digest.update(f"{values.dtype.str}{values.shape}".encode())
        _add_bytes(digest, values)
    return digest.hexdigest()


def _add_bytes(digest: "hashlib._Hash", values: "np.ndarray") -> None:
    if values.ndim == 0:
        digest.update(values.tobytes())
    for start in range(0, len(values) if values.ndim else 0, _ROWS):
        digest.update(values[start : start + _ROWS].tobytes())
