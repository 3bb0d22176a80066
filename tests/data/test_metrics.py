import ast
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from eqntk_cli.data.bundle import TargetScale
from eqntk_cli.data.labels import encode
from eqntk_cli.data.metrics import area_under_curve, squared_loss, task_metrics

MULTI_LABEL = "multi-label, binary-class"


@pytest.fixture(scope="module")
def official():
    """MedMNIST's own getAUC and getACC, taken out of its evaluator (whose module needs torch)."""
    from sklearn.metrics import accuracy_score, roc_auc_score

    path = Path(find_spec("medmnist").origin).with_name("evaluator.py")
    functions = [node for node in ast.parse(path.read_text()).body if getattr(node, "name", "") in ("getAUC", "getACC")]
    scope = {"np": np, "roc_auc_score": roc_auc_score, "accuracy_score": accuracy_score}
    exec(compile(ast.Module(functions, []), str(path), "exec"), scope)
    return scope


def test_area_under_curve_by_counting_pairs():
    score = np.array([0.1, 0.4, 0.4, 0.8])
    truth = np.array([False, True, False, True])
    assert area_under_curve(truth, score) == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert area_under_curve(~truth, score) == pytest.approx(0.5 / 4)
    assert np.isnan(area_under_curve(np.zeros(4, bool), score))


def test_loss_is_half_the_mean_over_samples_of_the_sum_over_outputs():
    prediction, target = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 3.0]])
    assert squared_loss(prediction, target) == pytest.approx((1 + 4 + 9) / 4)


@pytest.mark.parametrize("encoding", ["raw", "one_hot_centred", "pm1"])
@pytest.mark.parametrize("task", ["multi-class", "ordinal-regression", "binary-class", MULTI_LABEL])
def test_equal_to_the_official_evaluator(official, task, encoding):
    names = ("a", "b") if task == "binary-class" else ("a", "b", "c", "d")
    rng = np.random.default_rng(3)
    labels = rng.integers(2, size=(60, 4)) if task == MULTI_LABEL else rng.integers(len(names), size=(60, 1))
    target, _, scale = encode(labels, task, names, encoding)
    prediction = target + 0.6 / scale.scale * rng.standard_normal(target.shape)
    scores = scale.physical(prediction)
    if task == "binary-class" and scores.shape[1] == 2:  # the evaluator expects probabilities, so softmax them
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    found = task_metrics(task, prediction, target, labels, scale)
    assert found["auc"] == pytest.approx(official["getAUC"](labels, scores, task), abs=1e-12)
    assert found["acc"] == pytest.approx(official["getACC"](labels, scores, task), abs=1e-12)
    assert 0.5 < found["acc"] < 1


def test_accuracy_by_hand():
    labels = np.array([[0], [1], [1]])
    target, _, scale = encode(labels, "binary-class", ("no", "yes"), "pm1")
    found = task_metrics("binary-class", np.array([[-0.1], [0.2], [-0.3]]), target, labels, scale)
    assert found["acc"] == pytest.approx(2 / 3)
    assert found["auc"] == pytest.approx(1 / 2)


def test_a_class_that_the_test_set_lacks_is_left_out_of_the_mean():
    labels = np.array([[0], [0], [1]])
    target, _, scale = encode(labels, "multi-class", ("a", "b", "c"), "raw")
    found = task_metrics("multi-class", target, target, labels, scale)
    assert found == {"acc": 1.0, "auc": 1.0}


def test_errors_of_a_regression_are_physical_and_carry_their_unit():
    scale = TargetScale("gap", "meV", mean=5000.0, scale=200.0)
    prediction, target = np.array([[0.5], [1.0], [9.0]]), np.array([[0.0], [-1.0], [np.nan]])
    found = task_metrics("regression", prediction, target, None, scale)
    assert found == {"mae_meV": pytest.approx(250), "rmse_meV": pytest.approx(np.sqrt((100**2 + 400**2) / 2))}


def test_nothing_is_said_where_the_truth_is_unknown():
    unknown = np.full((2, 1), np.nan)
    scale = TargetScale("x", "eV")
    assert task_metrics("regression", np.zeros((2, 1)), unknown, None, scale) == {}
    assert task_metrics("multi-class", np.zeros((2, 3)), np.full((2, 3), np.nan), None, scale) == {}
    assert np.isnan(squared_loss(np.zeros((2, 1)), unknown))
