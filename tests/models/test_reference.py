"""Kernel values of independent code, for every case on file."""

import json

import jax
import numpy as np
import pytest

from eqntk_cli.architectures.registry import pair_kernel
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.pixels import PixelGrid
from tests.cases import planar_group

FILES = ("planar_kernels", "full_recursion")
TOLERANCES = {"float64": 1e-10, "float32": 1e-4}


@pytest.mark.parametrize(
    ("file", "precision", "names"),
    [
        *((file, "float64", None) for file in FILES),
        ("full_recursion", "float32", None),
        ("planar_kernels", "float32", ("cnn_relu_same_c1", "mlp_erf_c4")),
        pytest.param("planar_kernels", "float32", None, marks=pytest.mark.slow),  # the programs of float64 again
    ],
)
def test_reference_values(reference_root, file, precision, names):
    """`names` are the cases, None for all."""
    arrays = np.load(reference_root / f"{file}.npz")
    cases = json.loads((reference_root / f"{file}.json").read_text())
    x1, x2 = (arrays[name].astype(precision) for name in ("x1", "x2"))
    checked = 0
    for name in names or cases:
        case = cases[name]
        config = ArchitectureConfig(
            name=case["kind"],
            hidden_layers=case["hidden_layers"],
            activation=case["activation"],
            W_std=case["W_std"],
            b_std=case["b_std"],
            filter=case["filter"] or 3,
            padding=(case["padding"] or "valid").lower(),
            group_support=case.get("group_support", "full"),
        )
        kernel = pair_kernel(config, planar_group(case["group"]), PixelGrid(*x1.shape[1:]))
        block = jax.jit(kernel.block)(x1, x2)
        for quantity, values in block._asdict().items():
            np.testing.assert_allclose(
                values, arrays[f"{name}/{quantity}"], rtol=TOLERANCES[precision], err_msg=f"{name} {quantity}"
            )
            checked += 1
    assert checked == 2 * len(names or cases)
