"""What a planar kernel costs: the stream over offsets against the full recursion and against neural-tangents.

All contestants compute the NTK and NNGP of the same network (two convolutions 3x3, valid, ReLU, average pooling,
dense read-out) between the same images, averaged over the rotations of C4, in one process and in turns; medians over
rounds are printed. Processor time stands beside the time that passed: on a machine that is shared only it can be
compared. Operations and bytes are counted by the compiler for one offset and set against measured ceilings.

    python experiments/bench_planar.py --neural-tangents DIR --out experiments/results

neural_tangents_oracle.py says how DIR is made; without it that contestant is left out.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import neural_tangents_oracle
import numpy as np
import planar_tables

from eqntk_cli.architectures.cnn import Cnn
from eqntk_cli.architectures.registry import pair_kernel
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.groups.planar import cyclic
from eqntk_cli.recursion.activations.registry import get_activation
from eqntk_cli.recursion.arc import arccos
from eqntk_cli.recursion.planar.axis import OffsetAxis
from eqntk_cli.recursion.planar.offset import OffsetInput
from eqntk_cli.recursion.planar.signal import OffsetSignal

_GAINS, _BIASES = (1.3, 1.1, 0.9), (0.2, 0.1, 0.05)
_GROUP = cyclic(4)
_MIB = 1 << 20
Kernel = Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]


def main() -> None:
    """Measure, print and write down."""
    arguments = _arguments()
    stax = None if arguments.neural_tangents is None else neural_tangents_oracle.load(arguments.neural_tangents)
    report: dict[str, Any] = {"machine": _machine(), "ceilings": _ceilings()}
    report["contests"] = [_contest(size, arguments, stax) for size in arguments.sizes]
    report["memory"] = _memory(28)
    report["work"] = [_work(size, report) for size in arguments.sizes]
    text = planar_tables.markdown(report)
    print(text)  # noqa: T201
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        stem = arguments.out / f"planar_{jax.default_backend()}"
        stem.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
        stem.with_suffix(".md").write_text(text + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 28], help="sides of the images in pixels")
    parser.add_argument("--images", type=int, default=8, help="images on each side of a block of pairs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--neural-tangents", type=Path, default=None, help="folder that holds the package")
    parser.add_argument("--out", type=Path, default=None, help="folder to write the tables to")
    return parser.parse_args()


def _settings() -> ArchitectureConfig:
    return ArchitectureConfig(name="cnn", hidden_layers=2, W_std=list(_GAINS), b_std=list(_BIASES))


def _contest(size: int, arguments: argparse.Namespace, stax: Any) -> dict[str, Any]:
    """Seconds per pair of images (all rotations) of every contestant, and how far their values are apart."""
    domain = PixelGrid(size, size, 1)
    rng = np.random.default_rng(0)
    x1, x2 = (jnp.asarray(rng.normal(size=(arguments.images, *domain.shape)), jnp.float32) for _ in range(2))
    routes = {name: pair_kernel(_settings(), _GROUP, domain, name).block for name in ("collapsed", "recursion")}
    contestants: dict[str, tuple[Kernel, jax.Array, jax.Array]] = {
        "stream": (jax.jit(routes["collapsed"]), x1, x2),
        "full (g, g') recursion, one pair": (jax.jit(routes["recursion"]), x1[:1], x2[:1]),
    }
    if stax is not None:
        plain = neural_tangents_oracle.convolutional_kernel(stax, 3, "VALID", _GAINS, _BIASES)
        contestants["neural-tangents"] = (partial(_averaged, plain, domain), x1, x2)
    values = {name: np.stack(function(a, b)) for name, (function, a, b) in contestants.items()}  # compiles
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(arguments.rounds):
        for name, (function, a, b) in contestants.items():
            seconds[name].append(_timed(partial(function, a, b), len(a) * len(b)))
    result: dict[str, Any] = {"size": size, "images": arguments.images, "contestants": {}}
    for name, times in seconds.items():
        block = values["stream"][:, : values[name].shape[1], : values[name].shape[2]]
        result["contestants"][name] = {
            "wall_s_per_pair": median(wall for wall, _ in times),
            "cpu_s_per_pair": median(cpu for _, cpu in times),
            "largest_relative_difference": float(np.abs(values[name] / block - 1).max()),
        }
    return result


def _averaged(plain: Kernel, domain: PixelGrid, x1: jax.Array, x2: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A plain kernel averaged over the rotations of the second images."""
    moved = jnp.moveaxis(_GROUP.orbit(domain, x2), 1, 0)
    parts = [plain(x1, rotated) for rotated in moved]
    nngp, ntk = (jnp.stack(values).mean(axis=0) for values in zip(*parts, strict=True))
    return nngp, ntk


def _timed(call: Callable[[], Any], units: int) -> tuple[float, float]:
    """Seconds that passed and processor seconds, per unit."""
    wall, cpu = time.perf_counter(), time.process_time()
    jax.block_until_ready(call())
    return (time.perf_counter() - wall) / units, (time.process_time() - cpu) / units


def _ceilings() -> dict[str, float]:
    """Processor seconds per element of what the stream consists of, in cache, and of a copy in memory."""
    relu = get_activation("relu")
    dual = jax.jit(lambda x: relu.dual(x, jnp.full_like(x, 0.9), jnp.full_like(x, 1.1)))
    functions = {"copy": jnp.negative, "arccos": arccos, "library arccos": jnp.arccos}
    x = jnp.asarray(np.random.default_rng(0).uniform(-0.9, 0.9, 1 << 16), jnp.float32)
    large = jnp.zeros(1 << 26, jnp.float32)
    out = {f"{name}, in cache, ns": _ns_per_element(function, x) for name, function in functions.items()}
    out["ReLU dual, in cache, ns"] = _ns_per_element(lambda x: sum(dual(x)), x)
    negate = jax.jit(jnp.negative)
    negate(large).block_until_ready()
    seconds = median(_timed(lambda: negate(large), large.size)[0] for _ in range(5))
    return out | {"copy in memory, GB/s": 8e-9 / seconds}


def _ns_per_element(function: Callable[[jax.Array], jax.Array], x: jax.Array) -> float:
    loop = jax.jit(lambda x: jax.lax.fori_loop(0, 100, lambda _, y: function(0.7 * y), x))
    loop(x).block_until_ready()
    return 1e9 * median(_timed(partial(loop, x), 100 * x.size)[1] for _ in range(5))


def _memory(size: int) -> dict[str, Any]:
    """Memory of one tile under C4 as the compiler sets it aside; nothing in it depends on the number of images."""
    kernel = pair_kernel(_settings(), _GROUP, PixelGrid(size, size, 1), "collapsed")
    rows = []
    for images in (4, 8, 16, 32):
        x = jax.ShapeDtypeStruct((images, size, size, 1), jnp.float32)
        plan = jax.jit(kernel.block).lower(x, x).compile().memory_analysis()
        rows.append({"tile": f"{images}x{images}", "mib": plan.temp_size_in_bytes / _MIB})
    table = 4 * (_GROUP.order * (size - 2) ** 2) ** 2 / _MIB
    return {"size": size, "tiles": rows, "one_array_of_the_full_recursion_mib_per_pair": table}


def _work(size: int, report: dict[str, Any]) -> dict[str, Any]:
    """Operations and bytes per pair, counted by the compiler for one offset, against the ceilings."""
    axis = OffsetAxis(size, (3, 3), (1, 1), "valid")
    samples = 8
    x = jax.ShapeDtypeStruct((samples, size, size, 1), jnp.float32)
    one = jax.jit(partial(_one_offset, Cnn(_settings()).plain_network(PixelGrid(size, size, 1), 1, 1), axis))
    offset = jax.ShapeDtypeStruct((), jnp.int32)
    cost = one.lower(x, x, offset).compile().cost_analysis()
    offsets = _GROUP.order * axis.offsets**2 / samples**2
    entries = _GROUP.order * ((size - 2) ** 4 + (size - 4) ** 4)
    contest = next(c for c in report["contests"] if c["size"] == size)
    seconds = contest["contestants"]["stream"]["cpu_s_per_pair"]
    return {
        "size": size,
        "needed_entries_per_pair": entries,
        "computed_entries_per_pair": _GROUP.order * axis.offsets**2 * (axis.cells(1) ** 2 + axis.cells(2) ** 2),
        "operations_per_pair": offsets * (cost["flops"] + cost.get("transcendentals", 0.0)),
        "bytes_per_pair": offsets * cost["bytes accessed"],
        "cpu_ns_per_needed_entry": 1e9 * seconds / entries,
        "gflop_per_cpu_s": 1e-9 * offsets * cost["flops"] / seconds,
        "gb_per_cpu_s": 1e-9 * offsets * cost["bytes accessed"] / seconds,
    }


def _one_offset(
    network: Any, axis: OffsetAxis, x1: jax.Array, x2: jax.Array, offset: jax.Array
) -> tuple[jax.Array, ...]:
    """The work of one offset, without the variances: the layers on plain cells."""
    images = OffsetSignal.of(x1, x2, axis, axis, level=0)
    state = OffsetInput.of_images(images, (offset, offset))
    for layer in network.layers[:4]:
        if hasattr(layer, "activation"):
            ones = [jnp.ones((x.shape[0], axis.counts[state.level], axis.counts[state.level])) for x in (x1, x2)]
            state = state.activate_with(layer.activation, OffsetSignal.of(*ones, axis, axis, state.level))
        else:
            state = layer.kernel(state)
    return state.nngp, state.ntk


def _machine() -> dict[str, Any]:
    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), cpu)
    load = f"{os.getloadavg()[0]:.1f}"  # processes that wanted a core when the run began: above the cores, it is shared
    return {"cpu": cpu, "cores": os.cpu_count(), "load": load, "device": str(jax.devices()[0]), "jax": jax.__version__}


if __name__ == "__main__":
    main()
