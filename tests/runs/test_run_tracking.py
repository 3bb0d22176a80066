"""The mirror never ends a run, knows its mode, and holds what the run folder holds."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_runs import MEMBERS, STEPS, FakeEnsemble, config, load
from fake_wandb import FakeRun, tracked

from eqntk_cli.config.schema import TrackingConfig
from eqntk_cli.report.read.remote import download
from eqntk_cli.report.read.runs import open_runs
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.folder import read_config
from eqntk_cli.runs.record import read_record
from eqntk_cli.runs.tracking import NullTracker, report_artifact, track_run, tracking_mode

pytestmark = pytest.mark.usefixtures("no_settings_of_the_user")


def spy_on_artifacts(monkeypatch):
    """What runs of the real library are given to keep."""
    import wandb

    kept, original = [], wandb.Run.log_artifact

    def log_artifact(run, artifact, *given, **named):
        kept.append(artifact)
        return original(run, artifact, *given, **named)

    monkeypatch.setattr(wandb.Run, "log_artifact", log_artifact)
    return kept


class Service:
    """Stands in for the server: hands out the files of an artifact's manifest by their names there."""

    def __init__(self, artifact):
        self.artifact = artifact
        self.errors = SimpleNamespace(Error=LookupError)

    def Api(self, timeout):  # noqa: N802 - the name is theirs
        assert timeout > 0
        return self

    def run(self, name):
        assert name == "me/project/abc"
        return self

    def logged_artifacts(self):
        return [self]

    def files(self):
        return [SimpleNamespace(name=name) for name in self.artifact.manifest.entries]

    def download(self, root):
        for name, entry in self.artifact.manifest.entries.items():
            place = Path(root) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(Path(entry.local_path).read_bytes())


def test_a_run_that_was_kept_is_read_from_there(tmp_path, monkeypatch):
    """From a real offline run through its artifact and back: the run folder is the same, byte for byte."""
    kept = spy_on_artifacts(monkeypatch)
    execute(tracked(), tmp_path / "run", load, FakeEnsemble)
    (artifact,) = kept
    monkeypatch.setitem(sys.modules, "wandb", Service(artifact))
    folder = download("me/project/abc", into=tmp_path / "cache")
    names = ["record.json", "config.yaml", "metrics.csv", "predictions.zarr/zarr.json"]
    assert set(names) <= set(artifact.manifest.entries)
    for name in artifact.manifest.entries:
        assert (folder / name).read_bytes() == (tmp_path / "run" / name).read_bytes()
    assert read_config(folder) == tracked()
    (run,) = open_runs([str(folder)])
    read = list(run.blocks(run.record.done_members()))  # against the checksums on record
    assert sum(len(values) for _, values in read) == MEMBERS


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


def test_the_whole_folder_is_kept_once_the_run_is_done(tmp_path, fake_wandb):
    execute(tracked(), tmp_path, load, FakeEnsemble)
    run_id = read_record(tmp_path).run_id
    (kept,) = fake_wandb.runs[0].kept
    assert (kept.name, kept.type) == (f"run-{run_id}", "run")
    assert kept.fixed == list(kept.files)
    assert all(path == str(tmp_path / name) for name, path in kept.files.items())
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(kept.files) == files - {".lock"}
    assert {"record.json", "config.yaml", "metrics.csv", "eqntk.log", "predictions.zarr/zarr.json"} <= set(kept.files)
    assert sum(name.startswith("predictions.zarr/prediction/c/") for name in kept.files) == 4  # blocks


def test_nothing_is_kept_unless_wanted_or_of_a_run_that_fails(tmp_path, fake_wandb):
    execute(tracked(upload=False), tmp_path / "unwanted", load, FakeEnsemble)

    def fails(number):
        raise RuntimeError(f"bug in block {number}")

    with pytest.raises(RuntimeError, match="bug in block 0"):
        execute(tracked(), tmp_path / "failed", load, lambda *given: FakeEnsemble(*given, hook=fails))
    assert [run.kept for run in fake_wandb.runs] == [[], []]
    assert [run.finished for run in fake_wandb.runs] == [[0], [1]]


def test_a_mirror_that_refuses_the_folder_ends_nothing(tmp_path, fake_wandb, capsys):
    def refuse(*_, **__):
        raise OSError("quota exceeded")

    fake_wandb.Artifact = refuse
    execute(tracked(), tmp_path, load, FakeEnsemble)
    assert read_record(tmp_path).state == "done"
    assert "left out from here on (quota exceeded)" in capsys.readouterr().err
    assert fake_wandb.runs[0].finished == [0]


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


def test_two_real_offline_runs_and_a_report_in_one_process(tmp_path, capfd, monkeypatch):
    kept = spy_on_artifacts(monkeypatch)
    for name in ("first", "second"):
        execute(tracked(), tmp_path / name, load, FakeEnsemble)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.md").write_text("# a report")
    (tmp_path / "report" / "tables").mkdir()
    (tmp_path / "report" / "tables" / "steps.csv").write_text("step\n1\n")
    tables = {"verdict": (("step", "distance"), ((0, 0.1), (4, 0.2)))}
    report_artifact(TrackingConfig(mode="offline"), tmp_path / "report", {"verdict": "equivalent"}, tables)
    for name in ("first", "second"):
        files = list((tmp_path / name / "wandb").glob("offline-run-*/run-*.wandb"))
        assert [file.stem for file in files] == [f"run-{read_record(tmp_path / name).run_id}"]
        assert files[0].stat().st_size > 1000
    assert len(list((tmp_path / "report" / "wandb").glob("offline-run-*/run-*.wandb"))) == 1
    assert [artifact.type for artifact in kept if artifact.type != "run_table"] == ["run", "run", "report"]
    assert set(kept[-1].manifest.entries) == {"report.md", "tables/steps.csv"}
    assert "left out" not in capfd.readouterr().err
