"""The installed `eqntk kernel` on signals of the sphere, against converged values of independent code."""

import json

import numpy as np
import pytest

from tests.cli.console import real

CASES = ("so3_erf_2", "so3_relu_2", "so3_erf_3")
ACCURACIES = {
    "as it comes": ((), 1e-6),
    "more nodes": (("architecture.quadrature_tolerance=1e-7",), 1e-8),
}


def settings_of(case: dict) -> list[str]:
    """The case on file as words of the command line."""
    numbers = [f"architecture.{key}={json.dumps(case[key]).replace(' ', '')}" for key in ("W_std", "b_std")]
    words = [f"architecture.{key}={case[key]}" for key in ("hidden_layers", "activation")]
    return [f"group={case['group']}", "architecture=spherical_mlp", "precision=float64", *words, *numbers]


@pytest.mark.slow
@pytest.mark.parametrize("accuracy", ACCURACIES)
@pytest.mark.parametrize("name", CASES)
def test_the_command_gives_the_converged_values(tmp_path, reference_root, name, accuracy):
    """Signals on the equiangular grid; the accuracy is the default one, or asked for."""
    more, tolerance = ACCURACIES[accuracy]
    with np.load(reference_root / "so3_kernels.npz") as file:
        values = dict(file)
    case = json.loads((reference_root / "so3_kernels.json").read_text())[name]
    for side in ("x1", "x2"):
        np.save(tmp_path / f"{side}.npy", values[side])
    files = ("--x1", "x1.npy", "--x2", "x2.npy", "--out", "k.npz", "--json")
    done = real("kernel", *files, *settings_of(case), *more, folder=tmp_path)
    assert done.status == 0, done.err
    report = json.loads(done.out)
    assert report["route"] == "collapsed"
    assert "quadrature of degree" in report["notes"][0]
    with np.load(tmp_path / "k.npz") as stored:
        for kind in ("nngp", "ntk"):
            np.testing.assert_allclose(stored[kind], values[f"{name}/{kind}"], rtol=tolerance)
