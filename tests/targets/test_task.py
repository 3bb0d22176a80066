import ast
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    mean_absolute_error,
    roc_auc_score,
    root_mean_squared_error,
)

from eqntk_cli.data.formats.medmnist_table import table
from eqntk_cli.errors import DataError
from eqntk_cli.targets.labels import encode
from eqntk_cli.targets.scale import TargetScale
from eqntk_cli.targets.task import (
    BINARY,
    MULTI_CLASS,
    MULTI_LABEL,
    ORDINAL,
    REGRESSION,
    TASKS,
    Task,
    area_under_curve,
    squared_loss,
)

SETS = sorted(table())


@pytest.fixture(scope="module")
def official():
    """MedMNIST's own getAUC and getACC, taken out of its evaluator (whose module needs torch)."""
    path = Path(find_spec("medmnist").origin).with_name("evaluator.py")
    functions = [node for node in ast.parse(path.read_text()).body if getattr(node, "name", "") in ("getAUC", "getACC")]
    scope = {"np": np, "roc_auc_score": roc_auc_score, "accuracy_score": accuracy_score}
    exec(compile(ast.Module(functions, []), str(path), "exec"), scope)
    return scope


def drawn_labels(task, classes, samples=200):
    """Labels in which every class has samples inside and outside."""
    rng = np.random.default_rng(3)
    if task.label_per_class:
        return rng.integers(2, size=(samples, classes))
    return rng.permutation(np.arange(samples) % classes)[:, None]


def noisy(target, scale, seed=4):
    return target + 0.6 / scale.scale * np.random.default_rng(seed).standard_normal(target.shape)


def official_scores(task, prediction, scale):
    """The evaluator's scores; probabilities where it would compare a single difference with 1/2."""
    scores = scale.physical(prediction)
    if task is BINARY and scores.shape[1] == 2:
        return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return scores


@pytest.mark.parametrize("encoding", ["raw", "one_hot_centred", "pm1"])
@pytest.mark.parametrize("name", SETS)
def test_equal_to_the_official_evaluator_for_every_set_of_its_table(official, name, encoding):
    known = table()[name]
    task = Task.of(known.task)
    labels = drawn_labels(task, len(known.label_names))
    target, _, scale = encode(labels, task, known.label_names, encoding)
    prediction = noisy(target, scale)
    scores = official_scores(task, prediction, scale)
    got = task.metrics(prediction, target, labels, scale)
    assert tuple(got) == ("acc", "auc")
    assert got["auc"] == pytest.approx(official["getAUC"](labels, scores, known.task), abs=1e-12)
    assert got["acc"] == pytest.approx(official["getACC"](labels, scores, known.task), abs=1e-12)
    assert 0.3 < got["acc"] < 1
    assert got["auc"] > 0.6


@pytest.mark.parametrize("task", [task for task in TASKS if task.classifies], ids=lambda task: task.short)
def test_equal_to_scikit_learn(task):
    classes = 2 if task is BINARY else 4
    labels = drawn_labels(task, classes)
    target, _, scale = encode(labels, task, tuple("abcd"[:classes]), "one_hot_centred")
    prediction = noisy(target, scale)
    got = task.metrics(prediction, target, labels, scale)
    if task is MULTI_LABEL:
        auc = roc_auc_score(labels, prediction, average="macro")
        acc = np.mean([accuracy_score(labels[:, k], prediction[:, k] > 0) for k in range(classes)])
    elif task is BINARY:
        auc = roc_auc_score(labels[:, 0], prediction[:, 1] - prediction[:, 0])
        acc = accuracy_score(labels[:, 0], prediction.argmax(axis=1))
    else:
        auc = roc_auc_score(np.eye(classes)[labels[:, 0]], prediction, average="macro")
        acc = accuracy_score(labels[:, 0], prediction.argmax(axis=1))
    assert got == {"acc": pytest.approx(acc, abs=1e-12), "auc": pytest.approx(auc, abs=1e-12)}


def test_errors_of_a_regression_equal_scikit_learn_and_are_physical():
    scale = TargetScale("gap", "meV", mean=-1e7, scale=200.0)
    rng = np.random.default_rng(1)
    prediction, target = rng.standard_normal((2, 50, 1))
    got = REGRESSION.metrics(prediction, target, None, scale)
    assert got["mae"] == pytest.approx(200 * mean_absolute_error(target, prediction), rel=1e-14)
    assert got["rmse"] == pytest.approx(200 * root_mean_squared_error(target, prediction), rel=1e-14)
    assert (REGRESSION.unit(scale), MULTI_CLASS.unit(scale)) == ("meV", "")


def test_every_name_of_the_table_is_known():
    assert {Task.of(known.task).name for known in table().values()} == {task.name for task in TASKS if task.classifies}
    assert Task.of("multi-label") is Task.of("multi-label, binary-class") is MULTI_LABEL
    assert [task.short for task in TASKS] == [
        "regression",
        "multi-class",
        "binary-class",
        "multi-label",
        "ordinal-regression",
    ]
    with pytest.raises(DataError, match=r"task multilabel is unknown; expected one of regression, multi-class, "):
        Task.of("multilabel")


def test_area_under_curve_by_counting_pairs():
    score = np.array([0.1, 0.4, 0.4, 0.8])
    truth = np.array([False, True, False, True])
    assert area_under_curve(truth, score) == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert area_under_curve(~truth, score) == pytest.approx(0.5 / 4)
    assert np.isnan(area_under_curve(np.zeros(4, bool), score))


def test_loss_is_half_the_mean_over_samples_of_the_sum_over_outputs():
    prediction, target = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 3.0]])
    assert squared_loss(prediction, target) == pytest.approx((1 + 4 + 9) / 4)
    assert np.isnan(squared_loss(prediction, np.full((2, 2), np.nan)))


def test_accuracy_by_hand():
    labels = np.array([[0], [1], [1]])
    target, _, scale = encode(labels, BINARY, ("no", "yes"), "pm1")
    got = BINARY.metrics(np.array([[-0.1], [0.2], [-0.3]]), target, labels, scale)
    assert got["acc"] == pytest.approx(2 / 3)
    assert got["auc"] == pytest.approx(1 / 2)


def test_a_class_that_the_test_set_lacks_is_left_out_of_the_mean():
    labels = np.array([[0], [0], [1]])
    target, _, scale = encode(labels, MULTI_CLASS, ("a", "b", "c"), "raw")
    assert MULTI_CLASS.metrics(target, target, labels, scale) == {"acc": 1.0, "auc": 1.0}
    one = MULTI_CLASS.metrics(target[:2], target[:2], labels[:2], scale)
    assert one["acc"] == 1
    assert np.isnan(one["auc"])


def test_nothing_is_said_where_the_truth_is_unknown():
    nothing, scale = np.full((2, 1), np.nan), TargetScale("x", "eV")
    assert REGRESSION.metrics(np.zeros((2, 1)), nothing, None, scale) == {}
    for labels in (None, np.zeros((0, 1), int), np.array([[0], [-1]])):
        samples = 2 if labels is None else len(labels)
        assert MULTI_CLASS.metrics(np.zeros((samples, 3)), np.zeros((samples, 3)), labels, scale) == {}


def test_an_unknown_target_is_left_out_of_the_errors():
    prediction, target = np.array([[0.5], [1.0], [9.0]]), np.array([[0.0], [-1.0], [np.nan]])
    got = REGRESSION.metrics(prediction, target, None, TargetScale("gap", "meV", mean=5000.0, scale=200.0))
    assert got == {"mae": pytest.approx(250), "rmse": pytest.approx(np.sqrt((100**2 + 400**2) / 2))}


@pytest.mark.parametrize(
    ("task", "prediction", "classes"),
    [
        (MULTI_CLASS, [[0.1, 0.7, 0.2], [0.5, 0.1, 0.4]], [[1], [0]]),
        (ORDINAL, [[0.1, 0.7, 0.2]], [[1]]),
        (BINARY, [[0.2, 0.8], [0.6, 0.5]], [[1], [0]]),
        (BINARY, [[0.6], [0.4]], [[1], [0]]),
        (MULTI_LABEL, [[0.6, 0.4, 0.9]], [[1, 0, 1]]),
        (MULTI_LABEL, [[0.6, 0.7]], [[1, 1]]),
    ],
)
def test_classes_by_hand_with_any_leading_axes(task, prediction, classes):
    scale = TargetScale("class indicator")
    got = task.classes(np.array([prediction, prediction]), scale)
    np.testing.assert_array_equal(got, [classes, classes])
    np.testing.assert_array_equal(task.same_class(got[0], got[1]), np.ones(len(prediction)))


def test_the_same_class_of_several_labels_is_the_share_that_agrees():
    one, other = np.array([[1, 0, 1, 1]]), np.array([[1, 0, 0, 1]])
    np.testing.assert_allclose(MULTI_LABEL.same_class(one, other), [0.75])


@pytest.mark.parametrize(
    ("task", "outputs", "has"),
    [(MULTI_CLASS, 3, True), (ORDINAL, 5, True), (BINARY, 2, True), (BINARY, 1, False), (MULTI_LABEL, 14, False)]
    + [(REGRESSION, 2, False)],
)
def test_which_targets_are_probabilities(task, outputs, has):
    assert task.has_probabilities(outputs) is has
