"""Learning curve of kernel ridge regression on QM9 energies: SO(3), finite subgroups and no symmetry.

    python experiments/qm9_learning_curve.py --root data/qm9 --work runs/qm9_learning_curve --out experiments/results

The infinite ensembles at the end of training, with a ridge: mean prediction T* (T + r tau 1)^-1 y, tau the mean
diagonal of T. Kernels: `so3`, `icosahedral` and `octahedral` (group networks; the last equally the plain network
trained on the 24 rotated copies, which is checked at N = 25) and `plain` (no symmetry). Training sets are drawn from
a pool, five draws per size, disjoint as long as the pool allows; validation (200, for the ridge) and test molecules
(300) are others, the same for all draws. Targets are centred on each training set, channels scaled on the pool. Gram
matrices are kept under --work, named after what they depend on, and a killed computation goes on there.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.architectures.spherical import SphericalMlp
from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.data.molecules.molecule_bundle import DEFAULT_BANDLIMIT
from eqntk_cli.data.registry import load_data
from eqntk_cli.domains.samples import take
from eqntk_cli.groups.quadrature import Quadrature, gauss_quadrature, identity_only
from eqntk_cli.groups.rotations import icosahedral, octahedral
from eqntk_cli.kernels.gram.matrix import Engine, gram, gram_file
from eqntk_cli.kernels.pair.molecule import MoleculeKernel
from eqntk_cli.kernels.pair.spherical import SphericalKernel
from eqntk_cli.progress import Bar
from eqntk_cli.targets.units import MEV_PER_KCAL_PER_MOL

VALIDATION, TEST, DRAWS = 200, 300, 5
SIZES = (10, 25, 50, 100, 250, 500, 1000)
RIDGES = (0.0, *(10.0 ** (k / 2) for k in range(-14, 1)))
CHECKED = 25  # molecules of the first draw whose rotated copies are trained on explicitly


def main() -> None:
    """Compute the Gram matrices, then the curves."""
    arguments = _arguments()
    architecture = ArchitectureConfig(name="spherical_mlp", bandlimit=DEFAULT_BANDLIMIT)
    dataset = DatasetConfig(
        name="qm9", family="qm9", kind="molecules", root=arguments.root,
        n_train=arguments.pool, n_test=VALIDATION + TEST, n_ood=0,
        target=arguments.target, baseline=arguments.baseline,
    )  # fmt: skip
    bundle = load_data(dataset, architecture)
    energies = bundle.target.physical(np.concatenate([bundle.train_y, bundle.test_y]))[:, 0]
    recursion = SphericalMlp(architecture).plain_atom(bundle.domain.sphere, 1, 1).kernel
    rules = {
        "plain": identity_only(),
        "octahedral": octahedral().mean,
        "icosahedral": icosahedral().mean,
        "so3": gauss_quadrature(arguments.degree),
    }
    curves, conditioning = {}, {}
    for name, rule in rules.items():
        kernel = MoleculeKernel(SphericalKernel(recursion, DEFAULT_BANDLIMIT, rule))
        tangent = matrices(name, kernel, rule, bundle, arguments.work)
        curves[name] = learning_curve(tangent, energies)
        conditioning[name] = spectrum_summary(tangent, rule)
        if name == "plain":
            plain = kernel
        if name == "octahedral":
            orbits = orbit_difference(plain, tangent, bundle)
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
        "octahedral_against_copies": orbits,
        "curves": curves,
    }
    name = f"qm9_learning_curve_{arguments.target}_{arguments.baseline}"
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (arguments.out / f"{name}.md").write_text(table(result))


def matrices(
    name: str, kernel: MoleculeKernel, rule: Quadrature, bundle: DataBundle, work: Path
) -> Float[np.ndarray, "molecule pool"]:
    """NTK of all molecules (the pool first) with those of the pool, from --work or computed."""
    work.mkdir(parents=True, exist_ok=True)
    inputs = hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in (*bundle.train_x, *bundle.test_x)))
    settings = {"kernel": name, "nodes": str(rule.nodes), "inputs": inputs.hexdigest()}
    parts = []
    for place, x1, x2 in (("pool", bundle.train_x, None), ("test", bundle.test_x, bundle.train_x)):
        path = work / f"{name}_{rule.nodes}_{inputs.hexdigest()[:12]}_{place}.npz"
        if not path.exists():
            with Bar(f"{name}, {place}", "pairs of molecules") as bar:
                engine = Engine(precision="float32", progress=bar)
                sys.stderr.write(f"{gram_file(kernel, x1, x2, path, settings, np.float32, engine)}\n")
        parts.append(np.load(path)["ntk"].astype(float))
    return np.concatenate(parts)


def draws(size: int, pool: int) -> list[Int[np.ndarray, " size"]]:
    """Five training sets: disjoint pieces of the shuffled pool, or random subsets where it is too small for that."""
    if DRAWS * size <= pool:
        order = np.random.default_rng([0, size]).permutation(pool)
        return [order[draw * size : (draw + 1) * size] for draw in range(DRAWS)]
    return [np.random.default_rng([draw, size]).permutation(pool)[:size] for draw in range(DRAWS)]


def learning_curve(
    kernel: Float[np.ndarray, "molecule pool"], energies: Float[np.ndarray, " molecule"]
) -> dict[str, dict[str, list[float]]]:
    """Per training size: test MAE of every draw with the validated ridge, and without a ridge; the ridges chosen."""
    pool = kernel.shape[1]
    curve = {}
    for size in (size for size in SIZES if size <= pool):
        rows: dict[str, list[float]] = {"mae": [], "mae_no_ridge": [], "ridge": []}
        for train in draws(size, pool):
            among, known = kernel[np.ix_(train, train)], energies[train]
            ridges = np.array(RIDGES) * np.trace(among) / size
            predicted = known.mean() + ridge_path(among, kernel[pool:, train], known - known.mean(), ridges)
            errors = np.abs(predicted - energies[pool:])
            best = int(errors[:, :VALIDATION].mean(axis=1).argmin())
            rows["mae"].append(float(errors[best, VALIDATION:].mean()))
            rows["mae_no_ridge"].append(float(errors[0, VALIDATION:].mean()))
            rows["ridge"].append(RIDGES[best])
        curve[str(size)] = rows
    return curve


def ridge_path(
    among: Float[np.ndarray, "size size"],
    across: Float[np.ndarray, "point size"],
    y: Float[np.ndarray, " size"],
    ridges: Float[np.ndarray, " ridge"],
) -> Float[np.ndarray, "ridge point"]:
    """T* (T + ridge)^-1 y for every ridge."""
    values, vectors = np.linalg.eigh(among)
    return ((across @ vectors) @ ((vectors.T @ y) / (values + ridges[:, None])).T).T


def orbit_difference(
    plain: MoleculeKernel, tangent: Float[np.ndarray, "molecule pool"], bundle: DataBundle
) -> dict[str, float]:
    """How far the octahedral prediction is from that of the plain kernel trained on all 24 copies, per ridge.

    A ridge r on the N molecules is r |G| on the N|G| copies, since every copy repeats the error of its molecule.
    """
    pool, train = len(bundle.train_y), draws(CHECKED, len(bundle.train_y))[0]
    group, y = octahedral(), bundle.train_y[train, 0]
    moved = group.orbit(bundle.domain, take(bundle.train_x, train))
    copies = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), moved)
    engine = Engine(precision="float32")
    among, across = gram(plain, copies, engine=engine).ntk, gram(plain, bundle.test_x, copies, engine).ntk
    ours = tangent[np.ix_(train, train)]
    ridges = np.array([1e-4, 1e-2]) * np.trace(ours) / CHECKED
    expected = ridge_path(ours, tangent[pool:, train], y, ridges)
    predicted = ridge_path(among.astype(float), across.astype(float), np.repeat(y, group.order), group.order * ridges)
    relative = np.sqrt(((predicted - expected) ** 2).mean(axis=1) / (expected**2).mean(axis=1))
    return {"ridge 1e-4": float(relative[0]), "ridge 1e-2": float(relative[1])}


def spectrum_summary(kernel: Float[np.ndarray, "molecule pool"], rule: Quadrature) -> dict[str, float]:
    """Smallest and largest eigenvalue of the first 1000 molecules in units of the mean diagonal; number of nodes."""
    size = min(1000, kernel.shape[1])
    part = kernel[:size, :size]
    values = np.linalg.eigvalsh(part) / (np.trace(part) / size)
    return {"smallest": float(values[0]), "largest": float(values[-1]), "nodes": rule.nodes}


def table(result: dict) -> str:
    """The curves as Markdown: mean and standard deviation over draws of the test MAE."""
    lines = [
        f"# QM9 {result['target']} (baseline: {result['baseline']}): test MAE against the number of training molecules",
        "",
        f"{result['architecture']}; SO(3) quadrature of {result['quadrature_nodes']} nodes; {DRAWS} draws from a pool "
        f"of {result['pool']} molecules, disjoint up to N = {result['pool'] // DRAWS}; {VALIDATION} other molecules "
        f"choose the ridge, {TEST} others test.",
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
            kcal = mae.mean() / MEV_PER_KCAL_PER_MOL
            lines.append(
                f"| {size} | {name} | {mae.mean():.0f} ({mae.std(ddof=1):.0f}) | {kcal:.2f} | "
                f"{np.median(rows['ridge']):.0e} | {free.mean():.3g} ({free.std(ddof=1):.2g}) |"
            )
    lines += ["", "Spectrum of 1000 molecules, in units of the mean diagonal:", ""]
    for name, row in result["conditioning_of_1000"].items():
        lines.append(f"- {name}: smallest {row['smallest']:.1e}, largest {row['largest']:.1f}, {row['nodes']} nodes")
    differences = ", ".join(
        f"{100 * value:.2g} % at {name}" for name, value in result["octahedral_against_copies"].items()
    )
    lines += [
        "",
        f"The plain kernel trained on the 24 copies of {CHECKED} molecules against the octahedral kernel, RMS over the "
        f"validation and test molecules relative to the RMS prediction: {differences}.",
    ]
    return "\n".join(lines) + "\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True, help="folder with the files of QM9")
    parser.add_argument("--work", type=Path, default=Path("runs/qm9_learning_curve"), help="folder of Gram matrices")
    parser.add_argument("--out", type=Path, default=Path("experiments/results"), help="folder of the tables")
    parser.add_argument("--pool", type=int, default=1500, help="molecules from which training sets are drawn")
    parser.add_argument("--degree", type=int, default=10, help="degree of the SO(3) quadrature")
    parser.add_argument("--target", default="u0_atom")
    parser.add_argument("--baseline", default="none")
    return parser.parse_args()


if __name__ == "__main__":
    main()
