import sys

import pytest

from eqntk_cli.errors import StorageError
from eqntk_cli.files.lock import held
from eqntk_cli.runs.record import Record, write_record
from eqntk_cli.runs.sync import OfflineRun, offline_runs, send

_OTHERS = ("gcnn_ensemble", None, "c4", "digits", {}, {}, 5, "float64", "2026-11-21T15:00:00+00:00")


def offline(folder, name, sent=False):
    """An offline folder as wandb leaves it."""
    path = folder / "wandb" / f"offline-run-{name}"
    path.mkdir(parents=True)
    file = path / f"run-{name.rpartition('-')[2]}.wandb"
    file.touch()
    if sent:
        file.with_name(f"{file.name}.synced").touch()
    return path


def test_only_the_newest_folder_of_a_run_is_sent(tmp_path):
    offline(tmp_path / "a", "20261121_150000-abc", sent=True)
    newest = offline(tmp_path / "a", "20261121_160000-abc")
    other = offline(tmp_path / "sweep" / "b", "20261121_140000-def", sent=True)
    assert offline_runs(tmp_path) == [OfflineRun(newest, "abc", False), OfflineRun(other, "def", True)]


def test_what_is_still_written_is_left_for_later(eqntk, tmp_path, wandb):
    """wandb marks a folder as sent; what came after would never be sent."""
    offline(tmp_path / "runs" / "a", "20261121_150000-abc")
    offline(tmp_path / "runs" / "b", "20261121_150000-def")
    with held(tmp_path / "runs" / "a" / ".lock", shared=True):
        answer = eqntk("runs", "sync")
    assert answer.status == 0, answer.err
    assert "1 run sent, 0 sent before" in answer.out
    assert "1 run is at work or will be resumed, and left for later; eqntk runs sync again when" in answer.err
    assert "runs/a" not in wandb.read_text()
    assert eqntk("runs", "sync").status == 0
    assert "runs/a" in wandb.read_text()


@pytest.mark.parametrize(("state", "sent"), [("running", 0), ("preempted", 0), ("done", 1), ("failed", 1)])
def test_a_run_that_will_be_resumed_is_left_for_later(eqntk, tmp_path, wandb, state, sent):
    """Nobody holds the lock of one that was killed, or is queued again; its next session has a newer folder."""
    folder = tmp_path / "runs" / "a"
    offline(folder, "20261121_150000-abc")
    write_record(folder, Record("abc", state, "subject", None, "independent", *_OTHERS))
    answer = eqntk("runs", "sync")
    assert answer.status == 0, answer.err
    assert f"{sent} run{'' if sent else 's'} sent, 0 sent before" in answer.out
    assert wandb.exists() == bool(sent)
    assert ("left for later" in answer.err) != bool(sent)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StorageError, match="no folder"):
        offline_runs(tmp_path / "nowhere")


@pytest.fixture
def wandb(tmp_path, monkeypatch):
    """A stand-in for wandb's command that writes down what it is asked, and fails on a folder that holds `bad`."""
    program = tmp_path / "python"
    program.write_text(
        f"#!/bin/sh\necho \"$@\" >> '{tmp_path}/asked'\n"
        '[ -e "$4/bad" ] && { echo "wandb: Syncing" ; echo "wandb: ERROR no API key" >&2; exit 1; }\nexit 0\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return tmp_path / "asked"


def test_wandb_is_asked_to_send(tmp_path, wandb):
    folder = offline(tmp_path / "a", "20261121_150000-abc")
    assert send(OfflineRun(folder, "abc", False)) is None
    assert wandb.read_text().split() == ["-m", "wandb", "sync", str(folder)]
    (folder / "bad").touch()
    assert send(OfflineRun(folder, "abc", False)) == "wandb: ERROR no API key"


def test_the_command_sends_what_was_not_sent(eqntk, tmp_path, wandb):
    offline(tmp_path / "runs" / "a", "20261121_150000-abc", sent=True)
    new = offline(tmp_path / "runs" / "b", "20261121_150000-def")
    answer = eqntk("runs", "sync")
    assert answer.status == 0, answer.err
    assert "1 run sent, 1 sent before" in answer.out
    assert "runs/b" in wandb.read_text()
    assert "runs/a" not in wandb.read_text()
    (new / "bad").touch()
    failed = eqntk("runs", "sync")
    assert failed.status == 2
    assert "ERROR no API key" in failed.err
