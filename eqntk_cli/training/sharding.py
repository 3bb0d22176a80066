"""Members over devices: the same program on one CPU, eight simulated ones or many GPUs."""

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jaxtyping import Array


def padded_to_devices(keys: Array) -> Array:
    """The keys, the last one repeated until every device has the same number of members."""
    missing = -len(keys) % jax.device_count()
    return jnp.concatenate([keys, jnp.repeat(keys[-1:], missing)]) if missing else keys


def over_members(values: Array) -> Array:
    """The array with its leading axis spread over all devices."""
    mesh = jax.make_mesh((jax.device_count(),), ("member",), axis_types=(AxisType.Auto,))
    return jax.device_put(values, NamedSharding(mesh, PartitionSpec("member")))
