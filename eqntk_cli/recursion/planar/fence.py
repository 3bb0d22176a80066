"""A fence across which the compiler does not fuse: the result of a function is computed once and kept.

XLA on CPU fuses a box filter's shifted sums with what produces and what consumes them, and then computes the
producer again for every tap and for every consumer: ten times the work in the planar stream. An
`optimization_barrier` does not help, it is dropped before fusion. A branch does: nothing is fused across it. Its
predicate must be unknown to the compiler (something that depends on the loop's counter) and always true.
On other devices, where a branch would make the host wait, the barrier is used.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def fenced(
    always: Bool[Array, ""],
    function: Callable[[Float[Array, "..."]], Float[Array, "..."]],
    operand: Float[Array, "..."],
) -> Float[Array, "..."]:
    """`function(operand)`, computed once; `always` is true, in a way that only the run shows."""
    if jax.default_backend() != "cpu":
        return jax.lax.optimization_barrier(function(operand))
    result = jax.eval_shape(function, operand)
    return jax.lax.cond(always, function, lambda _: jnp.zeros(result.shape, result.dtype), operand)
