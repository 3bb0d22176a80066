"""One compiled program for all tiles: every device computes a tile of its own, at the same time.

The tiles of a batch are stacked on a leading axis that is spread over the devices (one tile each), so the program
of a device is the same for 1 CPU and for many GPUs, and so are its numbers up to rounding. A batch that is not full
repeats its last tile.
"""

import re
import resource
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from eqntk_cli.domains.samples import Samples
from eqntk_cli.errors import DeviceMemoryError, out_of_memory
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel

_AXIS = "tile"
_KIB = 1024


@dataclass(frozen=True)
class TileProgram:
    """The compiled kernel of one tile shape on a set of devices.

    Attributes:
        devices: how many tiles are computed at the same time.
        bytes_per_tile: memory that the compiler set aside on a device: inputs, working arrays and outputs.
        compile_seconds: what compiling took.
    """

    devices: int
    bytes_per_tile: int
    compile_seconds: float
    _compiled: Any
    _placed: NamedSharding

    @property
    def parts(self) -> int:
        """A tile is computed as a whole."""
        return 1

    @property
    def ahead(self) -> int:
        """How many batches to set off before the last one is fetched: none on a CPU, which would run them at once."""
        device: Any = next(iter(self._placed.device_set))
        return 0 if device.platform == "cpu" else 1

    def start(self, pairs: Sequence[tuple[Samples, Samples]]) -> KernelBlock:
        """Set off one batch of at most `devices` tiles; the result is a promise, stacked over tiles."""
        full = [*pairs, *[pairs[-1]] * (self.devices - len(pairs))]
        x1, x2 = (jax.device_put(_stacked(side), self._placed) for side in zip(*full, strict=True))
        return self._compiled(x1, x2)


def compile_tiles(
    kernel: PairKernel, x1: Samples, x2: Samples, devices: Sequence[jax.Device] | None = None
) -> TileProgram:
    """Compile the kernel for tiles with as many samples as `x1` and `x2`.

    Raises:
        DeviceMemoryError: one tile does not fit in the memory of a device.
    """
    chosen = list(jax.devices() if devices is None else devices)
    mesh = Mesh(np.array(chosen), (_AXIS,))
    spec = PartitionSpec(_AXIS)
    # check_vma off: kernels start their loops from plain zeros, which the check would have them mark as per device
    program = jax.jit(jax.shard_map(_OneTile(kernel), mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False))
    placed = NamedSharding(mesh, spec)
    shapes = [_batch_shape(x, len(chosen), placed) for x in (x1, x2)]
    start = time.perf_counter()
    try:
        with jax.default_matmul_precision("highest"):  # GPUs would round the factors of a product to ten bits
            compiled = program.lower(*shapes).compile()
    except jax.errors.JaxRuntimeError as error:
        if not out_of_memory(error):
            raise
        raise DeviceMemoryError(
            "one tile does not fit in the memory of the device; free some of it, or use smaller tiles."
        ) from error
    seconds = time.perf_counter() - start
    return TileProgram(len(chosen), _bytes(compiled), seconds, compiled, placed)


class Programs:
    """Compiled programs that are kept for the next matrices of the same kernel; the least used ones are forgotten.

    A program belongs to a kernel as an object, to shapes and types, and to devices.
    """

    def __init__(self, at_most: int = 64) -> None:
        self._at_most = at_most
        self._programs: OrderedDict[tuple[Any, ...], TileProgram] = OrderedDict()

    def __len__(self) -> int:
        return len(self._programs)

    def get(self, kernel: PairKernel, x1: Samples, x2: Samples, devices: Sequence[jax.Device]) -> TileProgram:
        """The program of `compile_tiles`, compiled once.

        Raises:
            DeviceMemoryError: one tile does not fit in the memory of a device.
        """
        leaves = (*jax.tree.leaves(x1), None, *jax.tree.leaves(x2))
        shapes = tuple(None if leaf is None else jax.typeof(leaf) for leaf in leaves)
        key = (kernel, shapes, tuple(devices))
        if key not in self._programs:
            self._programs[key] = compile_tiles(kernel, x1, x2, devices)
        self._programs.move_to_end(key)
        while len(self._programs) > self._at_most:
            self._programs.popitem(last=False)
        return self._programs[key]


def peak_bytes() -> int:
    """The most memory that this process has held at any time.

    On accelerators the peak of the one with the highest; on a CPU the peak resident size of the process.
    """
    statistics = [device.memory_stats() for device in jax.local_devices() if device.platform != "cpu"]
    peaks = [held["peak_bytes_in_use"] for held in statistics if held]
    return max(peaks) if peaks else peak_resident()


def peak_resident() -> int:
    """The largest resident memory of this process so far."""
    # VmHWM belongs to this program alone; ru_maxrss may still count the parent process that started it
    try:
        line = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        line = None
    return _KIB * (int(line[1]) if line else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


@dataclass(frozen=True, eq=False)
class _OneTile:
    """What one device does: its share of the batch is a single tile."""

    kernel: PairKernel

    def __call__(self, x1: Samples, x2: Samples) -> KernelBlock:
        own1, own2 = (jax.tree.map(_first, x) for x in (x1, x2))
        return jax.tree.map(_alone, self.kernel.block(own1, own2))


def _first(leaf: jax.Array) -> jax.Array:
    return leaf[0]


def _alone(leaf: jax.Array) -> jax.Array:
    return leaf[None]


def _stacked(parts: Sequence[Samples]) -> Samples:
    return jax.tree.map(_stack, *parts)


def _stack(*leaves: np.ndarray) -> np.ndarray:
    return np.stack(leaves)


def _batch_shape(x: Samples, devices: int, placed: NamedSharding) -> Samples:
    dtypes = jax.tree.map(lambda leaf: jax.dtypes.canonicalize_dtype(leaf.dtype), x)
    return jax.tree.map(
        lambda leaf, dtype: jax.ShapeDtypeStruct((devices, *leaf.shape), dtype, sharding=placed), x, dtypes
    )


def _bytes(compiled: Any) -> int:
    memory = compiled.memory_analysis()
    if memory is None:  # not every backend tells
        return 0
    return memory.temp_size_in_bytes + memory.argument_size_in_bytes + memory.output_size_in_bytes
