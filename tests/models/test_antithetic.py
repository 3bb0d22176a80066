"""Antithetic members: the law of each one alone, and what cancels in the mean of a pair."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.domains.molecules import AtomSignals, Molecules
from eqntk_cli.domains.samples import take
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.models.ensemble import member_key
from eqntk_cli.targets.scale import TargetScale
from tests.models.settings import bundle, config, model_of
from tests.models.test_theorem import ignore

SPHERICAL = {"name": "spherical_mlp", "bandlimit": 2, "activation": "erf", "quadrature_tolerance": 1e-3}
ONE_LAYER = {"hidden_layers": 1, "W_std": [1.3, 0.9], "b_std": [0.2, 0.1]}
# architecture, group, on molecules
NETWORKS = {
    "mlp": ({}, "c4", False),
    "mlp linear": ({"hidden_layers": 0, "W_std": 1.2, "b_std": 0.3}, "c2", False),
    "cnn skip flatten": ({"name": "cnn", "readout": "flatten", "skip": True, "padding": "same"}, "d1", False),
    "molecules, network per atom": ({**SPHERICAL, "per_atom": True, **ONE_LAYER}, "octahedral", True),
    "so3 band-limited": ({**SPHERICAL, "band_limited": True}, "so3", False),
}
CASES = [("gcnn_ensemble", network) for network in NETWORKS if network not in ("mlp", "mlp linear")]
CASES += [("augmented_ensemble", "mlp")]
BY_HAND = ("mlp", "cnn skip flatten")  # the others take longer to compile


def on_sphere(molecules: bool) -> DataBundle:
    """Random signals with random targets, or molecules of two atoms."""
    made, rng, sphere = bundle(3, 2, 0), np.random.default_rng(1), Sphere(2, 2)
    signals = rng.normal(size=(5, *(2,) * molecules, 4, 2))
    x = AtomSignals(signals, np.ones((5, 2))) if molecules else signals
    domain = Molecules(sphere, 2) if molecules else sphere
    train, test, ood = (take(x, part) for part in (slice(3), slice(3, 5), slice(5, 5)))
    scale = TargetScale("u0")
    return replace(made, domain=domain, train_x=train, test_x=test, ood_x=ood, task="regression", target=scale)


def ensemble(name: str = "gcnn_ensemble", network: str = "mlp", members: int = 4, **changes):
    architecture, group, molecules = NETWORKS[network]
    data = on_sphere(molecules) if architecture.get("name") == "spherical_mlp" else bundle(3, 2, 1, side=5)
    antithetic = changes.pop("antithetic", True)
    keys = {"members": members, "width": changes.pop("width", 6), "antithetic": antithetic}
    training = {"steps": 3, "step_size": 0.05, **changes.pop("training", {})}
    settings = config(name, group, architecture=architecture, model_keys=keys, training=training, **changes)
    return model_of(settings, data)


def trained_by_hand(trainer, key, steps):
    """Plain gradient descent on the mean loss, from the weights of `key` with the read-out negated."""
    network, x, y = trainer.network, trainer.train_x, jnp.asarray(trainer.train_y)
    params = network.init(key, x)
    shapes = {name: leaf["weight"].shape for name, leaf in params.items() if "weight" in leaf}
    (readout,) = [name for name, shape in shapes.items() if shape[-1] == y.shape[1]]
    params = params | {readout: jax.tree.map(jnp.negative, params[readout])}

    def loss(p):
        return jnp.square(network.apply(p, x) - y).sum() / 2 / len(y)

    descend = jax.jit(lambda p: jax.tree.map(lambda leaf, slope: leaf - 0.05 * slope, p, jax.grad(loss)(p)))
    for _ in range(steps):
        params = descend(params)
    return np.asarray(network.apply(params, trainer.evaluation_x))


@pytest.mark.parametrize(("name", "network"), CASES)
def test_each_member_has_the_law_of_an_ordinary_one(name, network):
    """Member 2k is the ordinary one, bit by bit; member 2k + 1 is trained from its weights, read-out negated."""
    pairs = ensemble(name, network)
    alone = replace(pairs, antithetic=False)
    antithetic, ordinary = pairs.run_block(0, 4, ignore), alone.run_block(0, 4, ignore)
    np.testing.assert_array_equal(antithetic[0::2], ordinary[0::2])
    np.testing.assert_array_equal(antithetic[1::2, 0], -antithetic[0::2, 0])  # f_0 cancels
    assert np.abs(antithetic[:, 0]).min(axis=0).max() > 0.1
    assert np.abs(antithetic[0, 0] - antithetic[2, 0]).max() > 0.1
    if network not in BY_HAND:
        return
    by_hand = trained_by_hand(pairs.trainer, member_key(pairs.seed, pairs.stream, 2), 3)
    moved = antithetic[3, -1].swapaxes(0, 1).reshape(by_hand.shape)
    np.testing.assert_allclose(moved, by_hand, rtol=1e-9, atol=1e-11)


def test_with_the_read_out_trained_alone_the_mean_of_a_pair_has_no_noise_from_the_start():
    """The kernel of fixed features is the same for both: their mean is A_t Y, which is f - f_0 of either one."""
    pairs, centred = ensemble(width=4), ensemble(width=4, antithetic=False, training={"centred": True})

    def label(params):
        return {name: "readout" if name == max(params) else "fixed" for name in params}

    frozen = optax.multi_transform({"readout": optax.sgd(0.05), "fixed": optax.set_to_zero()}, label)
    for model in (pairs, centred):
        model.trainer = replace(model.trainer, optimizer=frozen)
    antithetic, moved = pairs.run_block(0, 4, ignore), centred.run_block(0, 4, ignore)
    mean = (antithetic[0::2] + antithetic[1::2]) / 2
    np.testing.assert_allclose(mean, moved[0::2], rtol=1e-9, atol=1e-12)
    assert np.abs(moved[0, -1]).max() > 1e-3
    assert np.abs(antithetic[0, -1] - moved[0, -1]).max() > 0.1  # a single member has the noise


def test_a_linear_network_has_one_kernel_and_its_pairs_one_mean():
    predictions = ensemble(network="mlp linear").run_block(0, 4, ignore)
    mean = (predictions[0::2] + predictions[1::2]) / 2
    np.testing.assert_allclose(mean[0], mean[1], atol=1e-13)
    assert np.abs(mean[0, -1]).max() > 1e-3


def variances(**training) -> tuple[float, float]:
    """Variance over pairs of their mean, and over single members, at the last step and mean over points."""
    model = ensemble(width=256, members=24, antithetic=False, training={"steps": 4, "step_size": 0.5, **training})
    model.antithetic = True  # also where the settings would be refused
    last = model.run_block(0, 24, ignore)[:, -1]
    pairs = last.reshape(12, 2, -1).mean(axis=1)
    return float(pairs.var(axis=0, ddof=1).mean()), float(last[0::2].reshape(12, -1).var(axis=0, ddof=1).mean())


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_pairs_have_far_less_variance_than_members(loss):
    """Independent members would halve the variance in the mean of a pair."""
    of_pair, of_member = variances(loss=loss)
    assert of_pair < 0.15 * of_member


def test_centred_pairs_have_the_variance_of_members():
    """They follow one path, and the variance of the mean of all is twice that of independent ones."""
    of_pair, of_member = variances(centred=True)
    assert 0.75 * of_member < of_pair < 1.25 * of_member


@pytest.mark.parametrize("program", [5])
def test_pairs_do_not_depend_on_programs_that_split_them(program):
    """Members are trained in programs of some fixed size, as memory and devices have it; blocks keep pairs whole."""
    whole = ensemble(members=6)
    trainer = replace(whole.trainer, layout=replace(whole.trainer.layout, members=program))
    other = replace(whole, trainer=trainer)
    assert other.block_size % 2 == 0
    parts = np.concatenate([other.run_block(0, 2, ignore), other.run_block(2, 6, ignore)])
    np.testing.assert_allclose(parts, whole.run_block(0, 6, ignore), rtol=1e-9, atol=1e-12)
