"""Settings that return, and the list of runs."""

import io
import logging
from dataclasses import replace

import pytest
from fake_runs import FakeEnsemble, bundle, config, load

from eqntk_cli.config.schema import ArchitectureConfig, TrackingConfig
from eqntk_cli.errors import ConfigError, StorageError
from eqntk_cli.runs.contents import CONFIG_FILE
from eqntk_cli.runs.evaluation import evaluation_points, metric_rows
from eqntk_cli.runs.execute import execute
from eqntk_cli.runs.folder import difference, logging_to, read_config, write_config
from eqntk_cli.runs.listing import list_runs
from eqntk_cli.runs.metrics import headline
from eqntk_cli.runs.record import read_record, write_record


def test_settings_return(tmp_path):
    settings = config(
        architecture=ArchitectureConfig(name="cnn", W_std=[1.3, 1.1, 0.9], filter=[3, 1]),
        tracking=TrackingConfig(tags=("a", "b")),
        label="mine",
    )
    write_config(tmp_path, settings)
    reread = read_config(tmp_path)
    assert difference(settings, reread) is None
    assert reread.architecture.gains == (1.3, 1.1, 0.9)
    write_config(tmp_path, reread)
    assert read_config(tmp_path) == reread


def test_settings_out_of_range_are_named(tmp_path):
    write_config(tmp_path, config())
    path = tmp_path / CONFIG_FILE
    path.write_text(path.read_text().replace("hidden_layers: 2", "hidden_layers: -2"))
    with pytest.raises(ConfigError, match="hidden_layers=-2"):
        read_config(tmp_path)


def test_differences_that_matter():
    one = config()
    assert difference(one, replace(one, label="x", tracking=TrackingConfig(mode="online"))) is None
    assert difference(one, replace(one, dataset=replace(one.dataset, root="/elsewhere"))) is None
    assert "training.steps was 4 and is now 5" in difference(one, replace(one, training=replace(one.training, steps=5)))


def test_list_of_runs(tmp_path):
    whole = execute(config(), tmp_path / "a" / "whole", load, FakeEnsemble)
    other = execute(config(seed=6), tmp_path / "b", load, FakeEnsemble)
    record = read_record(other)
    write_record(other, replace(record, state="running", started="2020-01-01T00:00:00+00:00", members_done=2))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "record.json").write_text("{")
    runs = {run.folder: run for run in list_runs(tmp_path)}
    assert [run.folder for run in list_runs(tmp_path)] == [tmp_path / "c", other, whole]
    assert runs[whole].state == "done"
    assert runs[whole].metric == headline(whole)
    assert runs[whole].metric[0] == "acc"
    assert runs[other].state == "killed"  # nobody is working on it
    assert runs[tmp_path / "c"].state == "damaged"
    assert "damaged" in runs[tmp_path / "c"].error
    with pytest.raises(StorageError, match="no folder"):
        list_runs(tmp_path / "nowhere")


@pytest.mark.parametrize(("last", "expected"), [("0.5,", ("mae_meV", 0.5)), (",", ("loss", 0.25))])
def test_headline_of_a_regression(tmp_path, last, expected):
    text = "step,split,loss,mae_meV,rmse_meV\n0,test,1,9,9\n0,ood,1,,\n5,test,0.25," + last + "\n5,ood,3,,\n"
    (tmp_path / "metrics.csv").write_text(text)
    assert headline(tmp_path) == expected


def test_no_samples_off_the_distribution():
    data = bundle()
    data = replace(data, ood_x=data.ood_x[:0], ood_y=data.ood_y[:0])
    points = evaluation_points(data, (0, 3))
    assert points.split == ("train",) * 4 + ("test",) * 3
    assert {row["split"] for row in metric_rows(data, (0,), points.target[None])} == {"train", "test"}


class FullStream(io.StringIO):
    """A file on a full disk."""

    def write(self, text):
        raise OSError(28, f"No space left on device for {len(text)} characters")


def test_the_log_survives_a_full_disk(tmp_path, monkeypatch, capsys):
    with logging_to(tmp_path) as logger:
        (handler,) = [handler for handler in logger.handlers if isinstance(handler, logging.FileHandler)]
        logger.info("kept")
        with monkeypatch.context() as patch:
            patch.setattr(handler, "stream", FullStream())
            logger.info("lost")
    assert "kept" in (tmp_path / "eqntk.log").read_text()
    assert capsys.readouterr().err == ""
    assert logger.handlers == []
