"""Learning curve of kernel ridge regression on QM9 atomisation energies: SO(3), octahedral and plain kernels.

    python experiments/qm9_learning_curve.py --root data/qm9 --work runs/qm9_learning_curve --out experiments/results

The infinite ensembles at the end of training, with a ridge: mean prediction T* (T + r tau 1)^-1 y, tau the mean
diagonal of T. Kernels: `so3` (group network), `octahedral` (the group network, and equally the plain network trained
on the 24 rotated copies of every molecule), `plain` (no symmetry). One pool of molecules; every draw shuffles it
into training, validation (200) and test molecules (300). Targets are standardised on each training set; the ridge is
chosen on the validation molecules. Gram matrices are kept under --work and a killed computation goes on there.
"""

import argparse
import json
import sys
from pathlib import Path

import jax
import numpy as np

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.molecule_bundle import DEFAULT_BANDLIMIT
from eqntk_cli.data.qm9_targets import KCAL_PER_MOL_MEV
from eqntk_cli.data.registry import load_data
from eqntk_cli.domains.quadrature import Quadrature, gauss_quadrature, group_average, identity_only
from eqntk_cli.domains.samples import concatenate
from eqntk_cli.groups.rotations import octahedral
from eqntk_cli.kernels.gram import Engine, gram_file
from eqntk_cli.kernels.molecule import MoleculeKernel
from eqntk_cli.kernels.progress import shown
from eqntk_cli.kernels.spherical import SphericalKernel
from eqntk_cli.models.architectures.spherical_mlp import plain_network

VALIDATION, TEST, DRAWS = 200, 300, 5
SIZES = (10, 25, 50, 100, 250, 500, 1000)
RIDGES = tuple(10.0 ** (k / 2) for k in range(-14, 1))


def main() -> None:
    """Compute the three Gram matrices, then the curves."""
    arguments = _arguments()
    architecture = ArchitectureConfig(name="spherical_mlp", bandlimit=DEFAULT_BANDLIMIT)
    dataset = DatasetConfig(
        name="qm9", family="qm9", root=arguments.root, n_train=arguments.pool - TEST, n_test=TEST, n_ood=0,
        target=arguments.target, baseline=arguments.baseline,
    )  # fmt: skip
    bundle = load_data(dataset, architecture)
    pool = concatenate([bundle.train_x, bundle.test_x])
    energies = bundle.target.physical(np.concatenate([bundle.train_y, bundle.test_y]))[:, 0]
    network = plain_network(architecture, bundle.domain, 1, 1)
    rules = {
        "plain": identity_only(),
        "octahedral": group_average(octahedral()),
        "so3": gauss_quadrature(arguments.degree),
    }
    arguments.work.mkdir(parents=True, exist_ok=True)
    curves, conditioning = {}, {}
    for name, rule in rules.items():
        path = arguments.work / f"{name}.npz"
        if not path.exists():
            kernel = MoleculeKernel(SphericalKernel(network.kernel, DEFAULT_BANDLIMIT, rule))
            with shown(name, "pairs of molecules") as progress:
                engine = Engine(precision="float32", progress=progress)
                settings = {"kernel": name, "nodes": str(rule.nodes), "dataset": bundle.fingerprint()["all"]}
                report = gram_file(kernel, pool, None, path, settings, np.float32, engine)
            sys.stderr.write(f"{name}: {report}\n")
        tangent = np.load(path)["ntk"].astype(float)
        curves[name] = learning_curve(tangent, energies)
        conditioning[name] = spectrum_summary(tangent, rule)
    result = {
        "target": arguments.target,
        "baseline": arguments.baseline,
        "unit": bundle.target.unit,
        "architecture": "spherical_mlp, 2 hidden layers, relu, W_std sqrt(2), b_std 0.1, l < 4, 10 channels",
        "quadrature_degree": arguments.degree,
        "quadrature_nodes": rules["so3"].nodes,
        "precision": "float32 kernels, float64 solves",
        "pool": arguments.pool,
        "jax": jax.__version__,
        "conditioning_of_1000": conditioning,
        "curves": curves,
    }
    name = f"qm9_learning_curve_{arguments.target}_{arguments.baseline}"
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (arguments.out / f"{name}.md").write_text(table(result))


def learning_curve(kernel: np.ndarray, energies: np.ndarray) -> dict[str, dict[str, list[float]]]:
    """Per training size: test MAE of every draw with the validated ridge, and without a ridge; the ridges chosen."""
    curve = {}
    for size in SIZES:
        if size + VALIDATION + TEST > len(energies):
            continue
        rows: dict[str, list[float]] = {"mae": [], "mae_no_ridge": [], "ridge": []}
        for draw in range(DRAWS):
            order = np.random.default_rng([draw]).permutation(len(energies))
            train, validation, test = order[:size], order[-VALIDATION - TEST : -TEST], order[-TEST:]
            predictions = ridge_path(kernel, energies, train, np.concatenate([validation, test]))
            errors = np.abs(predictions - energies[np.concatenate([validation, test])])
            best = int(errors[1:, :VALIDATION].mean(axis=1).argmin()) + 1
            rows["mae"].append(float(errors[best, VALIDATION:].mean()))
            rows["mae_no_ridge"].append(float(errors[0, VALIDATION:].mean()))
            rows["ridge"].append(RIDGES[best - 1])
        curve[str(size)] = rows
    return curve


def ridge_path(kernel: np.ndarray, energies: np.ndarray, train: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Predictions at `points` for no ridge and for every one of RIDGES, (ridge, point)."""
    mean, deviation = energies[train].mean(), energies[train].std()
    values, vectors = np.linalg.eigh(kernel[np.ix_(train, train)])
    coefficients = vectors.T @ ((energies[train] - mean) / deviation)
    cross = kernel[np.ix_(points, train)] @ vectors
    ridges = np.array([0.0, *RIDGES]) * np.trace(kernel[np.ix_(train, train)]) / len(train)
    return (cross @ (coefficients / (values + ridges[:, None])).T).T * deviation + mean


def spectrum_summary(kernel: np.ndarray, rule: Quadrature) -> dict[str, float]:
    """Smallest and largest eigenvalue of the first 1000 molecules in units of the mean diagonal; number of nodes."""
    part = kernel[:1000, :1000]
    values = np.linalg.eigvalsh(part) / (np.trace(part) / len(part))
    return {"smallest": float(values[0]), "largest": float(values[-1]), "nodes": rule.nodes}


def table(result: dict) -> str:
    """The curves as Markdown: mean and standard deviation over draws of the test MAE."""
    lines = [
        f"# QM9 {result['target']} (baseline: {result['baseline']}): test MAE against the number of training molecules",
        "",
        f"{result['architecture']}; SO(3) quadrature of {result['quadrature_nodes']} nodes; {DRAWS} draws from "
        f"{result['pool']} molecules, {VALIDATION} for validation of the ridge, {TEST} for testing.",
        "Mean (standard deviation over draws); r = median chosen ridge in units of the mean diagonal.",
        "",
        "| N | kernel | MAE meV | MAE kcal/mol | r | MAE meV without ridge |",
        "|---|---|---|---|---|---|",
    ]
    for size in SIZES:
        for name, curve in result["curves"].items():
            if str(size) not in curve:
                continue
            rows = {key: np.array(value) for key, value in curve[str(size)].items()}
            mae, free = rows["mae"], rows["mae_no_ridge"]
            lines.append(
                f"| {size} | {name} | {mae.mean():.0f} ({mae.std(ddof=1):.0f}) | {mae.mean() / KCAL_PER_MOL_MEV:.2f} | "
                f"{np.median(rows['ridge']):.0e} | {free.mean():.3g} ({free.std(ddof=1):.2g}) |"
            )
    lines += ["", "Spectrum of 1000 molecules, in units of the mean diagonal:", ""]
    for name, row in result["conditioning_of_1000"].items():
        lines.append(f"- {name}: smallest {row['smallest']:.1e}, largest {row['largest']:.1f}, {row['nodes']} nodes")
    return "\n".join(lines) + "\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True, help="folder with the files of QM9")
    parser.add_argument("--work", type=Path, default=Path("runs/qm9_learning_curve"), help="folder of Gram matrices")
    parser.add_argument("--out", type=Path, default=Path("experiments/results"), help="folder of the tables")
    parser.add_argument("--pool", type=int, default=1500, help="molecules in all")
    parser.add_argument("--degree", type=int, default=8, help="degree of the SO(3) quadrature")
    parser.add_argument("--target", default="u0_atom")
    parser.add_argument("--baseline", default="none")
    return parser.parse_args()


if __name__ == "__main__":
    main()
