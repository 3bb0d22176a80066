"""How the work of training is laid out: members per program and device, originals per micro-batch, steps per program.

The layout is a function of shapes, precision, and kind and number of devices alone; never of the number of members,
of shards or of anything measured. Members k·n, ..., k·n + n - 1 are always trained in one program with the same
shapes, so an ensemble that is grown, sharded or resumed has the same bits; another layout gives the same numbers up
to rounding.

On a CPU temporaries should stay in the cache; on a GPU there should be enough work for all of its cores. This is the
one place that tells the two apart.
"""

import math
from dataclasses import asdict, dataclass

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jaxtyping import Array

from eqntk_cli.training.footprint import Footprint


@dataclass(frozen=True)
class Machine:
    """What a kind of device is given to do at once."""

    working_set: int  # bytes that a micro-batch of all members in a program may keep for its gradient
    members: int  # per program, at most
    operations: float  # floating-point operations of a program between two looks at Ctrl-C: a second or two


_FIXED = 2  # a micro-batch keeps so many times the bytes that do not depend on its size, or more
_STEPS = 1000  # per program at most: the order of their mini-batches is held in memory
MACHINES = {
    "cpu": Machine(working_set=3 * 2**20, members=8, operations=1e11),
    "gpu": Machine(working_set=2**31, members=64, operations=2e13),
}


@dataclass(frozen=True)
class Layout:
    """Members per program, originals (each with its whole orbit) per micro-batch, and steps per program at most."""

    members: int
    originals: int
    steps: int

    def halved(self, devices: int) -> "Layout | None":
        """Half as many members, or with one per device half a micro-batch; None where nothing is left to halve.

        The bits of the result are then another layout's. Predictions are read in chunks as large as a micro-batch.
        """
        if self.members >= 2 * devices:
            return Layout(devices * (self.members // devices // 2), self.originals, self.steps)
        return Layout(self.members, self.originals // 2, self.steps) if self.originals > 1 else None

    def values(self) -> dict[str, int]:
        """As it stands in the record of a run."""
        return asdict(self)


def layout(footprint: Footprint, originals: int, copies: int) -> Layout:
    """The layout for steps on so many originals with so many copies each, on the devices of this process."""
    machine = MACHINES.get(jax.default_backend(), MACHINES["gpu"])
    devices = jax.device_count()
    orbit = max(footprint.activations * copies, 1)
    # weights are turned, and gradients turned back and added, once per micro-batch: what it keeps should not be less
    target = max(machine.working_set, footprint.parameters, _FIXED * footprint.fixed)
    pieces = math.ceil(originals / max(1, target // orbit))
    micro = math.ceil(originals / pieces)
    member = footprint.parameters + micro * orbit
    together = 2 ** int(math.log2(min(max(machine.working_set // member, 1), machine.members)))
    members = devices * math.ceil(together / devices)
    step = members * originals * copies * footprint.operations
    return Layout(members, micro, min(max(1, int(machine.operations // max(step, 1))), _STEPS))


def padded_to_devices(keys: Array) -> Array:
    """The keys, the last one repeated until every device has the same number of members."""
    missing = -len(keys) % jax.device_count()
    return jnp.concatenate([keys, jnp.repeat(keys[-1:], missing)]) if missing else keys


def over_members(values: Array) -> Array:
    """The array with its leading axis spread over all devices."""
    mesh = jax.make_mesh((jax.device_count(),), ("member",), axis_types=(AxisType.Auto,))
    return jax.device_put(values, NamedSharding(mesh, PartitionSpec("member")))
