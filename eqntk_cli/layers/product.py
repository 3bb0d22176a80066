"""The product of rows with weights, and its gradient in the order that is quick.

The gradient of X W with respect to W is X^T D. A matrix product of a CPU wants both factors row by row, so something
is turned: X before the product, or D before it and the gradient after it. What has fewer elements is turned, by a
copy of its own, as a loop that turns in passing reads with long strides. Which one it is depends on shapes alone.

The gradient is a rule of its own (custom_vjp), so that networks with dense layers have no forward derivative: jax.jvp,
jacfwd and linearize raise. J v is the transpose of c -> J^T c, see models/empirical.py.
"""

import jax
from jaxtyping import Array, Float


@jax.custom_vjp
def product(rows: Float[Array, "row read"], weight: Float[Array, "read feature"]) -> Float[Array, "row feature"]:
    """`rows` @ `weight`."""
    return rows @ weight


def weight_gradient(
    rows: Float[Array, "row read"], cotangent: Float[Array, "row feature"]
) -> Float[Array, "read feature"]:
    """`rows`^T @ `cotangent`; the order of a CPU on a CPU, elsewhere as the compiler likes it."""
    return jax.lax.platform_dependent(rows, cotangent, cpu=_smaller_turned, default=_plain)


def _plain(rows: Array, cotangent: Array) -> Array:
    return rows.T @ cotangent


def _smaller_turned(rows: Array, cotangent: Array) -> Array:
    reads, features = rows.shape[1], cotangent.shape[1]
    if rows.size < cotangent.size + reads * features:
        return _turned(rows) @ cotangent
    return _turned(_turned(cotangent) @ rows)


def _turned(matrix: Array) -> Array:
    """The transpose as a copy of its own: a barrier keeps the compiler from turning in passing."""
    return jax.lax.optimization_barrier(jax.lax.optimization_barrier(matrix).T)


def _forward(rows: Array, weight: Array) -> tuple[Array, tuple[Array, Array]]:
    return rows @ weight, (rows, weight)


def _backward(kept: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    rows, weight = kept
    return cotangent @ weight.T, weight_gradient(rows, cotangent)


product.defvjp(_forward, _backward)
