"""The refusal of a network of which not even one member fits into memory, before anything is allocated."""

import math
from collections.abc import Callable

import jax
import psutil

from eqntk_cli.domains.samples import Samples
from eqntk_cli.errors import ConfigError
from eqntk_cli.files.room import readable
from eqntk_cli.layers.network import Network
from eqntk_cli.training.footprint import Footprint

_BESIDE = 0.003  # of a width: the search ends between one that fits and one that does not, less than 1 % apart


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
    fits = _largest_that_fits(lambda width: Footprint.of(network(width), x).training(samples), available, width, needed)
    advice = f"widths up to about {fits} fit" if fits else "no width fits; use fewer or smaller samples"
    raise ConfigError(
        f"model.width={width} needs {readable(needed)} for one member in training (parameters, gradient, optimiser, "
        f"activations); {readable(available)} of memory are free: {advice}"
    )


def _largest_that_fits(needs: Callable[[int], int], available: float, fails: int, needed: int) -> int:
    """A width of which a member fits while that of one per cent more does not; 0 if even a width of 1 does not fit.

    `needed` are the bytes at the width `fails`. They grow like a power of the width, of which two tries tell the
    exponent: along it to just beside the goal, and every fourth time to the middle of what is left. Each try traces a
    network, which takes a tenth of a second.
    """
    fits, width, exponent, tries = 0, fails, 2.0, 0
    while fails - fits > max(1, fits // 100):
        tries += 1
        aim = (1 - _BESIDE if needed > available else 1 + _BESIDE) * (available / needed) ** (1 / exponent)
        guess = (fits + fails) // 2 if tries % 4 == 0 else int(width * aim)
        guess = min(max(guess, fits + 1), fails - 1)
        guess_needs = needs(guess)
        exponent = min(max(math.log(guess_needs / needed) / math.log(guess / width), 0.5), 2.0)
        width, needed = guess, guess_needs
        fits, fails = (guess, fails) if needed <= available else (fits, guess)
    return fits


def _available() -> float:
    """Bytes that are free: of the host for a CPU, else of one device."""
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return float(psutil.virtual_memory().available)
    return float((device.memory_stats() or {}).get("bytes_limit", 8 * 2**30))
