"""The theorem: equal means at infinite width by two routes, and member by member for coupled networks."""

import functools

import numpy as np
import pytest

from tests.models.settings import bundle, config, model_of

ARCHITECTURES = {
    "mlp": {},
    "cnn": {"name": "cnn"},
    "cnn flatten": {"name": "cnn", "readout": "flatten"},
    "cnn average pool": {"name": "cnn", "padding": "same", "average_pool": 2},
}
STABLE = {"step_fraction": 0.3}  # for narrow members too
SIDES = {"cnn average pool": 4}  # of the images, where it is not 6


def ignore(share: float) -> None:
    """No progress bar."""
    assert 0 <= share <= 1


@pytest.mark.parametrize(
    ("name", "group"),
    [
        *((name, "d4") for name in ARCHITECTURES),
        *(pytest.param(name, "c4", marks=() if name == "mlp" else pytest.mark.slow) for name in ARCHITECTURES),
    ],
)
def test_infinite_width_means_agree_at_every_step_and_variances_do_not(name, group):
    model = model_of(config("ntk", group, architecture=ARCHITECTURES[name]), bundle(side=SIDES.get(name, 6)))
    prediction = model.predict(ignore)
    assert prediction.kernels == ("group", "plain")
    by_group, by_augmentation = prediction.mean
    scale = np.abs(by_group).max()
    assert scale > 0.1
    np.testing.assert_allclose(by_group, by_augmentation, atol=1e-8 * scale)
    variances = np.diagonal(prediction.covariance, axis1=-2, axis2=-1)
    assert (variances[0] < 0.95 * variances[1]).mean() > 0.9
    assert prediction.diagnostics["exact"] is True


def test_a_window_that_the_group_does_not_preserve_is_said_to_break_the_agreement():
    model = model_of(config("ntk", architecture={"name": "cnn", "filter": [3, 1]}), bundle(side=5))
    prediction = model.predict(ignore)
    by_group, by_augmentation = prediction.mean
    assert prediction.diagnostics["exact"] is False
    assert np.abs(by_group - by_augmentation).max() > 1e-2 * np.abs(by_group).max()


@functools.cache
def mlp_difference(width: int) -> float:
    """That of the plain stack, which two tests ask for."""
    return coupled_difference(width, training=STABLE)


def coupled_difference(width: int, **changes) -> float:
    """RMS over members, steps and points of sym f_A - f_B, for members that start from the same weights."""
    keys = {"model_keys": {"width": width, "members": 6}, "coupling": "shared", **changes}
    keys["architecture"] = {"group_support": "identity", **keys.get("architecture", {})}
    augmented, group = (
        model_of(config(name, **keys), bundle()).run_block(0, 6, ignore)
        for name in ("augmented_ensemble", "gcnn_ensemble")
    )
    difference = augmented.mean(axis=2) - group[:, :, 0]
    start = np.abs(difference[:, 0]).max() / np.abs(group[:, 0]).max()
    assert start < 1e-12, "coupled members do not start as symmetrised copies of each other"
    return float(np.sqrt(np.mean(difference[:, 1:] ** 2)))


def test_coupled_members_approach_each_other_with_width():
    """The difference falls like n^(-1/2): from width 32 to 256 by about sqrt(8) = 2.8."""
    assert 1.6 < mlp_difference(32) / mlp_difference(256) < 6


@pytest.mark.slow
def test_coupled_convolutional_members_approach_each_other_with_width():
    """As without convolutions."""
    keys = {"architecture": {"name": "cnn"}, "training": STABLE}
    ratio = coupled_difference(32, **keys) / coupled_difference(256, **keys)
    assert 1.6 < ratio < 6


def test_without_augmentation_members_stay_apart():
    with_orbit = mlp_difference(256)
    keys = {"architecture": {"group_support": "identity"}, "training": STABLE, "coupling": "shared"}
    size = {"width": 256, "members": 6}
    control = model_of(config("augmented_ensemble", model_keys={**size, "augmentation": "none"}, **keys), bundle())
    group = model_of(config("gcnn_ensemble", model_keys=size, **keys), bundle())
    difference = control.run_block(0, 6, ignore).mean(axis=2) - group.run_block(0, 6, ignore)[:, :, 0]
    assert np.sqrt(np.mean(difference[:, 1:] ** 2)) > 3 * with_orbit


def test_linear_networks_agree_exactly_at_any_width():
    """With the identity as activation and one layer, kernel and dynamics do not depend on the width."""
    keys = {"architecture": {"hidden_layers": 0, "W_std": 1.2, "b_std": 0.3, "group_support": "identity"}}
    keys |= {"coupling": "shared"}
    augmented, group = (
        model_of(config(name, **keys), bundle()).run_block(0, 4, ignore)
        for name in ("augmented_ensemble", "gcnn_ensemble")
    )
    np.testing.assert_allclose(augmented.mean(axis=2), group[:, :, 0], atol=1e-12)


def test_discrete_dynamics_are_those_of_a_linear_network():
    """mu_t plus the decay of f_0 predicts a linear network exactly, step by step."""
    keys = {"architecture": {"hidden_layers": 0, "W_std": 1.2, "b_std": 0.3}, "training": {"steps": 7, "centred": True}}
    finite = model_of(config("gcnn_ensemble", **keys), bundle()).run_block(0, 4, ignore)[:, :, 0]
    infinite = model_of(config("ntk", **keys), bundle()).predict(ignore)
    for member in finite:
        np.testing.assert_allclose(member, infinite.mean[0], atol=1e-10)
    assert np.abs(infinite.covariance).max() == 0


def test_with_a_ridge_the_means_still_agree():
    """The orbit of a sample carries |G| times its ridge."""
    prediction = model_of(config("ntk", training={"ridge": 0.1}), bundle()).predict(ignore)
    free = model_of(config("ntk"), bundle()).predict(ignore)
    np.testing.assert_allclose(prediction.mean[0], prediction.mean[1], atol=1e-8)
    assert np.abs(prediction.mean[0] - free.mean[0]).max() > 1e-3
