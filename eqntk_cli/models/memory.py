"""How many members fit into memory at once."""

import math

import jax
import numpy as np
import psutil

from eqntk_cli.domains.samples import count, take
from eqntk_cli.training.ensemble import EnsembleTrainer

_SHARE = 0.2  # of the free memory, for one block of members
_HOST_CEILING = 2**29  # on a CPU larger blocks are not faster, and smaller ones lose less when a run is killed
_COPIES_OF_PARAMETERS = 4  # parameters, gradients, optimiser state and the copy being written
_COPIES_OF_ACTIVATIONS = 3  # forward, backward, and what the compiler keeps


def members_that_fit(trainer: EnsembleTrainer, members: int) -> int:
    """Members per block, a multiple of the number of devices unless there are fewer members."""
    devices = jax.device_count()
    fitting = devices * max(1, int(_budget() // _bytes_per_member(trainer)))
    blocks = math.ceil(members / fitting)
    return min(members, devices * math.ceil(members / blocks / devices))  # blocks of equal size


def _budget() -> float:
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return min(_SHARE * psutil.virtual_memory().available / jax.device_count(), _HOST_CEILING)
    limit = (device.memory_stats() or {}).get("bytes_limit", 8 * 2**30)
    return 3 * _SHARE * limit


def _bytes_per_member(trainer: EnsembleTrainer) -> float:
    """Parameters and activations of one member in the largest forward pass."""
    one = take(trainer.train_x, slice(0, 1))
    params = jax.eval_shape(trainer.network.init, jax.random.key(0), one)
    item = np.dtype(trainer.train_y.dtype).itemsize
    weights = sum(leaf.size for leaf in jax.tree.leaves(params)) * item
    compiled = jax.jit(trainer.network.apply).lower(params, one).compile().memory_analysis()
    activations = (compiled.temp_size_in_bytes if compiled else weights) * count(trainer.train_x)
    return _COPIES_OF_PARAMETERS * weights + _COPIES_OF_ACTIVATIONS * activations
