"""The mirror never ends a run, knows its mode, and holds what the run folder holds."""

import os
import sys
from types import SimpleNamespace

import pytest
from fake_runs import MEMBERS, STEPS, FakeEnsemble, config, load

from eqntk_cli.config.schema import TrackingConfig
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.record import read_record
from eqntk_cli.runs.tracking import NullTracker, report_artifact, track_run, tracking_mode


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


class FakeRun:
    """Keeps what a run of Weights & Biases is told; fails from call number `fails_at` on."""

    def __init__(self, fails_at=None, error=OSError("no space left for the mirror")):  # noqa: B008
        self.rows, self.finished, self.calls = [], [], 0
        self.fails_at, self.error = fails_at, error
        self.summary = SimpleNamespace(update=self._summary)

    def _call(self):
        self.calls += 1
        if self.fails_at is not None and self.calls >= self.fails_at:
            raise self.error

    def define_metric(self, *_, **__):
        self._call()

    def log(self, row):
        self._call()
        self.rows.append(row)

    def _summary(self, values):
        self._call()
        self.rows.append({"summary": values})

    def finish(self, exit_code):
        self.finished.append(exit_code)


@pytest.fixture
def fake_wandb(monkeypatch):
    """A module that stands for wandb; `runs` are handed out one after another."""
    given, runs = [], [FakeRun(), FakeRun()]

    def init(**settings):
        given.append(settings)
        return runs[len(given) - 1]

    module = SimpleNamespace(init=init, Settings=lambda **settings: settings, runs=runs, given=given)
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def tracked(mode="offline", **changes):
    return config(tracking=TrackingConfig(mode=mode, group="sweep-7", tags=("mine",)), **changes)


def test_modes(monkeypatch, tmp_path):
    assert tracking_mode("auto") == "offline"
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password " + "0" * 40)
    assert tracking_mode("auto") == "online"
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    assert tracking_mode("auto") == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert tracking_mode("auto") == "online"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert tracking_mode("auto") == "disabled"
    assert tracking_mode("offline") == "offline"


def test_what_the_mirror_is_told(tmp_path, fake_wandb):
    execute(tracked(), tmp_path, load, FakeEnsemble)
    (given,), run = fake_wandb.given, fake_wandb.runs[0]
    assert given["id"] == read_record(tmp_path).run_id
    assert (given["mode"], given["group"], given["job_type"]) == ("offline", "sweep-7", "train")
    assert given["tags"] == ["digits", "c4", "gcnn_ensemble", "subject", "mine"]
    assert given["config"]["model"]["width"] == 8
    assert given["dir"] == str(tmp_path)
    steps = [row for row in run.rows if "step" in row]
    assert [row["step"] for row in steps] == list(STEPS)
    assert {"train/loss", "test/acc", "test/auc"} <= set(steps[0])
    assert not any(key.startswith("ood") for key in steps[0])  # its truth is unknown
    assert [row["members_done"] for row in run.rows if "members_done" in row] == [2, 4, 6, 7]
    assert run.rows[-1]["summary"]["members_done"] == MEMBERS
    assert run.finished == [0]


def test_a_resumed_run_is_mirrored_from_step_0_and_a_failed_one_is_finished(tmp_path, fake_wandb):
    def fails(number):
        if number == 2:
            raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        execute(tracked(), tmp_path, load, lambda *given: FakeEnsemble(*given, hook=fails))
    resume(tmp_path, load, FakeEnsemble)
    first, second = fake_wandb.runs
    assert first.finished == [1]
    assert not any("step" in row for row in first.rows)
    assert [row["step"] for row in second.rows if "step" in row] == list(STEPS)
    assert {given["id"] for given in fake_wandb.given} == {read_record(tmp_path).run_id}


@pytest.mark.parametrize("fails_at", [1, 4, 6, 9])
def test_a_failing_mirror_is_said_once_and_ends_nothing(tmp_path, fake_wandb, capsys, fails_at):
    fake_wandb.runs[0] = FakeRun(fails_at)
    execute(tracked(), tmp_path, load, FakeEnsemble)
    assert read_record(tmp_path).state == "done"
    assert capsys.readouterr().err.count("left out from here on (no space left for the mirror)") == 1
    assert fake_wandb.runs[0].calls == fails_at
    assert fake_wandb.runs[0].finished == [0]


def test_ctrl_c_inside_the_mirror_is_no_failure_of_it(tmp_path, fake_wandb):
    fake_wandb.runs[0] = FakeRun(6, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        execute(tracked(), tmp_path, load, FakeEnsemble)
    assert read_record(tmp_path).state == "preempted"


@pytest.mark.parametrize("broken", ["init", "import"])
def test_without_a_working_installation(tmp_path, fake_wandb, monkeypatch, capsys, broken):
    if broken == "import":
        monkeypatch.setitem(sys.modules, "wandb", None)
    else:
        del fake_wandb.init
    tracker = track_run(tracked(), read_record(execute(config(), tmp_path, load, FakeEnsemble)), tmp_path)
    assert isinstance(tracker, NullTracker)
    assert capsys.readouterr().err.count("Weights & Biases is left out") == 1


def test_disabled_does_not_import_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    execute(tracked("disabled"), tmp_path, load, FakeEnsemble)
    assert not (tmp_path / "wandb").exists()


def test_two_real_offline_runs_and_a_report_in_one_process(tmp_path, capfd):
    for name in ("first", "second"):
        execute(tracked(), tmp_path / name, load, FakeEnsemble)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.md").write_text("# a report")
    tables = {"verdict": (("step", "distance"), ((0, 0.1), (4, 0.2)))}
    report_artifact(TrackingConfig(mode="offline"), tmp_path / "report", {"verdict": "equivalent"}, tables)
    for name in ("first", "second"):
        files = list((tmp_path / name / "wandb").glob("offline-run-*/run-*.wandb"))
        assert [file.stem for file in files] == [f"run-{read_record(tmp_path / name).run_id}"]
        assert files[0].stat().st_size > 1000
    assert len(list((tmp_path / "report" / "wandb").glob("offline-run-*/run-*.wandb"))) == 1
    assert "left out" not in capfd.readouterr().err
