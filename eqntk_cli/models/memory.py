"""The refusal of a network of which not even one member fits into memory, before anything is allocated."""

from collections.abc import Callable

import jax
import psutil

from eqntk_cli.domains.samples import Samples
from eqntk_cli.errors import ConfigError
from eqntk_cli.files.room import readable
from eqntk_cli.layers.network import Network
from eqntk_cli.training.footprint import Footprint


def fitting_footprint(network: Callable[[int], Network], width: int, x: Samples, samples: int) -> Footprint:
    """What one member takes; a width of which not even one fits into memory is refused.

    `network` makes the network of a width.

    Raises:
        ConfigError: with the bytes that one member needs, and the largest width that fits.
    """
    available = _available()
    footprint = Footprint.of(network(width), x)
    needed = footprint.training(samples)
    if needed <= available:
        return footprint
    fits = _largest_that_fits(lambda width: Footprint.of(network(width), x).training(samples) <= available, width)
    advice = f"widths up to about {fits} fit" if fits else "no width fits; use fewer or smaller samples"
    raise ConfigError(
        f"model.width={width} needs {readable(needed)} for one member in training (parameters, gradient, optimiser, "
        f"activations); {readable(available)} of memory are free: {advice}"
    )


def _largest_that_fits(fit: Callable[[int], bool], fails: int) -> int:
    """A width of which a member fits while that of one per cent more does not; 0 if even a width of 1 does not fit.

    Powers of ten down, then halves of what is left: each try traces a network, which takes a tenth of a second.
    """
    fits = fails
    while fits and not fit(fits):
        fits, fails = fits // 10, fits
    while fails - fits > max(1, fits // 100):
        middle = (fits + fails) // 2
        fits, fails = (middle, fails) if fit(middle) else (fits, middle)
    return fits


def _available() -> float:
    """Bytes that are free: of the host for a CPU, else of one device."""
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return float(psutil.virtual_memory().available)
    return float((device.memory_stats() or {}).get("bytes_limit", 8 * 2**30))
