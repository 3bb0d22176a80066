"""A small pair kernel for tests of everything that takes one: the arc-cosine kernel of a ReLU network."""

import jax.numpy as jnp
import numpy as np

from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel


class ToyKernel(PairKernel):
    """One hidden ReLU layer on flat samples, W_std^2 = 2, b_std^2 = 0.1 (written out, not by the engine's layers)."""

    route = "toy"

    def block(self, x1, x2):
        first = x1 @ x2.T / x1.shape[1] + 0.1
        norms1, norms2 = (jnp.sum(x**2, axis=1) / x.shape[1] + 0.1 for x in (x1, x2))
        scale = jnp.sqrt(norms1[:, None] * norms2[None])
        cosine = jnp.clip(first / scale, -1, 1)
        angle = jnp.arccos(cosine)
        nngp = scale / jnp.pi * (jnp.sin(angle) + (jnp.pi - angle) * cosine) + 0.1
        return KernelBlock(nngp, nngp + first * (jnp.pi - angle) / jnp.pi)

    def bytes_per_pair(self, x1, _):
        return 6 * x1.dtype.itemsize


def samples(count: int, seed: int = 0, features: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, features))
