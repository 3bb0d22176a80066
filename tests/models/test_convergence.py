"""Empirical kernels of finite networks: two ways of taking them, and the study over widths."""

from functools import partial

import jax
import numpy as np
import pytest

from eqntk_cli.architectures.cnn import Cnn
from eqntk_cli.architectures.spherical import SphericalMlp
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.groups.rotations import octahedral
from eqntk_cli.models.convergence import study
from eqntk_cli.models.empirical import empirical_ntk, method_that_fits
from tests.cases import ARCHITECTURES, BIASES, GAINS, planar_group
from tests.models.settings import config
from tests.models.test_theorem import ignore

GRID = PixelGrid(5, 5, 2)
X = np.random.default_rng(0).normal(size=(3, 5, 5, 2))


def planar():
    return Cnn(ARCHITECTURES["cnn valid"]).group_network(planar_group("c4"), GRID, width=4, outputs=2), X


def spherical():
    """Lifted degree by degree, which brings a transpose of its own on a CPU."""
    architecture = ArchitectureConfig(name="spherical_mlp", W_std=GAINS, b_std=BIASES)
    network = SphericalMlp(architecture).group_network(octahedral(), Sphere(2, 4), width=4, outputs=2)
    return network, np.random.default_rng(0).normal(size=(3, 4, 4))


@pytest.mark.parametrize("case", [planar, spherical])
def test_both_ways_give_the_same_ntk(case):
    network, x = case()
    params = jax.jit(network.init)(jax.random.key(0), x)
    both = [jax.jit(partial(empirical_ntk, network, x=x, method=method))(params) for method in ("jacobian", "products")]
    np.testing.assert_allclose(both[0], both[1], rtol=1e-12)


def test_gradients_that_do_not_fit_are_taken_one_by_one():
    wide = Cnn(ARCHITECTURES["cnn valid"]).group_network(planar_group("c4"), GRID, width=1024, outputs=2)
    assert method_that_fits(wide, X) == "products"


@pytest.mark.parametrize(
    "name",
    ["mlp", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cnn", "cnn 3x1", "cnn average pool"))],
)
def test_two_hidden_relu_layers_converge_to_the_recursion(name):
    """Within 3 standard errors plus the O(1/n) bias; under c4 a 3x1 window is followed by the full recursion."""
    further = {"cnn 3x1": {"filter": [3, 1]}, "cnn average pool": {"average_pool": 2}}
    architecture = {"name": name[:3], "padding": "circular"} | further.get(name, {})
    result = study(
        config("gcnn_ensemble", "c4", architecture=architecture, model_keys={"members": 64}),
        PixelGrid(4, 4, 2),
        X[:2, :4, :4],
        (8, 16, 32),
        ignore,
    )
    for row in result.rows:
        allowed = 3 * row.standard_error + 2 / row.width
        assert row.bias < allowed, f"{row.network} {row.kernel} at width {row.width}: {row.bias:.3f} > {allowed:.3f}"
    for fit in result.fits:
        assert abs(fit.exponent + 0.5) < 0.2 + 3 * fit.error


def test_linear_networks_do_not_fluctuate():
    result = study(
        config("gcnn_ensemble", architecture={"hidden_layers": 0, "W_std": 1.2, "b_std": 0.3}), GRID, X, (2, 4), ignore
    )
    for row in result.rows:
        if row.kernel == "ntk":
            assert row.fluctuation < 1e-12
            assert row.bias < 1e-12
