"""`eqntk_cli.kernel` and `eqntk_cli.predict`: the numbers of the commands, in any precision, without side effects."""

import subprocess
import sys

import jax
import numpy as np
import pytest

import eqntk_cli
from eqntk_cli.errors import ConfigError, DataError
from eqntk_cli.interface.network import network_config
from eqntk_cli.kernels.gram.matrix import Engine, gram
from eqntk_cli.kernels.gram.program import Programs
from eqntk_cli.kernels.gram.tiles import rounded_up
from tests.kernels.gram.toy_kernel import ToyKernel, samples

LIGHT = """
import sys, time
before = time.perf_counter()
import eqntk_cli
assert callable(eqntk_cli.__getattr__) and "NTKRegressor" in dir(eqntk_cli)
seconds = time.perf_counter() - before
heavy = {"jax", "numpy", "hydra", "sklearn", "xarray", "scipy"} & set(sys.modules)
print(seconds, *sorted(heavy))
"""


def test_importing_the_package_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    seconds, *heavy = done.stdout.split()
    assert heavy == []
    assert float(seconds) < 0.5


def test_names_that_are_not_there_are_said():
    with pytest.raises(AttributeError, match="it has NTKClassifier, NTKRegressor, Prediction, compare"):
        eqntk_cli.kernels_of  # noqa: B018
    for name in eqntk_cli.__all__:
        assert getattr(eqntk_cli, name).__doc__


def test_precision_is_that_of_the_call_and_not_of_the_process():
    x = np.random.default_rng(0).normal(size=(4, 2, 2, 1))
    double = eqntk_cli.kernel(x, hidden_layers=1)
    with jax.enable_x64(False):
        again = eqntk_cli.kernel(x, hidden_layers=1)
        single = eqntk_cli.kernel(x, hidden_layers=1, precision="float32")
    np.testing.assert_array_equal(double.ntk, again.ntk)
    assert 0 < np.abs(single.ntk / double.ntk - 1).max() < 1e-5


def test_settings_that_are_not_said_are_those_of_the_command_line():
    assert network_config("c4", "cnn", {}).architecture.padding == "same"
    assert network_config("c4", "cnn", {"W_std": 2.0}).architecture.gains == (2.0, 2.0, 2.0)


def test_estimators_have_the_defaults_of_the_command_line():
    for name in ("mlp", "cnn"):
        config = eqntk_cli.NTKRegressor(architecture=name)._config().architecture
        assert config == network_config("c1", name, {"padding": "same"}).architecture


@pytest.mark.parametrize("counts", [(3, None), (9, None), (9, 70), (70, None)])
def test_tiles_of_shared_programs_give_the_same_kernel(counts):
    x1 = samples(counts[0])
    x2 = None if counts[1] is None else samples(counts[1], seed=1)
    want = gram(ToyKernel(), x1, x2, Engine(memory=1 << 26))
    got = gram(ToyKernel(), x1, x2, Engine(memory=1 << 26, programs=Programs()))
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7)  # arccos loses half of the digits on the diagonal


def test_matrices_of_like_sizes_share_a_program():
    programs, kernel = Programs(at_most=2), ToyKernel()
    for count in (17, 20, 32):
        gram(kernel, samples(count), engine=Engine(programs=programs))
    assert len(programs) == 1
    gram(ToyKernel(), samples(17), engine=Engine(programs=programs))  # another kernel, another program
    assert len(programs) == 2
    gram(kernel, samples(5), engine=Engine(programs=programs))
    assert len(programs) == 2  # the least used one is forgotten


def test_rounding_up_gives_few_sizes_and_wastes_little():
    assert [rounded_up(count) for count in (1, 9, 33, 64, 65, 128, 129, 1000)] == [8, 16, 64, 64, 72, 128, 144, 1024]
    assert all(
        count <= rounded_up(count) <= max(8, count * 9 / 8 if count > 64 else 2 * count) for count in range(1, 900)
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: eqntk_cli.kernel(x, hiden_layers=2), "hiden_layers is no setting .* nearest is hidden_layers"),
        (lambda x: eqntk_cli.kernel(x, group="c3"), "group=c3"),
        (lambda x: eqntk_cli.kernel(x, route="augmented"), "auto | collapsed | recursion"),
        (lambda x: eqntk_cli.kernel(x, memory=-1.0), "memory=-1"),
        (lambda x: eqntk_cli.kernel(x[0]), "four axes"),
        (lambda x: eqntk_cli.kernel(x, x[:, :2]), "samples of x1 have shape .* those of x2"),
        (lambda x: eqntk_cli.predict((x, x), (x, x), x), "give either time, or steps"),
        (lambda x: eqntk_cli.predict((x, x), (x, x), x, steps=3), "steps and step_size belong together"),
    ],
)
def test_mistakes_are_said_in_one_line(call, words):
    with pytest.raises((ConfigError, DataError), match=words) as error:
        call(np.zeros((3, 4, 4, 1)))
    assert "\n" not in str(error.value)
