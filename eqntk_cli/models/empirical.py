"""The empirical kernels of a finite network: what the recursion is compared with.

NTK: Theta(x, x') = <grad f(x), grad f(x')> over all parameters, for one output. Two ways of taking it are offered
because memory decides: `jacobian` holds the gradients of all samples at once, samples x parameters numbers;
`products` holds one parameter vector at a time and applies f's derivative J to the gradient of one sample after the
other. NNGP: the mean over independent networks (and over their outputs, which are independent given the
features) of f(x) f(x').
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.samples import Samples, count
from eqntk_cli.layers.network import Network, Params

_JACOBIAN_BYTES = 64 * 2**20  # up to this size all gradients are held at once


def empirical_ntk(network: Network, params: Params, x: Samples, method: str) -> Float[Array, "sample sample"]:
    """The NTK of the first output between all samples; `method` is jacobian or products."""
    if method == "jacobian":
        jacobian = jax.jacrev(lambda p: network.apply(p, x)[:, 0])(params)
        rows = [leaf.reshape(count(x), -1) for leaf in jax.tree.leaves(jacobian)]
        return sum((row @ row.T for row in rows), start=jnp.zeros((count(x), count(x)), rows[0].dtype))
    unit = jnp.eye(count(x), dtype=jax.tree.leaves(params)[0].dtype)
    _, pullback = jax.vjp(lambda p: network.apply(p, x)[:, 0], params)  # c -> J^T c
    # v -> J v as the transpose of that: layers that bring a transpose of their own have no forward derivative
    _, pushforward = jax.vjp(pullback, unit[0])
    return jax.lax.map(lambda basis: pushforward(pullback(basis))[0], unit)


def method_that_fits(network: Network, x: Samples) -> str:
    """`jacobian` while the gradients of all samples fit into 64 MiB, else `products` (several members run at once)."""
    params = jax.eval_shape(network.init, jax.random.key(0), x)
    leaves = jax.tree.leaves(params)
    size = count(x) * sum(leaf.size * np.dtype(leaf.dtype).itemsize for leaf in leaves)
    return "jacobian" if size <= _JACOBIAN_BYTES else "products"


def empirical_nngp(network: Network, params: Params, x: Samples) -> Float[Array, "sample sample"]:
    """The products f(x) f(x') at initialisation, averaged over the outputs of one network."""
    outputs = network.apply(params, x)
    return outputs @ outputs.T / outputs.shape[1]
