"""Memory is estimated from shapes: what does not fit is refused before anything is allocated."""

import re

import jax
import numpy as np
import pytest

from eqntk_cli.architectures.spherical import SphericalMlp
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.rotations import octahedral
from eqntk_cli.models import memory
from eqntk_cli.models.memory import Footprint
from eqntk_cli.models.registry import build_model
from tests.models.settings import bundle, config

CASES = [
    ("gcnn_ensemble", "mlp"),
    ("augmented_ensemble", "mlp"),
    ("gcnn_ensemble", "cnn"),
    ("augmented_ensemble", "cnn"),
]


@pytest.mark.parametrize(("model", "architecture", "width"), [*((*case, 10**9) for case in CASES), (*CASES[0], 10**8)])
def test_a_width_that_fits_nowhere_is_refused_with_the_bytes_and_what_fits(model, architecture, width):
    keys = {"architecture": {"name": architecture}, "model_keys": {"width": width}}
    with pytest.raises(
        ConfigError, match=rf"model.width={width} needs [\d.]+ [GTPE]iB .* are free: widths up to"
    ) as refused:
        build_model(config(model, **keys), bundle())
    fits = int(re.search(r"up to about (\d+)", str(refused.value)).group(1))
    assert 1000 < fits < width


def test_the_width_that_fits_is_accepted_and_one_of_two_per_cent_more_is_not(monkeypatch):
    monkeypatch.setattr(memory, "_available", lambda: 2e6)
    with pytest.raises(ConfigError) as refused:
        build_model(config("gcnn_ensemble", model_keys={"width": 5000}), bundle())
    fits = int(re.search(r"up to about (\d+)", str(refused.value)).group(1))
    build_model(config("gcnn_ensemble", model_keys={"width": fits}), bundle())
    with pytest.raises(ConfigError, match=f"model.width={fits * 51 // 50 + 1} needs"):
        build_model(config("gcnn_ensemble", model_keys={"width": fits * 51 // 50 + 1}), bundle())


def test_a_memory_in_which_no_width_fits_is_said(monkeypatch):
    monkeypatch.setattr(memory, "_available", lambda: 10.0)
    with pytest.raises(ConfigError, match="no width fits; use fewer or smaller samples"):
        build_model(config("gcnn_ensemble"), bundle())


@pytest.mark.parametrize("width", [16, 32])
def test_the_footprint_counts_parameters_and_what_the_gradient_keeps(width):
    trainer = build_model(config("augmented_ensemble", model_keys={"width": width}), bundle()).trainer
    params = trainer.network.init(jax.random.key(0), trainer.train_x)
    footprint = Footprint.of(trainer.network, trainer.train_x)
    assert footprint.parameters == sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    hidden = 2 * width * (8 + 1)  # both layers: the activation in float64, and where it is positive
    assert footprint.activations == 6 * 6 * 2 * 8 + hidden


def test_the_operations_of_a_signal_lifted_by_degrees_are_counted():
    """Three times two per product: (channels + rotations) sum_l (2l + 1)^2 of the lifting, and the read-out."""
    architecture = ArchitectureConfig(name="spherical_mlp", hidden_layers=1)
    network = SphericalMlp(architecture).group_network(octahedral(), Sphere(3, 5), width=8, outputs=2)
    footprint = Footprint.of(network, np.zeros((1, 9, 5)))
    assert footprint.operations == 6 * ((5 + 24) * 35 * 8 + 8 * 2)
