"""A fingerprint of samples: equal for equal numbers in an equal layout, read in pieces."""

import hashlib

import jax
import numpy as np

from eqntk_cli.domains.samples import Samples

_ROWS = 1024  # samples read at a time; arrays may be files larger than the memory


def fingerprint(x: Samples) -> str:
    """The sha256 of all leaves: their types, shapes and bytes."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(x):
        digest.update(f"{np.dtype(leaf.dtype).str}{leaf.shape}".encode())
        for start in range(0, leaf.shape[0], _ROWS):
            digest.update(np.ascontiguousarray(leaf[start : start + _ROWS]).tobytes())
    return digest.hexdigest()
