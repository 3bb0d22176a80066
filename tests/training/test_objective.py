"""The losses against their definitions written out."""

import numpy as np
import pytest
from scipy.special import log_softmax

from eqntk_cli.training.objective import Objective

RNG = np.random.default_rng(0)
OUTPUT, INITIAL, TARGET = RNG.normal(size=(3, 5, 4))


def test_squared_error():
    expected = sum(((OUTPUT[i] - TARGET[i]) ** 2).sum() for i in range(5)) / 10
    assert Objective("mse").value(OUTPUT, TARGET) == pytest.approx(expected)


def test_cross_entropy():
    probabilities = np.exp(log_softmax(TARGET, axis=1))
    expected = -np.mean([(probabilities[i] * log_softmax(OUTPUT[i])).sum() for i in range(5)])
    assert Objective("cross_entropy").value(OUTPUT, probabilities) == pytest.approx(expected)


def test_scale_and_centre():
    lazy = Objective("mse", output_scale=3.0, centred=True)
    np.testing.assert_allclose(lazy.prediction(OUTPUT, INITIAL), 3 * (OUTPUT - INITIAL))
    assert lazy(OUTPUT, TARGET) == pytest.approx(float(lazy.value(OUTPUT, TARGET)) / 9)
    np.testing.assert_allclose(Objective("mse", output_scale=3.0).prediction(OUTPUT, INITIAL), 3 * OUTPUT)
