"""Kernels that were computed before: a grid over times and ridges, or a second prediction, costs them once.

The process keeps the latest matrices up to a number of bytes. With a `joblib.Memory` they are on the disk besides,
where other processes and later sessions find them.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from eqntk_cli.files.digest import array_digest
from eqntk_cli.interface.network import Network
from eqntk_cli.kernels.dynamics.spectrum import Spectrum, decompose
from eqntk_cli.kernels.pair.base import KernelBlock

_BYTES = 1 << 29


class Memory(Protocol):
    """What is asked of a `joblib.Memory`."""

    def cache(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function, which looks on the disk before it computes."""


class Cache:
    """The latest values by their keys, as many as fit into a number of bytes; the newest is always kept."""

    def __init__(self, at_most: int = _BYTES) -> None:
        self._at_most = at_most
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[..., Any], *arguments: Any) -> Any:
        """The value of this key, computed from the arguments if it is not there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
        value = compute(*arguments)
        with self._lock:
            self._values[key] = value, sum(np.asarray(part).nbytes for part in _arrays(value))
            while len(self._values) > 1 and self.nbytes > self._at_most:
                self._values.popitem(last=False)
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()

    @property
    def nbytes(self) -> int:
        """Of all values."""
        return sum(size for _, size in self._values.values())


KEPT = Cache()


def gram(
    network: Network, x1: Float[np.ndarray, "..."], x2: Float[np.ndarray, "..."] | None, memory: Memory
) -> KernelBlock:
    """NNGP and NTK of all pairs, those of `x1` with itself without `x2`."""
    key = ("gram", network, array_digest([x1]), None if x2 is None else array_digest([x2]))
    block: KernelBlock = KEPT.get(key, memory.cache(_gram), network, x1, x2)
    return block


def variances(network: Network, x: Float[np.ndarray, "..."], memory: Memory) -> Float[np.ndarray, " sample"]:
    """K(x, x) of every sample."""
    values: np.ndarray = KEPT.get(("variances", network, array_digest([x])), memory.cache(_variances), network, x)
    return values


def spectrum(network: Network, x: Float[np.ndarray, "..."], kernel: str, memory: Memory) -> Spectrum:
    """Eigenvalues and eigenvectors of a kernel (ntk or nngp) on the samples, without a ridge."""
    block = gram(network, x, None, memory)
    rounding = float(np.finfo(network.precision).eps)
    key = ("spectrum", network, array_digest([x]), kernel)
    decomposed: Spectrum = KEPT.get(key, decompose, getattr(block, kernel), 0.0, rounding)
    return decomposed


def _gram(network: Network, x1: np.ndarray, x2: np.ndarray | None) -> KernelBlock:
    return network.gram(x1, x2)


def _variances(network: Network, x: np.ndarray) -> np.ndarray:
    return network.variances(x)


def _arrays(value: Any) -> list[Any]:
    if isinstance(value, Spectrum):
        return [value.eigenvalues, value.eigenvectors]
    return list(value) if isinstance(value, KernelBlock) else [value]
