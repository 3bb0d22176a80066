"""Samples as an array, or as a pytree of arrays that share the leading sample axis.

An image data set is one array; a set of molecules is a pytree (signals and mask). Whatever slices or joins
samples goes through these three functions, so that it works for both.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

Samples = Any  # an array or a pytree of arrays, (sample, ...)


def count(x: Samples) -> int:
    """The number of samples."""
    return int(jax.tree.leaves(x)[0].shape[0])


def take(x: Samples, index: Any) -> Samples:
    """The samples at `index` (a slice or an integer array)."""
    return jax.tree.map(lambda leaf: leaf[index], x)


def concatenate(parts: Sequence[Samples]) -> Samples:
    """The samples of all parts, one after another."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)


def cast(x: Samples, dtype: Any) -> Samples:
    """The samples as jax arrays of this type."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), x)
