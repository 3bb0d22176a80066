"""A user's own images and structures, and the data of a run made of their files."""

import numpy as np

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.registry import load_data

MLP = ArchitectureConfig(name="mlp")
SPHERE = ArchitectureConfig(name="spherical_mlp", bandlimit=2)


def arrays(**changes) -> dict[str, np.ndarray]:
    """Six training and six test images with classes; a value None leaves the array out."""
    rng = np.random.default_rng(0)
    made = {
        "x_train": rng.integers(256, size=(6, 5, 5, 3), dtype=np.uint8),
        "y_train": np.arange(6) % 3,
        "x_test": rng.integers(256, size=(6, 5, 5, 3), dtype=np.uint8),
        "y_test": np.arange(6) % 3,
    }
    return {key: value for key, value in {**made, **changes}.items() if value is not None}


def images(file, **changes):
    settings = {"n_train": 4, "n_test": 3, "n_ood": 2, **changes}
    return load_data(DatasetConfig(name="arrays", family="arrays", files=file, **settings), MLP)


def molecules(count=8, **keys):
    from ase import Atoms

    rng = np.random.default_rng(1)
    made = []
    for number in range(count):
        atoms = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [0, 0.96, 0]] + 0.05 * rng.normal(size=(3, 3)))
        atoms.info = {"made": float(rng.normal()), "family": f"f{number // 2}", **keys}
        made.append(atoms)
    return made


def structures(file, **changes):
    settings = {"n_train": 4, "n_test": 2, "n_ood": 1, "target": "made", "kind": "molecules", **changes}
    return load_data(DatasetConfig(name="structures", family="structures", files=str(file), **settings), SPHERE)
