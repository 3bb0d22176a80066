"""Ensembles: random streams, blocks, devices, mini-batches, losses and divergence."""

import functools
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from eqntk_cli.errors import ConfigError, NumericalError
from tests.models.settings import bundle, config, model_of
from tests.models.test_theorem import ignore

ON_DEVICES = """
import json, sys
import jax
jax.config.update("jax_enable_x64", True)
import numpy as np
from eqntk_cli.models.registry import build_model
from tests.models.settings import bundle, config
model = build_model(config("gcnn_ensemble", model_keys={"members": 5}), bundle())
block = model.run_block(0, 5, lambda share: None)
print(json.dumps([jax.device_count(), np.asarray(block).tolist()]))
"""


@functools.cache
def shared(name):
    """The one that several tests look at, compiled once."""
    return model_of(config(name), bundle())


def test_members_do_not_depend_on_their_block():
    model = shared("gcnn_ensemble")
    whole = model.run_block(0, 4, ignore)
    parts = np.concatenate([model.run_block(0, 1, ignore), model.run_block(1, 4, ignore)])
    np.testing.assert_allclose(parts, whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["gcnn_ensemble", "augmented_ensemble"])
def test_the_training_copies_are_evaluated_once(name):
    """The training loss is read where the training copies stand among the evaluation points."""
    trainer = shared(name).trainer
    np.testing.assert_array_equal(trainer.evaluation_x[trainer.trained], trainer.train_x)


def test_the_same_block_twice_is_bit_identical():
    model = shared("augmented_ensemble")
    np.testing.assert_array_equal(model.run_block(1, 3, ignore), model.run_block(1, 3, ignore))


@pytest.mark.parametrize("devices", [pytest.param(1, marks=pytest.mark.slow), 8])
def test_devices_change_only_rounding(devices, tmp_path):
    here = shared("gcnn_ensemble").run_block(0, 5, ignore)
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}"
    environment = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", ON_DEVICES]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    count, simulated = json.loads(done.stdout.splitlines()[-1])
    assert count == devices
    np.testing.assert_allclose(simulated, here, rtol=1e-9, atol=1e-12)


def test_independent_and_shared_streams():
    keys = {"architecture": {"group_support": "identity"}}
    starts = {
        (name, coupling): model_of(config(name, coupling=coupling, **keys), bundle()).run_block(0, 2, ignore)[:, 0]
        for name in ("gcnn_ensemble", "augmented_ensemble")
        for coupling in ("shared", "independent")
    }
    apart = starts["augmented_ensemble", "independent"].mean(axis=1) - starts["gcnn_ensemble", "independent"][:, 0]
    together = starts["augmented_ensemble", "shared"].mean(axis=1) - starts["gcnn_ensemble", "shared"][:, 0]
    assert np.abs(together).max() < 1e-12
    assert np.abs(apart).min(axis=(1, 2)).max() > 1e-6


def test_group_members_are_invariant_and_say_how_well():
    model = model_of(config("gcnn_ensemble", architecture={"name": "cnn"}), bundle())
    model.run_block(0, 2, ignore)
    assert model.invariance_error() < 1e-12
    assert model.element_names == ("e",)


def test_inexact_windows_are_measured():
    keys = {"architecture": {"name": "cnn", "stride": 2}}
    model = model_of(config("gcnn_ensemble", **keys), bundle(side=8))
    model.run_block(0, 2, ignore)
    assert model.invariance_error() > 1e-3
    assert "not exactly equivariant" in model.notes[0]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_mini_batches_are_whole_orbits_in_a_common_order(optimizer):
    """Linear coupled networks agree at every step under any linear optimiser that is fed the same orbits."""
    keys = {
        "architecture": {"hidden_layers": 0, "W_std": 1.2, "b_std": 0.3, "group_support": "identity"},
        "training": {"optimizer": optimizer, "batch_size": 2, "steps": 6, "step_size": 0.05},
        "coupling": "shared",
    }
    augmented, group = (
        model_of(config(name, **keys), bundle()).run_block(0, 2, ignore)
        for name in ("augmented_ensemble", "gcnn_ensemble")
    )
    assert np.abs(group[:, -1] - group[:, 0]).max() > 1e-3
    np.testing.assert_allclose(augmented.mean(axis=2), group[:, :, 0], atol=1e-12)


def test_cross_entropy_learns():
    data = bundle()
    keys = {"training": {"loss": "cross_entropy", "steps": 200, "centred": True}, "model_keys": {"width": 64}}
    onehot = np.eye(2)[data.train_labels[:, 0]]
    data.train_y[:] = onehot
    block = model_of(config("gcnn_ensemble", **keys), data).run_block(0, 4, ignore)[:, :, 0, : len(onehot)]
    assert np.abs(block[:, 0]).max() == 0
    guesses = block[:, -1].argmax(axis=-1)
    assert (guesses == data.train_labels[:, 0]).mean() > 0.9


def test_output_scale_makes_training_lazy():
    """The nonlinear part of the movement shrinks: predictions approach the kernel's as alpha grows."""
    blocks = []
    for alpha in (1.0, 30.0, 1000.0):
        keys = {"training": {"centred": True, "output_scale": alpha}, "model_keys": {"width": 64, "members": 8}}
        blocks.append(model_of(config("gcnn_ensemble", **keys), bundle()).run_block(0, 8, ignore))
    distances = [np.sqrt(np.mean((block - blocks[2]) ** 2)) for block in blocks[:2]]
    assert distances[1] < 0.2 * distances[0]


def test_divergence_is_reported_with_the_limit():
    model = model_of(config("gcnn_ensemble", training={"step_size": 50.0, "steps": 50}), bundle())
    with pytest.raises(NumericalError, match="the stability limit is"):
        model.run_block(0, 2, ignore)


def test_kernel_predicts_gradient_descent_only():
    with pytest.raises(ConfigError, match="model=ntk predicts full-batch gradient descent"):
        model_of(config("ntk", training={"optimizer": "adam"}), bundle())


def test_a_control_of_another_group_can_keep_the_step_size():
    subject = shared("gcnn_ensemble")
    alone = model_of(config("gcnn_ensemble", "c2"), bundle())
    control = model_of(config("gcnn_ensemble", "c2", training={"step_group": "c4"}), bundle())
    assert control.step_size == subject.step_size != alone.step_size
    assert control.stability_limit == alone.stability_limit


def test_a_block_does_not_depend_on_the_block_size_of_the_session():
    """A resumed run keeps the blocks on record, whatever a new session would choose: the bytes must be the same."""
    first = model_of(config("gcnn_ensemble", model_keys={"members": 5, "block_size": 2}), bundle())
    resumed = model_of(config("gcnn_ensemble", model_keys={"members": 5, "block_size": 4}), bundle())
    assert first.run_block(2, 4, ignore).tobytes() == resumed.run_block(2, 4, ignore).tobytes()
