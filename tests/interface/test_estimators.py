"""The estimators keep scikit-learn's contract, and predict what the commands and the textbook formulas predict."""

import math

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import eqntk_cli
from eqntk_cli import NTKClassifier, NTKRegressor
from eqntk_cli.errors import ConfigError, DataError
from eqntk_cli.interface import cache
from eqntk_cli.interface.network import Network

GAINS, BIASES = (1.3, 1.1, 0.9), (0.2, 0.1, 0.05)
OF_THE_MLP = {"W_std": GAINS, "b_std": BIASES}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([NTKRegressor(hidden_layers=1), NTKClassifier(hidden_layers=1)])
def test_contract_of_scikit_learn(estimator, check):
    """With two layers one check fails, that probabilities rank points as decisions do: shares of members need not."""
    check(estimator)


@pytest.fixture(autouse=True)
def _nothing_from_before():
    cache.KEPT.clear()


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.normal(size=(9, 4, 4)), rng.normal(size=9), rng.normal(size=(3, 4, 4))


def relu_kernels(x1, x2):
    """NNGP and NTK of a dense relu network with two hidden layers, pair by pair, as textbooks have them."""
    nngp, ntk = np.empty((len(x1), len(x2))), np.empty((len(x1), len(x2)))
    for i, a in enumerate(x1):
        for j, b in enumerate(x2):
            k = np.array([[a @ a, a @ b], [b @ a, b @ b]]) / len(a) * GAINS[0] ** 2 + BIASES[0] ** 2
            t = k[0, 1]
            for gain, bias in zip(GAINS[1:], BIASES[1:], strict=True):
                size = math.sqrt(k[0, 0] * k[1, 1])
                angle = math.acos(np.clip(k[0, 1] / size, -1, 1))
                value = size * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / (2 * math.pi)
                slope = (math.pi - angle) / (2 * math.pi)
                k = np.array([[k[0, 0] / 2, value], [value, k[1, 1] / 2]]) * gain**2 + bias**2
                t = k[0, 1] + gain**2 * slope * t
            nngp[i, j], ntk[i, j] = k[0, 1], t
    return nngp, ntk


def averaged(x1, x2):
    """The same of the network that is equivariant under C4: the mean over turned x2."""
    turned = [relu_kernels(x1.reshape(len(x1), -1), np.rot90(x2, q, (1, 2)).reshape(len(x2), -1)) for q in range(4)]
    return np.mean(turned, axis=0)


@pytest.mark.parametrize(("time", "kernel"), [(3.0, "ntk"), (math.inf, "ntk"), (math.inf, "nngp")])
def test_predictions_are_those_of_the_textbook(images, time, kernel):
    x, y, new = images
    ridge = 0.03
    model = NTKRegressor("c4", time=time, ridge=ridge, kernel=kernel, **OF_THE_MLP).fit(x, y)
    mean, deviation = model.predict(new, return_std=True)
    (nngp, ntk), (nngp_new, ntk_new), (prior, _) = averaged(x, x), averaged(new, x), averaged(new, new)
    drives, drives_new = (ntk, ntk_new) if kernel == "ntk" else (nngp, nngp_new)
    absolute = ridge * np.mean(np.diag(drives))
    noise = absolute if kernel == "nngp" else 0.0
    values, vectors = np.linalg.eigh(drives + absolute * np.eye(9))
    done = 1 - np.exp(-time * values / 9)
    weights = drives_new @ vectors @ np.diag(done / values) @ vectors.T
    np.testing.assert_allclose(mean, weights @ (y - y.mean()) + y.mean(), rtol=1e-7)
    crossed = weights @ nngp_new.T
    covariance = prior + weights @ (nngp + noise * np.eye(9)) @ weights.T - crossed - crossed.T
    np.testing.assert_allclose(deviation, y.std() * np.sqrt(np.diag(covariance)), rtol=1e-6)


def test_predictions_are_those_of_kernel_and_predict(images):
    x, y, new = images
    settings = {"architecture": "cnn", "hidden_layers": 1, "filter": 3, "W_std": (1.2, 0.8), "b_std": (0.3, 0.1)}
    model = NTKRegressor("d4", time=5.0, ridge=0.01, **settings).fit(x, np.stack([y, 2 * y**2], axis=1))
    train = eqntk_cli.kernel(x[..., None], group="d4", **settings)
    cross = eqntk_cli.kernel(new[..., None], x[..., None], group="d4", **settings)
    test = eqntk_cli.kernel(new[..., None], group="d4", **settings)
    ridge = 0.01 * np.mean(np.diag(train.ntk))
    outputs = np.stack([y, 2 * y**2], axis=1)
    scaled = (outputs - outputs.mean(axis=0)) / outputs.std(axis=0)
    prediction = eqntk_cli.predict(train, cross, scaled, test=test, time=5.0, ridge=ridge)
    mean, deviation = model.predict(new, return_std=True)
    np.testing.assert_allclose(mean, prediction.mean[0] * outputs.std(axis=0) + outputs.mean(axis=0), rtol=1e-10)
    spread = np.sqrt(np.diag(prediction.covariance[0]))[:, None] * outputs.std(axis=0)
    np.testing.assert_allclose(deviation, spread, rtol=1e-7)


def test_rows_with_an_image_shape_are_the_images(images):
    x, y, new = images
    of_images = NTKRegressor("c4", **OF_THE_MLP).fit(x, y).predict(new)
    flat = NTKRegressor("c4", image_shape=(4, 4), **OF_THE_MLP).fit(x.reshape(9, -1), y).predict(new.reshape(3, -1))
    with_channel = NTKRegressor("c4", **OF_THE_MLP).fit(x[..., None], y).predict(new[..., None])
    np.testing.assert_array_equal(of_images, flat)
    np.testing.assert_array_equal(of_images, with_channel)


def test_a_group_is_what_makes_predictions_invariant(images):
    x, y, new = images
    turned = np.rot90(new, axes=(1, 2))
    model = NTKRegressor("c4", ridge=1e-3, **OF_THE_MLP).fit(x, y)
    np.testing.assert_allclose(model.predict(turned), model.predict(new), rtol=1e-8)
    plain = NTKRegressor(ridge=1e-3, image_shape=(4, 4), **OF_THE_MLP).fit(x, y)
    assert np.abs(plain.predict(turned) - plain.predict(new)).max() > 1e-3 * y.std()


def test_a_grid_over_times_and_ridges_computes_every_kernel_once(images, monkeypatch):
    x, y, _ = images
    calls = []
    compute = Network.gram
    monkeypatch.setattr(Network, "gram", lambda self, *sides: calls.append(len(sides[0])) or compute(self, *sides))
    chain = make_pipeline(StandardScaler(), NTKRegressor("c4", image_shape=(4, 4), **OF_THE_MLP))
    grid = {"ntkregressor__time": [1.0, 10.0, math.inf], "ntkregressor__ridge": [1e-3, 1e-1]}
    search = GridSearchCV(chain, grid, cv=3).fit(x.reshape(9, -1), y)
    assert len(calls) == 3 * 2 + 1  # train x train and test x train of each fold; then all samples
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_kernels_on_the_disk_are_found_by_another_process(images, tmp_path, monkeypatch):
    x, y, new = images
    settings = {**OF_THE_MLP, "memory": str(tmp_path)}
    first = NTKRegressor("c4", **settings).fit(x, y).predict(new)
    cache.KEPT.clear()  # as in another process
    monkeypatch.setattr(Network, "gram", None)
    np.testing.assert_array_equal(NTKRegressor("c4", **settings).fit(x, y).predict(new), first)


def test_shares_of_members_are_those_of_draws(images):
    x, y, new = images
    model = NTKClassifier("c4", time=2.0, **OF_THE_MLP).fit(x, np.digitize(y, [-0.5, 0.5]))
    classes, deviation = model.predict(new, return_std=True)
    mean = model.decision_function(new)
    draws = mean[:, None] + deviation[:, None, None] * np.random.default_rng(0).normal(size=(3, 40_000, 3))
    shares = np.stack([np.mean(draws.argmax(axis=2) == label, axis=1) for label in range(3)], axis=1)
    np.testing.assert_allclose(model.predict_proba(new), shares, atol=5 * 0.5 / 200)
    np.testing.assert_array_equal(classes, model.predict_proba(new).argmax(axis=1))


def test_targets_may_be_transformed(images):
    x, y, new = images
    chain = TransformedTargetRegressor(NTKRegressor("c4", **OF_THE_MLP), func=np.exp, inverse_func=np.log)
    assert np.isfinite(chain.fit(x, y).predict(new)).all()


@pytest.mark.parametrize(
    ("settings", "shape", "words"),
    [
        ({"group": "c4"}, (9, 16), "flat rows of 16 features; say image_shape="),
        ({"group": "c4", "image_shape": (4, 5)}, (9, 16), "expected 20 for image_shape"),
        ({"image_shape": (4,)}, (9, 16), "expected .height, width."),
        ({"group": "c4"}, (9, 4, 5), "square images"),
        ({"group": "so3"}, (9, 4, 4), "group=so3 is not possible"),
        ({"architecture": "cmn"}, (9, 4, 4), "architecture=cmn is not known; expected cnn"),
        ({"kernel": "ntj"}, (9, 4, 4), "expected ntk | nngp"),
        ({"activation": "rleu"}, (9, 4, 4), "relu"),
        ({"W_std": (1.0, 2.0)}, (9, 4, 4), "3 numbers"),
        ({"ridge": -1.0}, (9, 4, 4), "ridge"),
        ({"image_shape": (4, 4)}, (9, 5, 5), "expected samples of image_shape"),
        ({"image_shape": 4}, (9, 16), "image_shape=4 is not possible"),
        ({"group": None}, (9, 4, 4), "group=None"),
        ({"time": "long"}, (9, 4, 4), "time='long' is not possible; expected a number"),
        ({"time": math.nan}, (9, 4, 4), "time=nan"),
        ({"ridge": None}, (9, 4, 4), "ridge=None"),
        ({"hidden_layers": "2"}, (9, 4, 4), "hidden_layers='2' is not possible; expected a whole number"),
        ({"hidden_layers": -1}, (9, 4, 4), "hidden_layers=-1"),
        ({"skip": "no"}, (9, 4, 4), "skip='no' is not possible; expected true or false"),
        ({"W_std": "large"}, (9, 4, 4), "W_std"),
        ({"precision": "float16"}, (9, 4, 4), "float32 . float64"),
        ({"architecture": "cnn", "filter": 9, "padding": "valid"}, (9, 4, 4), "filter"),
    ],
)
def test_mistakes_are_said_in_one_line(settings, shape, words):
    """As ConfigError or DataError of this program, which to scikit-learn's users are a ValueError."""
    x = np.random.default_rng(0).normal(size=shape)
    with pytest.raises(ValueError, match=words) as error:
        NTKRegressor(**settings).fit(x, np.arange(9.0))
    assert isinstance(error.value, ConfigError | DataError)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("estimator", [NTKRegressor(hidden_layers=1), NTKClassifier(hidden_layers=1)])
@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.full((4, 3), np.nan), [0, 1, 0, 1]),
        (np.full((4, 3), np.inf), [0, 1, 0, 1]),
        (np.array([["a"] * 3] * 4), [0, 1, 0, 1]),
        (np.zeros((4, 3)), [0, 1, 0]),
        (np.zeros((4, 3)), [0, 1, 0, np.nan]),
        (np.zeros((0, 3)), []),
        (np.zeros(4), [0, 1, 0, 1]),
        (np.zeros((4, 3, 3, 1, 1)), [0, 1, 0, 1]),
        (np.zeros((4, 3)), None),
    ],
    ids=["nan", "infinite", "words", "too few targets", "nan target", "nothing", "one axis", "five axes", "no targets"],
)
def test_wrong_data_are_a_value_error(estimator, x, y):
    with pytest.raises(ValueError, match=r"\S"):
        clone(estimator).fit(x, y)


def test_what_is_not_fitted_says_so(images):
    for call in (NTKRegressor().predict, NTKClassifier().predict, NTKClassifier().predict_proba):
        with pytest.raises(NotFittedError):
            call(images[0])


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_a_search_goes_on_past_wrong_settings(images):
    x, y, _ = images
    grid = {"activation": ["relu", "rleu"]}
    with pytest.warns(FitFailedWarning, match="rleu"):
        search = GridSearchCV(NTKRegressor("c4", **OF_THE_MLP), grid, cv=3).fit(x, y)
    assert search.best_params_ == {"activation": "relu"}


def test_images_of_another_size_are_refused(images):
    x, y, _ = images
    model = NTKRegressor(**OF_THE_MLP).fit(x, y)
    with pytest.raises(ValueError, match=r"expected \(4, 4, 1\), as in fit"):
        model.predict(np.zeros((2, 4, 5)))
