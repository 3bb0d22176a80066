"""What a Gram matrix costs: tile size, devices, number of samples, and what a thousand images would take.

Each line is measured in a process of its own (the number of devices of a CPU is fixed when jax starts), the lines of
a table one after another on the same machine, so their ratios mean something; the median of `--repeats` is printed.
Processor time per pair is given beside the time that passed: on a machine that is shared, only it can be compared.

    python experiments/bench_gram.py --size 28 --group c4 --json gram.json
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

_MIB = 1 << 20
_EXTRAPOLATED = 1000  # images


@dataclass(frozen=True)
class Case:
    """One measurement on random images under architecture=cnn, two hidden layers, relu.

    `symmetric`: of the images with themselves; else with as many others, where tiles may be as large as the matrix.
    """

    size: int
    samples: int
    group: str
    precision: str
    memory_mib: int | None  # of a tile; None: the engine's own choice
    devices: int
    symmetric: bool = True


def main() -> None:
    """Measure and print the tables."""
    arguments = _arguments()
    if arguments.worker:
        print(json.dumps(_measure(Case(**json.loads(arguments.worker)), arguments.repeats)))  # noqa: T201
        return
    cases = [*_tile_sizes(arguments), *_device_counts(arguments), *_sample_counts(arguments)]
    results = []
    for case in dict.fromkeys(cases):
        results.append(asdict(case) | _in_a_process(case, arguments.repeats))
        print(_line(results[-1]), flush=True)  # noqa: T201
    print(_conclusion(results))  # noqa: T201
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=16, help="side of the images in pixels")
    parser.add_argument("--samples", type=int, default=32, help="images of the tables of tile sizes and devices")
    parser.add_argument("--group", default="c4")
    parser.add_argument("--precision", default="float32", choices=["float32", "float64"])
    parser.add_argument("--devices", type=int, nargs="*", default=[1, 2], help="CPU devices to split into")
    parser.add_argument("--memory", type=int, nargs="*", default=[1, 4, 16, 64, 256], help="MiB per tile")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the measurements here")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def _tile_sizes(a: argparse.Namespace) -> list[Case]:
    return [Case(a.size, a.samples, a.group, a.precision, memory, 1, False) for memory in a.memory]


def _device_counts(a: argparse.Namespace) -> list[Case]:
    return [Case(a.size, a.samples, a.group, a.precision, None, devices) for devices in a.devices]


def _sample_counts(a: argparse.Namespace) -> list[Case]:
    counts = (a.samples // 2, a.samples, 2 * a.samples)
    return [Case(a.size, count, a.group, a.precision, None, 1) for count in counts]


def _in_a_process(case: Case, repeats: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--worker", json.dumps(asdict(case)), "--repeats", str(repeats)]
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={case.devices}"
    done = subprocess.run(command, env=os.environ | {"XLA_FLAGS": flags}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _measure(case: Case, repeats: int) -> dict[str, float]:
    import jax

    jax.config.update("jax_enable_x64", case.precision == "float64")
    import numpy as np

    from eqntk_cli.architectures.registry import pair_kernel
    from eqntk_cli.config.schema import ArchitectureConfig, GroupConfig
    from eqntk_cli.domains.pixels import PixelGrid
    from eqntk_cli.groups.registry import get_group
    from eqntk_cli.kernels.gram.matrix import Engine, gram_file
    from eqntk_cli.kernels.gram.program import peak_bytes

    x1, x2 = np.random.default_rng(0).normal(size=(2, case.samples, case.size, case.size, 1)).astype(case.precision)
    architecture = ArchitectureConfig(name="cnn", hidden_layers=2)
    kernel = pair_kernel(architecture, get_group(GroupConfig(case.group)), PixelGrid(case.size, case.size, 1))
    clock = _Clock()
    engine = Engine(memory=None if case.memory_mib is None else case.memory_mib * _MIB, progress=clock)
    reports = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "k.npz"
            reports.append(gram_file(kernel, x1, None if case.symmetric else x2, path, {}, case.precision, engine))
    last = reports[-1]
    return {
        "seconds": median(report.compute_seconds for report in reports),
        "cpu_seconds": median(clock.cpu_seconds),
        "compile_seconds": median(report.compile_seconds for report in reports),
        "pairs": last.pairs,
        "computed_pairs": len(last.grid) * last.grid.tile_rows * last.grid.tile_columns,
        "tile": (last.grid.tile_rows, last.grid.tile_columns),
        "tile_bytes": last.bytes_per_tile,
        "peak_bytes": peak_bytes(),
    }


class _Clock:
    """Processor time between the first and the last report of each matrix."""

    def __init__(self) -> None:
        self.cpu_seconds: list[float] = []
        self._start = 0.0

    def __call__(self, done: int, total: int) -> None:
        if done == 0:
            self._start = time.process_time()
        if done == total:
            self.cpu_seconds.append(time.process_time() - self._start)


def _line(r: dict) -> str:
    asked = "default" if r["memory_mib"] is None else f"{r['memory_mib']} MiB"
    per_pair = [1e3 * r[key] / r["computed_pairs"] for key in ("seconds", "cpu_seconds")]
    return (
        f"{r['size']}x{r['size']} {r['group']} {r['precision']} n={r['samples']:4d} devices={r['devices']} "
        f"{'symmetric' if r['symmetric'] else 'cross':9} tile {asked:>7} -> {r['tile'][0]:3d} x {r['tile'][1]:3d}, "
        f"{r['tile_bytes'] / _MIB:6.1f} MiB | {r['seconds']:7.2f} s, {1e3 * r['seconds'] / r['pairs']:7.3f} ms/pair; "
        f"per computed pair {per_pair[0]:7.3f} ms, {per_pair[1]:7.3f} ms of processor; "
        f"peak {r['peak_bytes'] / _MIB:4.0f} MiB"
    )


def _conclusion(results: list[dict]) -> str:
    best = min(results, key=lambda r: r["seconds"] / r["computed_pairs"])
    seconds = _EXTRAPOLATED * (_EXTRAPOLATED + 1) / 2 * best["seconds"] / best["computed_pairs"]
    span = f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 3600:.1f} h"
    flat = [r["peak_bytes"] for r in results if r["memory_mib"] is None and r["devices"] == 1]
    spread = 100 * (max(flat) / min(flat) - 1)
    return (
        f"a {_EXTRAPOLATED} x {_EXTRAPOLATED} matrix would take {span} here (extrapolated from the best line); "
        f"peak memory over the numbers of samples varies by {spread:.1f} %"
    )


if __name__ == "__main__":
    main()
