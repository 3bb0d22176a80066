"""How much memory a member takes, how many members fit into it at once, and the refusal of one that does not fit.

Everything is estimated from shapes, before anything is allocated: the parameters, and what the gradient keeps of
the forward pass (the residuals of its linearisation).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
import psutil
from jaxtyping import Array

from eqntk_cli.domains.samples import Samples, count
from eqntk_cli.errors import ConfigError
from eqntk_cli.files.room import readable
from eqntk_cli.layers.network import Network, Params
from eqntk_cli.training.ensemble import EnsembleTrainer

_SHARE = 0.2  # of the free memory, for one block of members
_HOST_CEILING = 2**29  # on a CPU larger blocks are not faster, and smaller ones lose less when a run is killed
_COPIES_OF_PARAMETERS = 4  # parameters, gradients, optimiser state and the copy being written
_COPIES_OF_ACTIVATIONS = 3  # forward, backward, and what the compiler keeps


@dataclass(frozen=True)
class Footprint:
    """Bytes of one member: its parameters, and what the gradient of one sample keeps besides them."""

    parameters: int
    activations: int

    @classmethod
    def of(cls, network: Network, x: Samples) -> "Footprint":
        """From the shapes of the parameters, and of what the gradients of one and of two samples keep."""
        one, two = (jax.tree.map(partial(_shaped, samples), x) for samples in (1, 2))
        params = jax.eval_shape(network.init, jax.random.key(0), one)
        kept = [jax.eval_shape(partial(_kept, network), params, samples) for samples in (one, two)]
        return cls(_bytes(params), _bytes(kept[1]) - _bytes(kept[0]))

    def training(self, samples: int) -> int:
        """Bytes of one member while it is trained on so many samples at once."""
        return _COPIES_OF_PARAMETERS * self.parameters + _COPIES_OF_ACTIVATIONS * self.activations * samples


def require_room(network: Callable[[int], Network], width: int, x: Samples, samples: int) -> None:
    """Refuse a width of which not even one member fits into memory; `network` makes the network of a width.

    Raises:
        ConfigError: with the bytes that one member needs, and the largest width that fits.
    """
    available = _available()
    needed = Footprint.of(network(width), x).training(samples)
    if needed <= available:
        return
    fits, fails = 0, width
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if Footprint.of(network(middle), x).training(samples) <= available:
            fits = middle
        else:
            fails = middle
    advice = f"widths up to about {fits} fit" if fits else "no width fits; use fewer or smaller samples"
    raise ConfigError(
        f"model.width={width} needs {readable(needed)} for one member in training (parameters, gradient, optimiser, "
        f"activations); {readable(available)} of memory are free: {advice}"
    )


def members_that_fit(trainer: EnsembleTrainer, members: int) -> int:
    """Members per block, a multiple of the number of devices unless there are fewer members."""
    devices = jax.device_count()
    each = Footprint.of(trainer.network, trainer.train_x).training(count(trainer.train_x))
    fitting = devices * max(1, int(_budget() // each))
    blocks = math.ceil(members / fitting)
    return min(members, devices * math.ceil(members / blocks / devices))  # blocks of equal size


def _budget() -> float:
    if jax.local_devices()[0].platform == "cpu":
        return min(_SHARE * _available() / jax.device_count(), _HOST_CEILING)
    return 3 * _SHARE * _available()


def _available() -> float:
    """Bytes that are free: of the host for a CPU, else of one device."""
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return float(psutil.virtual_memory().available)
    return float((device.memory_stats() or {}).get("bytes_limit", 8 * 2**30))


def _shaped(samples: int, leaf: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((samples, *leaf.shape[1:]), leaf.dtype)


def _kept(network: Network, params: Params, x: Samples) -> object:
    return jax.vjp(lambda varied: network.apply(varied, x), params)[1]


def _bytes(tree: object) -> int:
    return sum(math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(tree))
