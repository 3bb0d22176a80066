"""Whether a file is the one that it should be."""

import hashlib
from pathlib import Path


def checksum(path: Path, algorithm: str) -> str:
    """The hexadecimal digest of a file's bytes; algorithm md5 or sha256."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def matches(path: Path, expected: str) -> bool:
    """Whether a file has the digest `expected`, written `md5:...` or `sha256:...`."""
    algorithm, _, digest = expected.partition(":")
    return checksum(path, algorithm) == digest.lower()
