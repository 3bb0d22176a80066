"""Training in compiled stretches and micro-batches against plain gradient descent of a network written out."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from eqntk_cli.architectures.cnn import Cnn
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.errors import ConfigError, NumericalError
from eqntk_cli.layers.linear import Linear
from eqntk_cli.models.augmentation import Orbit
from eqntk_cli.models.ensemble import FiniteEnsemble
from eqntk_cli.training.ensemble import EnsembleTrainer
from eqntk_cli.training.layout import Layout
from eqntk_cli.training.objective import Objective
from eqntk_cli.training.schedule import Batches
from tests.cases import BIASES, GAINS, planar_group
from tests.layers.test_gather import written_out
from tests.models.test_theorem import ignore

RNG = np.random.default_rng(0)
DOMAIN, GROUP = PixelGrid(5, 5, 2), planar_group("c4")
ORBIT, UNTOUCHED = Orbit(GROUP, DOMAIN), Orbit(planar_group("c1"), DOMAIN)
SAMPLES = jnp.asarray(RNG.normal(size=(7, 5, 5, 2)))
TRAIN = 5
CASES = {
    "group network": (Objective("mse"), lambda: optax.sgd(0.05), None),
    "augmented, mini-batches, momentum, centred": (
        Objective("mse", centred=True),
        lambda: optax.sgd(0.05, momentum=0.9),
        3,
    ),
    "adam, cross entropy, scaled": (Objective("cross_entropy", output_scale=2.0), lambda: optax.adam(0.05), None),
}


def case(name):
    """An ensemble of narrow convolutional networks, seven steps long."""
    objective, optimizer, batch = CASES[name]
    architecture = Cnn(ArchitectureConfig(name="cnn", W_std=GAINS, b_std=BIASES))
    augmented = name.startswith("augmented")
    network = architecture.plain_network(DOMAIN, 6, 2) if augmented else architecture.group_network(GROUP, DOMAIN, 6, 2)
    orbit = ORBIT if augmented else UNTOUCHED
    targets = jnp.asarray(np.eye(2)[RNG.integers(0, 2, size=TRAIN)])
    trainer = EnsembleTrainer(
        network, objective, optimizer(), Batches(TRAIN, batch, 0), Layout(4, 2, 3), (0, 1, 7),
        orbit.samples(SAMPLES[:TRAIN]), orbit.targets(targets), orbit.samples(SAMPLES),
        trained=np.arange(TRAIN * orbit.copies), copies=orbit.copies,
    )  # fmt: skip
    return FiniteEnsemble(trainer, SAMPLES, orbit, None, 8, 0, 1, 0.05, None)


def naive(network, params, x):
    """The layers with every sum over taps written out; gradients are those of the sums."""
    values = network.domain.sites(x)
    for index, layer in enumerate(network.layers):
        if isinstance(layer, Linear):
            own = params[f"layers_{index}"]
            scale = layer.W_std / np.sqrt(len(own["weight"]))
            values = scale * written_out(layer.support.table, values, own["weight"]) + layer.b_std * own["bias"]
        else:
            values = layer.apply({}, values)
    return values[:, 0]


def loss(params, trainer, index, initial):
    """The mean over the batch, from its definition."""
    objective, y = trainer.objective, trainer.train_y[index]
    output = naive(trainer.network, params, trainer.train_x[index])
    prediction = objective.output_scale * (output - initial[index] if objective.centred else output)
    if objective.loss == "mse":
        return ((prediction - y) ** 2).sum() / (2 * len(y)) / objective.output_scale**2
    return -(y * jnp.log(jax.nn.softmax(prediction))).sum() / len(y) / objective.output_scale**2


def plainly_trained(trainer, optimizer, key):
    """Predictions at the recorded steps, one step after another."""
    params = trainer.network.init(key, trainer.train_x)
    state = optimizer.init(params)
    initial = naive(trainer.network, params, trainer.train_x)
    start = naive(trainer.network, params, trainer.evaluation_x)
    gradient = jax.jit(jax.grad(lambda params, index: loss(params, trainer, index, initial)))
    predictions = []
    for step in range(trainer.record_steps[-1] + 1):
        if step in trainer.record_steps:
            output = naive(trainer.network, params, trainer.evaluation_x)
            centred = output - start if trainer.objective.centred else output
            predictions.append(trainer.objective.output_scale * centred)
        originals = trainer.batches.originals(step)
        index = (originals[:, None] * trainer.copies + np.arange(trainer.copies)).ravel()
        update, state = optimizer.update(gradient(params, index), state, params)
        params = optax.apply_updates(params, update)
    return np.stack(predictions)


@pytest.mark.parametrize("name", CASES)
def test_members_are_trained_by_plain_gradient_descent(name):
    trainer = replace(case(name).trainer, layout=Layout(members=2, originals=2, steps=3))
    keys = jax.random.split(jax.random.key(3), 2)
    predictions, _ = trainer.run(keys, ignore)
    for member, key in enumerate(keys):
        expected = plainly_trained(trainer, CASES[name][1](), key)
        assert np.abs(expected[-1] - expected[0]).max() > 1e-3
        np.testing.assert_allclose(predictions[member], expected, rtol=1e-10, atol=1e-12)


def test_where_a_stretch_is_cut_changes_no_bits():
    trainer, keys = case("augmented, mini-batches, momentum, centred").trainer, jax.random.split(jax.random.key(3), 2)
    whole, _ = replace(trainer, layout=Layout(members=2, originals=2, steps=50)).run(keys, ignore)
    shares = []
    cut, _ = replace(trainer, layout=Layout(members=2, originals=2, steps=2)).run(keys, shares.append)
    assert cut.tobytes() == whole.tobytes()
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(1 / 7)


def test_blocks_of_a_grown_run_have_the_same_bits():
    """A program has fixed members, so neither the blocks nor the number of members show in the bits."""
    built = case("group network")
    whole = built.run_block(0, 8, ignore)
    other = replace(built, members=3)
    parts = [other.run_block(*block, ignore) for block in ((0, 3), (3, 7), (7, 8))]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_a_block_that_runs_out_of_memory_is_halved_and_says_so(monkeypatch):
    built = case("group network")
    expected = built.run_block(0, 2, ignore)
    real, built = type(built.trainer).run, replace(built)

    def short_of_memory(trainer, keys, on_progress, signs):
        if len(keys) > 2:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return real(trainer, keys, on_progress, signs)

    monkeypatch.setattr(type(built.trainer), "run", short_of_memory)
    before = built.layout["members"]
    predictions = built.run_block(0, 2, ignore)
    assert built.layout["members"] == 2 < before
    np.testing.assert_allclose(predictions, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("before", "devices", "after"),
    [
        ((8, 6, 1), 1, (4, 6, 1)),
        ((8, 6, 1), 8, (8, 3, 1)),
        ((24, 6, 1), 8, (8, 6, 1)),
        ((1, 3, 9), 1, (1, 1, 9)),
        ((1, 1, 9), 1, None),
    ],
)
def test_first_members_then_micro_batches_are_halved(before, devices, after):
    assert Layout(*before).halved(devices) == (None if after is None else Layout(*after))


def test_a_member_that_does_not_fit_alone_is_trained_on_smaller_micro_batches(monkeypatch):
    built = case("augmented, mini-batches, momentum, centred")
    expected = built.run_block(0, 2, ignore)
    real, built = type(built.trainer).run, replace(built)

    def short_of_memory(trainer, keys, on_progress, signs):
        if len(keys) > 1 or trainer.layout.originals > 1:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return real(trainer, keys, on_progress, signs)

    monkeypatch.setattr(type(built.trainer), "run", short_of_memory)
    np.testing.assert_allclose(built.run_block(0, 2, ignore), expected, rtol=1e-10, atol=1e-12)
    assert (built.layout["members"], built.layout["originals"]) == (1, 1)
    monkeypatch.setattr(type(built.trainer), "run", _never)
    with pytest.raises(ConfigError, match=r"one member with one original .*lower model\.width"):
        built.run_block(0, 2, ignore)


def _never(*_):
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")


def test_divergence_is_seen():
    trainer = case("group network").trainer
    with pytest.raises(NumericalError, match="training diverged"):
        replace(trainer, optimizer=optax.sgd(1e6)).run(jax.random.split(jax.random.key(3), 2), ignore)
