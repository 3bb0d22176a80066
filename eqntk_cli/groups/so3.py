"""SO(3), all rotations of space: a group that cannot be enumerated.

Where a finite group is summed over its elements, SO(3) is integrated over its Haar measure: by quadrature
(`eqntk_cli.domains.quadrature`) or by the random rotations drawn here. A unit quaternion with independent
normal components, normalised, is Haar distributed.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


@dataclass(frozen=True)
class SO3:
    """The rotation group of space; `name` as in `group=`."""

    name: str = "so3"

    def haar_rotations(self, key: PRNGKeyArray, count: int) -> Float[Array, "count 3 3"]:
        """Independent random rotation matrices, uniform over SO(3)."""
        q = jax.random.normal(key, (count, 4), dtype=jnp.result_type(float))
        w, x, y, z = (q / jnp.linalg.norm(q, axis=1, keepdims=True)).T
        rows = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
        return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)
