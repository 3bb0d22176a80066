"""Every pair of samples is computed once, and nothing but rounding changes by it."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig, GroupConfig, ModelConfig, TrainingConfig
from eqntk_cli.config.schema import Config as RunConfig
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.domains.molecules import AtomSignals, Molecules
from eqntk_cli.domains.samples import count, take
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.errors import StorageError
from eqntk_cli.kernels.pair.base import KernelBlock
from eqntk_cli.models.augmentation import Orbit
from eqntk_cli.models.grams import Grams
from eqntk_cli.models.infinite import InfiniteModel
from eqntk_cli.models.problem import Problem
from eqntk_cli.targets.scale import TargetScale
from tests.models.settings import bundle, config

ROUNDING = 1e-12  # of the largest entry: sums of some thousand terms in another order


def spheres(train=5, test=3, seed=1):
    """Random signals on the sphere, band limit 3."""
    return with_samples(Sphere(3, 2), np.random.default_rng(seed).normal(size=(train + test, 9, 2)), train)


def molecules(train=4, test=3):
    """Molecules of up to three atoms."""
    rng = np.random.default_rng(2)
    signals = rng.normal(size=(train + test, 3, 9, 2))
    mask = np.arange(3) < rng.integers(1, 4, size=(train + test, 1))
    x = AtomSignals(signals * mask[..., None, None], mask.astype(float))
    return with_samples(Molecules(Sphere(3, 2), 3), x, train)


def with_samples(domain, x, train):
    rng = np.random.default_rng(3)
    rest = count(x) - train
    return DataBundle(
        name="random", task="regression", domain=domain,
        train_x=take(x, slice(0, train)), train_y=rng.normal(size=(train, 1)),
        test_x=take(x, slice(train, None)), test_y=rng.normal(size=(rest, 1)),
        ood_x=take(x, slice(0, 0)), ood_y=np.empty((0, 1)),
        train_labels=None, test_labels=None, ood_labels=None, output_names=("y",), target=TargetScale("y"),
    )  # fmt: skip


def problem(data=None, group="c4", route="auto", covariance=True, **architecture):
    """A kernel prediction; erf, since the angle of a ReLU loses half of the digits between a sample and itself."""
    gains = {"W_std": [1.3, 0.9], "b_std": [0.2, 0.05]}
    architecture = {"activation": "erf", "hidden_layers": 1, **gains, **architecture}
    if data is None:
        return Problem(
            config("ntk", group, architecture=architecture, model_keys={"route": route, "covariance": covariance}),
            bundle(side=4),
        )
    return Problem(
        RunConfig(
            dataset=DatasetConfig(name="random", family="random"),
            group=GroupConfig("cn", order=3) if group == "c3z" else GroupConfig(group),
            architecture=ArchitectureConfig(
                **{"name": "spherical_mlp", "bandlimit": 3, "quadrature_tolerance": 1e-1, **architecture}
            ),
            model=ModelConfig(name="ntk", route=route, covariance=covariance),
            training=TrainingConfig(steps=20),
            precision="float64",
        ),
        data,
    )


CASES = {
    "mlp c4": {},
    "mlp d4 mean only": {"group": "d4", "covariance": False},
    "cnn d4": {"group": "d4", "name": "cnn"},
    "cnn c4 no collapse": {"name": "cnn", "filter": [3, 1]},
    "mlp c4 by recursion": {"route": "recursion", "covariance": False},
    "mlp d2 augmented only": {"group": "d2", "route": "augmented"},
    "sphere c3z": {"data": spheres(), "group": "c3z"},
    "molecules c3z": {"data": molecules(), "group": "c3z", "covariance": False},
    "sphere so3": {"data": spheres(), "group": "so3"},
}


def directly(case: Problem) -> dict[str, KernelBlock]:
    """All kernels without the engine and without any symmetry: one block of all pairs each."""
    moved = case.orbit.samples(case.train_x)
    plain, group = jax.jit(case.plain.block), jax.jit(case.pair.block)
    return {
        "augmented": plain(moved, moved),
        "to copies": plain(case.samples, moved),
        "plain": plain(case.samples, case.samples),
        "group": group(case.samples, case.samples),
    }


def assert_same(got, want):
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=ROUNDING * np.abs(other).max())


@pytest.mark.parametrize("name", CASES)
def test_the_parts_are_the_kernels_of_all_pairs_and_each_pair_is_counted_once(name):
    calls = []
    plain = problem(**CASES[name])
    case = Problem(plain.config, plain.data, Grams(on_pairs=lambda *numbers: calls.append(numbers)))
    model = InfiniteModel(case)
    model.predict(lambda _: None)
    kernels, want, train = model.kernels, directly(case), len(case.data.train_y)
    assert tuple(kernels) == model.names
    assert_same(case.augmented_train, want["augmented"])
    for key, parts in kernels.items():
        whole = want[key]
        assert_same(parts.train, case.augmented_train if key == "plain" else [k[:train, :train] for k in whole])
        assert_same(parts.cross, want["to copies"] if key == "plain" else [k[:, :train] for k in whole])
        assert (parts.every is not None) == case.config.model.covariance
        if parts.every is not None:
            assert_same(parts.every, whole)
    for values in (*case.augmented_train, *(matrix for parts in kernels.values() for matrix in parts.train)):
        np.testing.assert_array_equal(values, values.T)
    assert calls[-1] == (case.grams.pairs_expected, case.grams.pairs_expected, 0)


def test_an_invariant_kernel_costs_half_of_the_training_pairs():
    case = problem(group="d4", covariance=False)
    InfiniteModel(case).predict(lambda _: None)
    train, rest, order = 5, 6, 8
    assert case.grams.pairs_done == order * (train * (train + 1) // 2 + rest * train)
    case = problem(group="d4")
    InfiniteModel(case).predict(lambda _: None)
    assert case.grams.pairs_done == order * (train + rest) * (train + rest + 1) // 2


def kept(folder, **case) -> tuple[InfiniteModel, Grams]:
    """A prediction whose tiles are kept in `folder`."""
    plain, grams = problem(**case), Grams(folder)
    return InfiniteModel(Problem(plain.config, plain.data, grams)), grams


def with_other_last_digits(orbit, x, move=Orbit.samples):
    """All copies, each number the next larger one: as from another device."""
    return jax.tree.map(lambda leaf: np.nextafter(leaf, np.inf), move(orbit, x))


@pytest.mark.parametrize("name", ["sphere c3z", "sphere so3"])
def test_kept_tiles_are_found_with_copies_from_another_device(tmp_path, monkeypatch, name):
    """Moved training and other samples, and over SO(3) all copies with each other and the probes of invariance."""
    model, grams = kept(tmp_path, **CASES[name])
    model.predict(lambda _: None)
    assert (grams.pairs_kept, grams.pairs_done > 0) == (0, True)
    with monkeypatch.context() as patch:
        patch.setattr(Orbit, "samples", with_other_last_digits)
        again, grams = kept(tmp_path, **CASES[name])
        again.predict(lambda _: None)
    assert grams.pairs_kept == grams.pairs_done > 0
    other, _ = kept(tmp_path, **{**CASES[name], "data": spheres(seed=4)})
    with pytest.raises(StorageError, match="holds tiles of another computation .*x1 was"):
        other.predict(lambda _: None)


def test_copies_are_known_by_their_samples_and_their_group():
    one, group = problem(spheres(), "c3z"), problem(spheres(), "octahedral")
    x, y = one.train_x, one.train_x + 1e-12
    assert one.orbit.identity(x) == problem(spheres(), "c3z").orbit.identity(x)
    assert len({one.orbit.identity(x), one.orbit.identity(y), group.orbit.identity(x)}) == 3


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("change", [-1e-5, 1e-5])
def test_rotations_sampled_on_another_device_are_the_same(double, change):
    """A change of many times the rounding of single precision, in which runs with precision=float32 sample."""
    with jax.enable_x64(double):
        orbit = problem(spheres(), "so3").orbit
        moved = replace(orbit.group, matrices=orbit.group.matrices + change)
        x = np.zeros((2, 9, 2))
        assert replace(orbit, group=moved).identity(x) == orbit.identity(x)
