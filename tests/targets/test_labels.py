import numpy as np
import pytest

from eqntk_cli.errors import DataError
from eqntk_cli.targets.labels import encode
from eqntk_cli.targets.task import Task

THREE = ("a", "b", "c")
TWO = ("no", "yes")


@pytest.mark.parametrize(
    ("task", "names", "labels", "encoding", "expected"),
    [
        ("multi-class", THREE, [[2]], "raw", [[0, 0, 1]]),
        ("multi-class", THREE, [[2]], "one_hot_centred", [[-1 / 3, -1 / 3, 2 / 3]]),
        ("multi-class", THREE, [[0], [1]], "pm1", [[1, -1, -1], [-1, 1, -1]]),
        ("ordinal-regression", THREE, [[1]], "one_hot_centred", [[-1 / 3, 2 / 3, -1 / 3]]),
        ("binary-class", TWO, [[0], [1]], "raw", [[0], [1]]),
        ("binary-class", TWO, [[0], [1]], "pm1", [[-1], [1]]),
        ("binary-class", TWO, [[0], [1]], "one_hot_centred", [[0.5, -0.5], [-0.5, 0.5]]),
        ("multi-label, binary-class", THREE, [[1, 0, 1]], "raw", [[1, 0, 1]]),
        ("multi-label, binary-class", THREE, [[1, 0, 1]], "one_hot_centred", [[0.5, -0.5, 0.5]]),
        ("multi-label, binary-class", THREE, [[1, 0, 1]], "pm1", [[1, -1, 1]]),
    ],
)
def test_encodings_written_out(task, names, labels, encoding, expected):
    targets, output_names, scale = encode(np.array(labels), Task.of(task), names, encoding)
    np.testing.assert_allclose(targets, expected, atol=1e-15)
    assert targets.dtype == np.float64
    assert len(output_names) == targets.shape[1]
    indicators = scale.physical(targets)
    np.testing.assert_allclose(indicators, np.round(indicators), atol=1e-15)
    assert set(np.round(indicators).ravel()) <= {0, 1}


def test_the_single_output_of_a_binary_task_is_class_1():
    assert encode(np.array([[1]]), Task.of("binary-class"), TWO, "pm1")[1] == ("yes",)


@pytest.mark.parametrize(
    ("labels", "task", "words"),
    [
        ([[3]], "multi-class", "0 to 2"),
        ([[-1]], "multi-class", "0 to 2"),
        ([[2, 0, 0]], "multi-label, binary-class", "0 to 1"),
        ([[0, 1]], "multi-class", r"\(samples, 1\)"),
        ([0, 1], "multi-class", r"\(samples, 1\)"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, task, words):
    with pytest.raises(DataError, match=words):
        encode(np.array(labels), Task.of(task), THREE, "raw")
