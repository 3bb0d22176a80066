"""The error of the SO(3) quadrature against the ridge: how many nodes and which precision a Gram matrix needs.

    python experiments/so3_conditioning.py --root data/qm9 --out experiments/results

A quadrature is no group, so its Gram matrix is symmetric and positive only up to its error. For molecules of QM9 the
error in the spectral norm, the smallest eigenvalue and the test error for several ridges are set side by side, all
lengths in units of the mean diagonal; `full` is a quadrature of degree 20 in float64. The matrices of the finite
subgroups are positive by construction and belong to slightly other kernels.
"""

import argparse
import json
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float
from qm9_learning_curve import ridge_path

from eqntk_cli.architectures.spherical import SphericalMlp
from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.data.registry import load_data
from eqntk_cli.domains.samples import cast
from eqntk_cli.groups.quadrature import Quadrature, gauss_quadrature
from eqntk_cli.groups.rotations import icosahedral, octahedral
from eqntk_cli.kernels.gram.matrix import Engine, gram
from eqntk_cli.kernels.pair.molecule import MoleculeKernel
from eqntk_cli.kernels.pair.spherical import SphericalKernel

BANDLIMIT, FULL_DEGREE = 4, 20
RIDGES = (0.0, 1e-6, 1e-5, 1e-4, 1e-3)
CASES: tuple[tuple[str, Quadrature, str], ...] = (
    *((f"so3, degree {degree}", gauss_quadrature(degree), "float32") for degree in (4, 6, 8, 10, 12)),
    *((f"so3, degree {degree}", gauss_quadrature(degree), "float64") for degree in (8, 10, 12, 16)),
    ("octahedral", octahedral().mean, "float32"),
    ("icosahedral", icosahedral().mean, "float32"),
)


def main() -> None:
    """One table."""
    arguments = _arguments()
    architecture = ArchitectureConfig(name="spherical_mlp", bandlimit=BANDLIMIT)
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
    full = matrices(architecture, bundle, gauss_quadrature(FULL_DEGREE), "float64")
    rows = [row(f"so3, degree {FULL_DEGREE}", "float64", full, full, bundle)]
    for name, rule, precision in CASES:
        kernels = matrices(architecture, bundle, rule, precision)
        rows.append(row(name, precision, kernels, full, bundle) | {"nodes": rule.nodes})
    rows[0]["nodes"] = gauss_quadrature(FULL_DEGREE).nodes
    result = {"n_train": arguments.train, "n_test": arguments.test, "unit": bundle.target.unit, "ridges": RIDGES,
              "jax": jax.__version__, "rows": rows}  # fmt: skip
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "so3_conditioning.json").write_text(json.dumps(result, indent=1) + "\n")
    (arguments.out / "so3_conditioning.md").write_text(table(result))


def matrices(
    architecture: ArchitectureConfig, bundle: DataBundle, rule: Quadrature, precision: str
) -> tuple[Float[np.ndarray, "train train"], Float[np.ndarray, "test train"]]:
    """NTK of the training molecules, symmetrised, and of test with training molecules."""
    recursion = SphericalMlp(architecture).plain_atom(bundle.domain.sphere, 1, 1).kernel
    kernel = MoleculeKernel(SphericalKernel(recursion, BANDLIMIT, rule))
    train, test = cast(bundle.train_x, precision), cast(bundle.test_x, precision)
    engine = Engine(precision=precision)
    among = np.asarray(gram(kernel, train, engine=engine).ntk, float)
    return (among + among.T) / 2, np.asarray(gram(kernel, test, train, engine).ntk, float)


def row(
    name: str,
    precision: str,
    kernels: tuple[np.ndarray, np.ndarray],
    full: tuple[np.ndarray, np.ndarray],
    bundle: DataBundle,
) -> dict[str, object]:
    """Error, smallest eigenvalue and test errors of one matrix."""
    among, across = kernels
    unit = float(np.trace(full[0])) / len(full[0])
    y = bundle.train_y[:, 0]
    predictions = ridge_path(among, across, y, np.array(RIDGES) * unit)
    truth = bundle.target.physical(bundle.test_y)[:, 0]
    errors = np.abs(bundle.target.physical(predictions[..., None])[..., 0] - truth).mean(axis=1)
    return {
        "kernel": name,
        "precision": precision,
        "error": float(np.linalg.norm(among - full[0], 2)) / unit,
        "smallest": float(np.linalg.eigvalsh(among)[0]) / unit,
        "mae": [float(error) for error in errors],
    }


def table(result: dict) -> str:
    """The rows as Markdown."""
    heads = " | ".join("no ridge" if ridge == 0 else f"{ridge:.0e}" for ridge in result["ridges"])
    lines = [
        "# Quadrature error of the SO(3) kernel against the ridge (QM9, u0_atom)",
        "",
        f"{result['n_train']} training and {result['n_test']} test molecules, l < {BANDLIMIT}, 10 channels, 2 hidden "
        "layers, relu. Error: spectral norm of the difference of the training matrix to degree 20 in float64; "
        "smallest: smallest eigenvalue; both, and the ridges, in units of the mean diagonal. Last columns: test MAE in "
        f"{result['unit']}.",
        "",
        f"| kernel | nodes | precision | error | smallest | {heads} |",
        "|---|---|---|---|---|" + "---|" * len(result["ridges"]),
    ]
    for entry in result["rows"]:
        cells = " | ".join(f"{error:.0f}" for error in entry["mae"])
        lines.append(
            f"| {entry['kernel']} | {entry['nodes']} | {entry['precision']} | {entry['error']:.1e} | "
            f"{entry['smallest']:.1e} | {cells} |"
        )
    return "\n".join(lines) + "\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True, help="folder with the files of QM9")
    parser.add_argument("--out", type=Path, default=Path("experiments/results"), help="folder of the table")
    parser.add_argument("--train", type=int, default=64)
    parser.add_argument("--test", type=int, default=64)
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    return arguments


if __name__ == "__main__":
    main()
