"""Throughput and accuracy of the SO(3) kernel on real atoms: pairs of atoms per second and core, and the error.

    taskset -c 0 python experiments/bench_so3.py --root data/qm9 --out experiments/results

Two sets of atoms from QM9 molecules (without --root from the molecules of ASE's G2 set), l < 4, two hidden layers,
float32, against a converged value in float64. Seconds are the smallest of the rounds, of wall clock and of processor
time (which other programs on the machine disturb less); bound to one core both are per core.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from eqntk_cli.architectures.spherical import SphericalMlp
from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.registry import load_data
from eqntk_cli.domains.molecules import AtomSignals
from eqntk_cli.groups.quadrature import Quadrature, gauss_quadrature, identity_only
from eqntk_cli.groups.rotations import octahedral
from eqntk_cli.kernels.pair.molecule import MoleculeKernel
from eqntk_cli.kernels.pair.spherical import SphericalKernel

MOLECULES = 40
CONVERGED = 24  # degree
RULES: dict[str, Quadrature] = {
    "plain": identity_only(),
    "octahedral": octahedral().mean,
    **{f"so3 degree {degree}": gauss_quadrature(degree) for degree in (6, 8, 10, 12, 16)},
}


def main() -> None:
    """Every rule for two activations."""
    arguments = _arguments()
    source = "molecules" if arguments.root is None else "qm9"
    dataset = DatasetConfig(
        name=source, family=source, kind="molecules", root=arguments.root, n_train=MOLECULES, n_test=MOLECULES, n_ood=0
    )
    bundle = load_data(dataset, ArchitectureConfig(name="spherical_mlp", bandlimit=4))
    sides = [AtomSignals(part.signals.astype(np.float32), part.mask) for part in (bundle.train_x, bundle.test_x)]
    pairs = int(sides[0].mask.sum() * sides[1].mask.sum())
    rows = []
    for activation in ("erf", "relu"):
        architecture = ArchitectureConfig(name="spherical_mlp", bandlimit=4, activation=activation)
        recursion = SphericalMlp(architecture).plain_atom(bundle.domain.sphere, 1, 1).kernel
        truth = _converged(recursion, bundle.train_x, bundle.test_x)
        for name, rule in RULES.items():
            program = jax.jit(MoleculeKernel(SphericalKernel(recursion, 4, rule)).block)
            value = np.asarray(program(*sides).ntk, float)
            wall, processor = _seconds(program, sides, arguments.rounds)
            error = np.linalg.norm(value[:8, :8] - truth) / np.linalg.norm(truth) if "so3" in name else None
            worst = float(abs(value[:8, :8] / truth - 1).max()) if "so3" in name else None
            rows.append(
                {
                    "activation": activation,
                    "kernel": name,
                    "nodes": rule.nodes,
                    "pairs_per_second": pairs / wall,
                    "pairs_per_cpu_second": pairs / processor,
                    "relative_error": error,
                    "largest_relative_error": worst,
                }
            )
    channels = bundle.domain.sphere.channels
    result = {"dataset": source, "atom_pairs": pairs, "channels": channels, "bandlimit": 4, "hidden_layers": 2,
              "precision": "float32", "jax": jax.__version__, "rows": rows}  # fmt: skip
    print(table(result))  # noqa: T201
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        stem = arguments.out / f"so3_{jax.default_backend()}"
        stem.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
        stem.with_suffix(".md").write_text(table(result))


def table(result: dict) -> str:
    """The rows as Markdown."""
    lines = [
        "# SO(3) kernel: pairs of atoms per second",
        "",
        f"{result['atom_pairs']} pairs of atoms of {result['dataset']}, l < 4, {result['channels']} channels, 2 hidden "
        "layers, float32, summed over all pairs of atoms of two molecules. Error: of the kernel between molecules, "
        f"relative, against degree {CONVERGED} in float64 (Frobenius norm; largest entry). Bound to one core, the "
        "rates are per core.",
        "",
        "| activation | kernel | nodes | pairs/s (wall) | pairs/s (processor time) | error | largest |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        errors = ["" if row[key] is None else f"{row[key]:.1e}" for key in ("relative_error", "largest_relative_error")]
        lines.append(
            f"| {row['activation']} | {row['kernel']} | {row['nodes']} | {row['pairs_per_second']:.3g} | "
            f"{row['pairs_per_cpu_second']:.3g} | {errors[0]} | {errors[1]} |"
        )
    return "\n".join(lines) + "\n"


def _converged(recursion: Any, train: AtomSignals, test: AtomSignals) -> np.ndarray:
    few = [AtomSignals(part.signals[:8], part.mask[:8]) for part in (train, test)]
    with jax.enable_x64(True):
        kernel = MoleculeKernel(SphericalKernel(recursion, 4, gauss_quadrature(CONVERGED)))
        return np.asarray(jax.jit(kernel.block)(*few).ntk)


def _seconds(program: Callable[..., Any], sides: list[AtomSignals], rounds: int) -> tuple[float, float]:
    """Smallest wall clock and processor time of one evaluation."""
    times = []
    for _ in range(rounds):
        wall, processor = time.perf_counter(), time.process_time()
        jax.block_until_ready(program(*sides))
        times.append((time.perf_counter() - wall, time.process_time() - processor))
    return min(wall for wall, _ in times), min(processor for _, processor in times)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", help="folder with the files of QM9; else the G2 molecules, which need none")
    parser.add_argument("--out", type=Path, help="folder of the table; else it is only printed")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
