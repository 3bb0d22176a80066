"""Inputs that nearly coincide, in single precision: the angle between them is the root of what a rounding moves."""

import jax
import numpy as np
import pytest

from eqntk_cli.architectures.registry import plain_kernel
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.domains.sphere import Sphere

DISTANCES = np.array([0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1])
DOMAINS = {"mlp": PixelGrid(5, 5, 2), "spherical_mlp": Sphere(4, 3)}


def near_samples(domain) -> np.ndarray:
    """One sample and others at the distances, exactly representable in single precision."""
    first, step = np.random.default_rng(0).normal(size=(2, *domain.shape))
    return np.stack([first + distance * step for distance in DISTANCES]).astype(np.float32)


@pytest.mark.parametrize("activation", ["relu", "abs"])
@pytest.mark.parametrize("name", DOMAINS)
def test_eight_layers_keep_the_promise_of_single_precision(name, activation):
    x = near_samples(DOMAINS[name])
    bandlimit = DOMAINS[name].bandlimit if name == "spherical_mlp" else None
    config = ArchitectureConfig(name=name, hidden_layers=8, activation=activation, bandlimit=bandlimit)
    program = jax.jit(plain_kernel(config, DOMAINS[name]).block)
    single, double = (program(x[:1].astype(kind), x.astype(kind)) for kind in (np.float32, np.float64))
    for kernel, (value, truth) in zip(single._fields, zip(single, double, strict=True), strict=True):
        error = np.abs(np.asarray(value, np.float64) / np.asarray(truth) - 1).max()
        assert error < 1e-4, f"{kernel}: relative error {error:.1e}, {error / 1e-4:.1f} times the promise"
