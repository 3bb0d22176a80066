"""How invariant the kernel prediction over SO(3) is: measured, against a prediction written out by hand."""

from dataclasses import replace

import jax
import numpy as np

from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.models.infinite import InfiniteModel
from eqntk_cli.models.problem import Problem
from eqntk_cli.models.registry import build_model
from tests.models.settings import bundle, config
from tests.models.test_theorem import ignore

SPHERE = Sphere(3, 1)
ARCHITECTURE = {"name": "spherical_mlp", "bandlimit": 3, "activation": "erf"}


def signals() -> DataBundle:
    """Random signals on the sphere with random targets."""
    x = np.random.default_rng(0).normal(size=(11, 9, 1))
    return replace(bundle(), domain=SPHERE, train_x=x[:5], test_x=x[5:9], ood_x=x[9:])


def test_the_error_is_that_of_rotated_test_samples_and_falls_with_the_nodes():
    errors = []
    for tolerance in (1e-1, 1e-4):
        keys = {"architecture": {**ARCHITECTURE, "quadrature_tolerance": tolerance}, "training": {"ridge": 0.01}}
        problem = Problem(config("ntk", "so3", **keys), signals())
        model = InfiniteModel(problem)
        error = model.predict(ignore).invariance_error
        errors.append(error)
        np.testing.assert_allclose(error, by_hand(problem, model.step_size), rtol=1e-6)
    assert 0 < errors[1] < 0.1 * errors[0]
    assert errors[1] < 1e-2


def by_hand(problem: Problem, step_size: float) -> float:
    """Gradient descent step by step with the kernels of every rotated test sample."""
    data, kernel = problem.data, jax.jit(problem.pair.block)
    rotations = problem.listed_group.matrices
    turned = np.asarray(SPHERE.move(rotations, data.test_x)).reshape(-1, 9, 1)
    train, cross = np.asarray(kernel(data.train_x, data.train_x).ntk), np.asarray(kernel(turned, data.train_x).ntk)
    train = (train + train.T) / 2
    ridge = 0.01 * np.diagonal(problem.augmented_train.ntk).mean()
    moved = np.zeros_like(data.train_y)
    for _ in range(problem.record_steps[-1]):
        moved -= step_size / 5 * (train @ moved + ridge * moved - data.train_y)
    mean = (cross @ moved).reshape(len(data.test_x), len(rotations), -1)
    return abs(mean - mean[:, :1]).max() / np.sqrt(np.mean(mean**2))


def test_finite_groups_need_no_measurement():
    model = build_model(config("ntk", "octahedral", architecture=ARCHITECTURE), signals())
    assert model.predict(ignore).invariance_error is None
