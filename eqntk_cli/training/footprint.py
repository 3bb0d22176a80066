"""What one member takes: bytes of its parameters, bytes and operations per sample; estimated from shapes alone."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from eqntk_cli.domains.samples import Samples
from eqntk_cli.layers.network import Network, Params

_COPIES_OF_PARAMETERS = 4  # parameters, gradients, optimiser state and the copy being written
_COPIES_OF_ACTIVATIONS = 3  # forward, backward, and what the compiler keeps
_WITH_GRADIENT = 3  # the gradient of a matrix product is two more
_SAMPLES = 64  # enough for the form that layers take for many samples


@dataclass(frozen=True)
class Footprint:
    """Bytes of a member's parameters, bytes and operations of the gradient of one sample, and what does not grow.

    `fixed` are the bytes that a gradient keeps whatever the number of samples: weights in the form of the products.
    """

    parameters: int
    activations: int
    operations: float
    fixed: int = 0

    @classmethod
    def of(cls, network: Network, x: Samples) -> "Footprint":
        """From the shapes of the parameters, and of what the gradients of some and of twice as many samples keep."""
        some, twice = (jax.tree.map(partial(_shaped, samples), x) for samples in (_SAMPLES, 2 * _SAMPLES))
        params = jax.eval_shape(network.init, jax.random.key(0), some)
        kept = [_bytes(jax.eval_shape(partial(_kept, network), params, samples)) for samples in (some, twice)]
        forward = _operations(jax.make_jaxpr(network.apply)(params, some).jaxpr) / _SAMPLES
        activations = (kept[1] - kept[0]) // _SAMPLES
        return cls(_bytes(params), activations, _WITH_GRADIENT * forward, max(kept[0] - _SAMPLES * activations, 0))

    def training(self, samples: int) -> int:
        """Bytes of one member while it is trained on so many samples at once."""
        return _COPIES_OF_PARAMETERS * self.parameters + _COPIES_OF_ACTIVATIONS * self.activations * samples


def _shaped(samples: int, leaf: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((samples, *leaf.shape[1:]), leaf.dtype)


def _kept(network: Network, params: Params, x: Samples) -> list[Array]:
    """What the gradient keeps, but for the numbers of branches that a platform takes, which no program keeps."""
    kept = jax.tree.leaves(jax.vjp(lambda varied: network.apply(varied, x), params)[1])
    return [leaf for leaf in kept if leaf.shape or not np.issubdtype(leaf.dtype, np.integer)]


def _bytes(tree: object) -> int:
    return sum(math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(tree))


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape)


def _operations(jaxpr: jax.extend.core.Jaxpr) -> float:
    """Multiplications and additions of the matrix products."""
    total = 0.0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            contracted = equation.params["dimension_numbers"][0][0]
            left, product = (_shape(variable.aval) for variable in (equation.invars[0], equation.outvars[0]))
            total += 2.0 * math.prod(product) * math.prod(left[axis] for axis in contracted)
        total += sum(_operations(inner.jaxpr) for inner in equation.params.values() if hasattr(inner, "jaxpr"))
        total += max((_operations(branch.jaxpr) for branch in equation.params.get("branches", ())), default=0.0)
    return total
