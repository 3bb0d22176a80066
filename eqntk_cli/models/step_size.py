"""The step size that all three models share, and its stability limit.

Gradient descent on the loss 1/(2n) sum |f - y|^2 over the n = N|G| augmented samples is stable below
2n / lambda_max of the plain kernel on these samples. The augmented samples are never paired up one by one: with
T(g x, h x') = T(x, g^-1 h x') the N^2 |G| values T(x_i, u x_j) hold all of them.
"""

import jax
import numpy as np
from jaxtyping import Float
from scipy.sparse.linalg import eigsh

from eqntk_cli.config.schema import TrainingConfig
from eqntk_cli.groups.finite import FiniteGroup

_DENSE = 600  # below this size all eigenvalues are as quick as the largest one


def stability_limit(augmented: Float[np.ndarray, "copy copy"]) -> float:
    """2n / lambda_max of the plain kernel on the n augmented samples."""
    samples = len(augmented)
    symmetric = (augmented + augmented.T) / 2
    if samples <= _DENSE:
        return 2 * samples / float(np.linalg.eigvalsh(symmetric)[-1])
    start = np.ones(samples)  # a fixed start vector: the same answer every time
    return 2 * samples / float(eigsh(symmetric, k=1, v0=start, return_eigenvectors=False)[0])


def over_orbits(values: Float[np.ndarray, "left right element"], group: FiniteGroup) -> Float[np.ndarray, "row copy"]:
    """T(g x_i, h x_j) for all g, h from values[i, j, u] = T(x_i, u x_j), with u = g^-1 h; rows (i, g)."""
    relative = group.product[group.inverse]  # [g, h] -> g^-1 h
    left, right = values.shape[:2]
    full = values[:, :, relative]  # (i, j, g, h)
    return full.transpose(0, 2, 1, 3).reshape(left * group.order, right * group.order)


def step_size(training: TrainingConfig, limit: float) -> float:
    """The step size asked for, or `step_fraction` times half the limit."""
    if training.step_size == "auto":
        return training.step_fraction * limit / 2
    return float(training.step_size)


def member_key(seed: int, stream: int, member: int) -> jax.Array:
    """The random stream of one member: it depends on the seed, the stream of its model and its index alone."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), stream), member)
