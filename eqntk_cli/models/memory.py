"""The refusal of a network of which not even one member fits into memory, before anything is allocated."""

from collections.abc import Callable

import jax
import psutil

from eqntk_cli.domains.samples import Samples
from eqntk_cli.errors import ConfigError
from eqntk_cli.files.room import readable
from eqntk_cli.layers.network import Network
from eqntk_cli.training.footprint import Footprint


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


def _available() -> float:
    """Bytes that are free: of the host for a CPU, else of one device."""
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return float(psutil.virtual_memory().available)
    return float((device.memory_stats() or {}).get("bytes_limit", 8 * 2**30))
