"""The product of rows with weights, and its gradient in the order that is quick.

The gradient of X W with respect to W is X^T D. A matrix product of a CPU wants both factors row by row, so something
is turned: X before the product, or D before it and the gradient after it. What has fewer elements is turned, by a
copy of its own, as a loop that turns in passing reads with long strides. Which one it is depends on shapes alone.
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
    """`rows`^T @ `cotangent`."""
    reads, features = rows.shape[1], cotangent.shape[1]
    if rows.size < cotangent.size + reads * features:
        return turned(rows) @ cotangent
    return turned(jax.lax.optimization_barrier(turned(cotangent) @ rows))


def turned(matrix: Float[Array, "row column"]) -> Float[Array, "column row"]:
    """The transpose; on a CPU as a copy of its own, elsewhere as the compiler likes it."""
    return jax.lax.platform_dependent(matrix, cpu=_copied, default=_transposed)


def _transposed(matrix: Array) -> Array:
    return matrix.T


def _copied(matrix: Array) -> Array:
    return jax.lax.optimization_barrier(jax.lax.optimization_barrier(matrix).T)


def _forward(rows: Array, weight: Array) -> tuple[Array, tuple[Array, Array]]:
    return rows @ weight, (rows, weight)


def _backward(kept: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    rows, weight = kept
    return cotangent @ weight.T, weight_gradient(rows, cotangent)


product.defvjp(_forward, _backward)
