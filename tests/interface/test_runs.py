"""Runs, sweeps and reports as function calls: the same folders as the commands make."""

import jax
import numpy as np
import pytest

import eqntk_cli
from eqntk_cli.errors import ConfigError, StorageError
from eqntk_cli.interface.runs import settings_of_run
from eqntk_cli.runs.record import read_record

TINY = ("dataset=digits", "dataset.n_train=6", "dataset.n_test=3", "dataset.n_ood=0", "tracking=disabled")
NTK = (*TINY, "model=ntk", "training.steps=10", "architecture.hidden_layers=1")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_leaves_a_run_that_opens_as_a_data_set(here):
    folder = eqntk_cli.train(*NTK, out="run")
    assert jax.config.read("jax_enable_x64")  # the run was in float32, the process goes on as it was
    assert folder.resolve() == here / "run"
    assert read_record(folder).command == f"eqntk train {' '.join(NTK)}"
    data = eqntk_cli.open_run(folder)
    assert data.attrs["model"] == "ntk"
    assert data.attrs["state"] == "done"
    assert data["mean"].dims == ("kernel", "step", "sample", "output")
    assert list(data["split"].values) == ["train"] * 6 + ["test"] * 3
    assert eqntk_cli.train(*NTK, out="run") == folder  # it is done already


def test_sweep_and_compare_are_learning_curves(here, monkeypatch):
    written = []  # drawing the report takes longer than the runs
    monkeypatch.setattr("eqntk_cli.report.page.export.write_report", lambda *given: written.append(given))
    folder = eqntk_cli.sweep(*NTK, "dataset.n_train=4,6", out="curves")
    assert len(list(folder.glob("*/record.json"))) == 2
    analysis = eqntk_cli.compare(folder, out=here / "report")
    assert written == [(analysis, here / "report")]
    assert analysis.first_line.startswith("Learning curves of 2 kernels on digits")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: eqntk_cli.train("model=nkt"), "nearest is ntk"),
        (lambda: eqntk_cli.sweep(*NTK, "experiment=nothing"), "experiment=nothing"),
        (lambda: eqntk_cli.sweep(*NTK, launcher="slurm"), "`eqntk sweep`"),
    ],
)
def test_what_cannot_be_run_is_refused_before_a_folder_is_made(here, call, words):
    with pytest.raises(ConfigError, match=words):
        call()
    assert list(here.iterdir()) == []


def test_folders_of_something_else_are_refused(here):
    (here / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="holds other files and no run"):
        eqntk_cli.train(*NTK, out=here)
    with pytest.raises(StorageError):
        eqntk_cli.open_run(here)
    assert np.array_equal([file.name for file in here.iterdir()], ["notes.txt"])


def test_settings_of_something_else_are_left_alone(here):
    (here / "config.yaml").write_text("mine: 1")
    with pytest.raises(StorageError, match="holds other files and no run"):
        settings_of_run(here, [*NTK], None)


def test_a_run_that_was_killed_before_its_record_is_begun_again(here):
    for name in (".lock", ".config.yaml.1.tmp", "config.yaml"):  # in this order they come
        (here / name).write_text("")
        assert settings_of_run(here, [*NTK], None).model.name == "ntk"
    (here / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="holds other files and no run"):
        settings_of_run(here, [*NTK], None)


@pytest.mark.usefixtures("here")
def test_a_sweep_says_which_run_failed(monkeypatch):
    monkeypatch.setattr("eqntk_cli.sweeps.launch.launch", lambda *_: [None, StorageError("the disk is full.")])
    with pytest.raises(StorageError, match="the disk is full") as error:
        eqntk_cli.sweep(*NTK, "seed=0,1", out="two")
    assert "eqntk sweep --resume two" in error.value.__notes__[0]
