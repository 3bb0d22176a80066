"""The table of metrics of a run, by hand."""

import numpy as np
import pytest
from broken_off import broken_off
from fake_runs import STEPS, FakeEnsemble, bundle, config, load, rows

from eqntk_cli.config.schema import TrainingConfig
from eqntk_cli.runs.execute import execute
from eqntk_cli.runs.store import open_predictions


def test_metrics_by_hand(tmp_path):
    folder = execute(config(), tmp_path, load, FakeEnsemble)
    mean = open_predictions(folder).prediction.values[:, :, 0].mean(axis=0)
    metrics = {(int(row["step"]), row["split"]): row for row in rows(folder)}
    assert len(metrics) == len(STEPS) * 3
    data = bundle()
    for number, step in enumerate(STEPS):
        test = mean[number, 4:7]
        loss = sum((test[i, j] - data.test_y[i, j]) ** 2 for i in range(3) for j in range(2)) / 6
        assert float(metrics[step, "test"]["loss"]) == pytest.approx(loss, rel=1e-12)
        right = np.mean([int(test[i, 1] > test[i, 0]) == data.test_labels[i, 0] for i in range(3)])
        assert float(metrics[step, "test"]["acc"]) == pytest.approx(right)
        assert metrics[step, "ood"]["loss"] == metrics[step, "ood"]["acc"] == ""


def test_cross_entropy_is_the_loss_that_was_minimised(tmp_path):
    folder = execute(config(training=TrainingConfig(steps=4, loss="cross_entropy")), tmp_path, load, FakeEnsemble)
    mean = open_predictions(folder).prediction.values[:, -1, 0, :4].mean(axis=0)
    truth = bundle().train_labels[:, 0]
    loss = -np.mean([mean[i, truth[i]] - np.log(np.exp(mean[i]).sum()) for i in range(4)])
    last = [row for row in rows(folder) if row["split"] == "train"][-1]
    assert float(last["loss"]) == pytest.approx(loss, rel=1e-12)


def test_only_the_unmoved_samples_enter_the_metrics(tmp_path):
    def build(settings, data):
        return FakeEnsemble(settings, data, element_names=("e", "r90", "r180", "r270"))

    folder = execute(config(), tmp_path, load, build)
    data = open_predictions(folder)
    mean = data.prediction.sel(element="e", step=4).values[:, 4:7].mean(axis=0)
    loss = np.sum((mean - bundle().test_y) ** 2) / 6
    last = [row for row in rows(folder) if row["split"] == "test"][-1]
    assert float(last["loss"]) == pytest.approx(loss, rel=1e-12)


def test_metrics_are_written_and_logged_as_members_come(tmp_path):
    record = broken_off(tmp_path)
    assert record.members_done == 4
    mean = open_predictions(tmp_path).prediction.values[:4, :, 0].mean(axis=0)
    loss = np.sum((mean[-1, 4:7] - bundle().test_y) ** 2) / 6
    last = [row for row in rows(tmp_path) if row["split"] == "test"][-1]
    assert float(last["loss"]) == pytest.approx(loss, rel=1e-12)
    assert "mean of 2 members: test acc" in (tmp_path / "eqntk.log").read_text()
    assert "mean of 4 members: test acc" in (tmp_path / "eqntk.log").read_text()
