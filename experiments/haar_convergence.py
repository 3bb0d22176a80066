"""How training on random rotations approaches the SO(3) network, at infinite width, on molecules of QM9.

    python experiments/haar_convergence.py --root data/qm9 --out experiments/results

Infinite ensembles under gradient flow, f_t(x) = T* V (1 - exp(-t lambda/N))/lambda V^T y: the plain network trained
on k random rotations of every molecule, against the SO(3) group network trained on the molecules. The distance is
the RMS over test molecules relative to the RMS of the SO(3) prediction; its spread is over draws of the rotations.
"""

import argparse
import json
from pathlib import Path

import jax
import numpy as np

from eqntk_cli.architectures.spherical import SphericalMlp
from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.data.registry import load_data
from eqntk_cli.domains.molecules import AtomSignals
from eqntk_cli.groups.quadrature import Quadrature, gauss_quadrature, identity_only
from eqntk_cli.groups.rotations import octahedral
from eqntk_cli.groups.so3 import SO3
from eqntk_cli.kernels.gram.matrix import gram
from eqntk_cli.kernels.pair.molecule import MoleculeKernel
from eqntk_cli.kernels.pair.spherical import SphericalKernel

ROTATIONS = (1, 4, 16, 64)
TIMES = (1.0, 30.0, 1000.0)  # in units of N / largest eigenvalue of the SO(3) kernel


def main() -> None:
    """One table: distance to the SO(3) prediction against the number of rotations, at three times."""
    arguments = _arguments()
    architecture = ArchitectureConfig(name="spherical_mlp", bandlimit=3)
    dataset = DatasetConfig(
        name="qm9",
        family="qm9",
        kind="molecules",
        root=arguments.root,
        n_train=arguments.train,
        n_test=arguments.test,
        n_ood=0,
    )
    bundle = load_data(dataset, architecture)
    kernels = {
        "so3": _kernel(architecture, bundle, gauss_quadrature(10)),
        "octahedral": _kernel(architecture, bundle, octahedral().mean),
        "plain": _kernel(architecture, bundle, identity_only()),
    }
    train, test, y = bundle.train_x, bundle.test_x, bundle.train_y[:, 0]
    tangent = gram(kernels["so3"], train).ntk
    unit = len(y) / np.linalg.eigvalsh(tangent)[-1]
    times = [time * unit for time in TIMES]
    target = flow(tangent, gram(kernels["so3"], test, train).ntk, y, times)
    rows = {}
    whole = flow(gram(kernels["octahedral"], train).ntk, gram(kernels["octahedral"], test, train).ntk, y, times)
    rows["octahedral orbit (24)"] = [_distances(whole, target)]
    none = flow(gram(kernels["plain"], train).ntk, gram(kernels["plain"], test, train).ntk, y, times)
    rows["no augmentation"] = [_distances(none, target)]
    for copies in ROTATIONS:
        distances = []
        for draw in range(arguments.draws):
            turned = rotated_copies(bundle, copies, draw)
            among, across = gram(kernels["plain"], turned).ntk, gram(kernels["plain"], test, turned).ntk
            distances.append(_distances(flow(among, across, np.repeat(y, copies), times), target))
        rows[f"{copies} random rotations"] = distances
    arguments.out.mkdir(parents=True, exist_ok=True)
    result = {
        "n_train": len(y),
        "n_test": len(bundle.test_y),
        "times": TIMES,
        "distances": rows,
        "jax": jax.__version__,
    }
    (arguments.out / "haar_convergence.json").write_text(json.dumps(result, indent=1) + "\n")
    (arguments.out / "haar_convergence.md").write_text(table(result))


def flow(among: np.ndarray, across: np.ndarray, y: np.ndarray, times: list[float]) -> np.ndarray:
    """Mean predictions under gradient flow, (time, test)."""
    values, vectors = np.linalg.eigh(among)
    progress = [-np.expm1(-time * values / len(y)) / values for time in times]
    return np.array([across @ (vectors @ (factor * (vectors.T @ y))) for factor in progress])


def rotated_copies(bundle: DataBundle, copies: int, seed: int) -> AtomSignals:
    """Every training molecule under `copies` rotations of its own, one after another."""
    train = bundle.train_x
    rotations = SO3().random_elements(len(train.mask) * copies, seed).reshape(-1, copies, 3, 3)
    turned = [
        bundle.domain.move(own, AtomSignals(train.signals[i : i + 1], train.mask[i : i + 1]))
        for i, own in enumerate(rotations)
    ]
    signals = np.concatenate([np.asarray(part.signals)[0] for part in turned])
    return AtomSignals(signals, np.repeat(train.mask, copies, axis=0))


def table(result: dict) -> str:
    """Mean and standard deviation over draws, in per cent of the RMS of the SO(3) prediction."""
    lines = [
        "# Infinite-width plain networks on rotated copies against the SO(3) network (QM9, u0_atom)",
        "",
        f"{result['n_train']} training and {result['n_test']} test molecules; RMS distance in % of the SO(3) "
        "prediction's RMS, mean (standard deviation over draws of the rotations); t in units of N over the largest "
        "eigenvalue.",
        "",
        "| training set | " + " | ".join(f"t = {time:g}" for time in result["times"]) + " |",
        "|---|" + "---|" * len(result["times"]),
    ]
    for name, distances in result["distances"].items():
        values = 100 * np.array(distances)
        spread = values.std(axis=0, ddof=1) if len(values) > 1 else None
        cells = [
            f"{mean:.2f}" + ("" if spread is None else f" ({spread[column]:.2f})")
            for column, mean in enumerate(values.mean(axis=0))
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _kernel(architecture: ArchitectureConfig, bundle: DataBundle, rule: Quadrature) -> MoleculeKernel:
    recursion = SphericalMlp(architecture).plain_atom(bundle.domain.sphere, 1, 1).kernel
    return MoleculeKernel(SphericalKernel(recursion, bundle.domain.sphere.bandlimit, rule))


def _distances(values: np.ndarray, target: np.ndarray) -> list[float]:
    return (np.sqrt(((values - target) ** 2).mean(axis=1)) / np.sqrt((target**2).mean(axis=1))).tolist()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True, help="folder with the files of QM9")
    parser.add_argument("--out", type=Path, default=Path("experiments/results"), help="folder of the table")
    parser.add_argument("--train", type=int, default=16)
    parser.add_argument("--test", type=int, default=64)
    parser.add_argument("--draws", type=int, default=5)
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    return arguments


if __name__ == "__main__":
    main()
