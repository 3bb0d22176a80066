import json

import pytest

from eqntk_cli.sweeps.experiment import experiment_names
from eqntk_cli.sweeps.manifest import read_manifest
from tests.cli.console import TINY, real

LONG = ("learning_curve", "learning_curve_cnn", "learning_curve_qm9")  # dozens of runs, each composed by itself


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in experiment_names()]
)
def test_every_experiment_is_legal_from_first_to_last_run(eqntk, tmp_path, name):
    answer = eqntk("sweep", f"experiment={name}", "--dry-run")
    assert answer.status == 0, answer.err
    assert "all settings legal; nothing was run" in answer.out
    assert "role=control" in answer.out or "ensemble" not in answer.out  # ensembles are compared beside a control
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", experiment_names())
def test_every_experiment_says_what_it_asks_and_claims(name):
    from eqntk_cli.sweeps.experiment import read_experiment

    experiment = read_experiment(name)
    assert experiment.question.endswith("?")
    assert experiment.claim.endswith(".")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["group=c4,so3"], "run 1_so3: group=so3"),
        (["model.widht=1"], "nearest is model.width"),
        (["hydra.launcher._target_=foo.Bar"], "is not possible in a sweep"),
        (["hydra/launcher=foo"], "is not possible in a sweep"),
        (["hydra.sweep.dir=elsewhere", "seed=0,1"], "--out"),
        (["--jobs", "2"], "needs --launcher joblib"),
        (["--cluster", "default"], "needs --launcher slurm"),
        (["--detach"], "needs --launcher slurm"),
        (["--launcher", "joblib", "--detach"], "needs --launcher slurm"),
        (["cluster.timeout_min=3"], "needs --launcher slurm"),
        (["--launcher", "slurm", "cluster=default"], "--cluster default"),
        (["--launcher", "slurm", "--cluster", "cloud"], "expected cpu | default | gpu"),
        (["--launcher", "slurm", "cluster.colour=red"], "colour is not a setting of a cluster"),
        (["--launcher", "slurm", "cluster.timeout_min=soon"], "timeout_min"),
        (["--launcher", "slurm", "cluster.timeout_min=1", "cluster.signal_delay_s=60"], "below the time limit of 60"),
        (["--cancel", "nowhere"], "not the folder of a sweep"),
        (["--cancel", "a", "--detach"], "leave --detach out"),
        (["--watch"], "belongs to --status"),
        (["--status", "nowhere"], "not the folder of a sweep"),
        (["--resume", "nowhere"], "not the folder of a sweep"),
        (["--resume", "a", "seed=1"], "leave seed=1 out"),
        (["--resume", "a", "--status", "b"], "--resume takes a folder and nothing else"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(eqntk, tmp_path, words, says):
    answer = eqntk("sweep", *words)
    assert answer.status == 2
    assert says in answer.err
    assert answer.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_unknown_launcher_is_answered_with_the_legal_ones(eqntk):
    answer = eqntk("sweep", "--launcher", "cloud")
    assert answer.status == 2
    assert "'basic', 'joblib', 'slurm'" in answer.err


def test_slurm_without_a_cluster(eqntk, monkeypatch):
    monkeypatch.setenv("PATH", "")
    answer = eqntk("sweep", "--launcher", "slurm")
    assert answer.status == 2
    assert "sbatch" in answer.err or "eqntk[slurm]" in answer.err


def test_a_sweep_with_a_run_that_fails_then_status_list_and_resume(eqntk, tmp_path):
    words = [*TINY, "model=ntk", "training.step_size=1e9,auto", "--out", "mine"]
    answer = real("sweep", *words, folder=tmp_path)
    assert answer.status == 2
    assert "Traceback" not in answer.err
    assert "0_step_size1000000000.0 failed:" in answer.err
    assert "eqntk sweep --resume mine" in answer.err
    assert answer.out.splitlines()[-1] == "mine"

    manifest = read_manifest(tmp_path / "mine")
    states = [
        json.loads((tmp_path / "mine" / job.folder / "record.json").read_text())["state"] for job in manifest.jobs
    ]
    assert states == ["failed", "done"]
    command = json.loads((tmp_path / "mine" / manifest.jobs[1].folder / "record.json").read_text())["command"]
    assert command.startswith("eqntk train model.width=8")
    assert "tracking.group=mine" in command

    status = eqntk("sweep", "--status", "mine")
    assert status.status == 0
    assert "1 of 2 runs are done" in status.out

    again = eqntk("sweep", *words)
    assert again.status == 2
    assert "is there already" in again.err

    listed = eqntk("runs", "list", "mine")
    assert listed.status == 0
    assert max(len(line) for line in listed.out.splitlines()) <= 80
    assert "failed" in listed.out
    assert "done" in listed.out


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_the_launchers_give_the_same_numbers_and_a_resume_does_the_rest(tmp_path, launcher):
    words = [*TINY, "experiment=digits_quick", "runs=gcnn,ntk", "--launcher", launcher, "--out", "mine"]
    answer = real("sweep", *words, folder=tmp_path)
    assert answer.status == 0, answer.err
    done = {file.parent.name: file.read_bytes() for file in tmp_path.rglob("metrics.csv")}
    assert list(sorted(done)) == ["0_gcnn", "1_ntk"]
    for file in (tmp_path / "mine" / "1_ntk").rglob("*"):
        if file.is_file():
            file.unlink()
    again = real("sweep", "--resume", "mine", folder=tmp_path)
    assert again.status == 0, again.err
    assert {file.parent.name: file.read_bytes() for file in tmp_path.rglob("metrics.csv")} == done
