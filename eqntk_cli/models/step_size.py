"""The step size that all three models share, and its stability limit.

Gradient descent on the loss 1/(2n) sum |f - y|^2 over the n = N|G| augmented samples is stable below
2n / lambda_max of the plain kernel on these samples (see `models.relative` for how it is had cheaply).
"""

import jax
import numpy as np
from jaxtyping import Float
from scipy.sparse.linalg import eigsh

_DENSE = 600  # below this size all eigenvalues are as quick as the largest one


def stability_limit(augmented: Float[np.ndarray, "copy copy"]) -> float:
    """2n / lambda_max of the plain kernel on the n augmented samples."""
    samples = len(augmented)
    symmetric = (augmented + augmented.T) / 2
    if samples <= _DENSE:
        return 2 * samples / float(np.linalg.eigvalsh(symmetric)[-1])
    start = np.ones(samples)  # a fixed start vector: the same answer every time
    return 2 * samples / float(eigsh(symmetric, k=1, v0=start, return_eigenvectors=False)[0])


def member_key(seed: int, stream: int, member: int) -> jax.Array:
    """The random stream of one member: it depends on the seed, the stream of its model and its index alone."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), stream), member)
