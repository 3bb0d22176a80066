"""Every task that a set of MedMNIST has comes out of a report as scikit-learn scores it."""

import numpy as np
import pytest
from simulated import World, draw, write_study
from sklearn.metrics import accuracy_score, roc_auc_score

from eqntk_cli.data.formats.medmnist_table import table
from eqntk_cli.report.analysis import analyse
from eqntk_cli.report.findings.invariance import OrbitStatistics
from eqntk_cli.report.findings.metrics import TaskMetrics

CLASSES = ("first", "second", "third", "fourth")
TASKS = sorted({known.task for known in table().values()})


@pytest.fixture(scope="module", params=TASKS)
def reported(request, tmp_path_factory):
    """A world of this task, and the pair of a report on it."""
    outputs = CLASSES[:2] if request.param == "binary-class" else CLASSES
    world = World(n_train=6, n_test=80, n_ood=4, steps=(0, 30), task=request.param, outputs=outputs, spread=1.5)
    study = write_study(tmp_path_factory.mktemp("study"), world, members=4, control=False)
    return world, analyse([str(study)], resamples=19).pairs[0]


def test_metrics_of_a_report_are_those_of_scikit_learn(reported):
    world, pair = reported
    values = draw(world, "gcnn_ensemble", 4, 64)[:, -1, 0, 6:86].astype(np.float64).mean(axis=0)
    labels = world.points().label[6:86]
    if world.task.startswith("multi-label"):
        choices, truths, scores = (values > 0).astype(int), labels, values
    elif world.task == "binary-class":
        choices, truths, scores = values.argmax(axis=1)[:, None], labels, np.diff(values, axis=1)
    else:
        choices, truths, scores = values.argmax(axis=1)[:, None], labels == np.arange(len(world.outputs)), values
    metrics = {
        row.metric: row.ensemble[-1]
        for row in pair.of(TaskMetrics)
        if (row.model, row.split) == ("gcnn_ensemble", "test")
    }
    assert set(metrics) == {"acc", "auc"}
    expected = np.mean([accuracy_score(*both) for both in zip(labels.T, choices.T, strict=True)])
    assert metrics["acc"] == pytest.approx(expected, abs=1e-6)
    areas = [roc_auc_score(*both) for both in zip(truths.T, scores.T, strict=True)]
    assert metrics["auc"] == pytest.approx(np.mean(areas), abs=1e-6)
    assert 0.2 < metrics["acc"] < 0.99


def test_same_class_on_the_orbit_counts_labels_as_the_task_has_them(reported):
    world, pair = reported
    means = draw(world, "augmented_ensemble", 4, 64)[:, -1, :, 6:86].astype(np.float64).mean(axis=0)
    choices = means > 0 if world.task.startswith("multi-label") else means.argmax(axis=2)[..., None]
    statistics = next(row for row in pair.of(OrbitStatistics) if row.split == "test")
    assert statistics.same_prediction[-1] == pytest.approx(np.mean(choices == choices[:1]), abs=1e-6)
    assert statistics.same_prediction[-1] < 1
