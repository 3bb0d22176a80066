"""`eqntk decide` on ensembles whose law is known: what stops when, what goes on, and how it ends."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
import typer

from eqntk_cli.cli.sweep_run import start
from eqntk_cli.errors import ConfigError
from eqntk_cli.report.page.export import json_text
from eqntk_cli.runs.plan import plan_digest, write_plan
from eqntk_cli.runs.record import read_record
from eqntk_cli.sweeps.begin import checked, new_manifest
from eqntk_cli.sweeps.planned import plan_of
from tests.cli.console import Answer
from tests.report.simulated import World, write_ensemble, write_theory

WORLD = World(n_train=4, n_test=8, n_ood=2, steps=(0, 30), bias=0.0, spread=0.18, orbit_spread=0.25)
WORDS = ["experiment=digits_quick", "runs=gcnn,augmented,ntk,no_augmentation", "model.width=64", "model.members=32"]


@pytest.fixture(scope="module")
def plan():
    manifest = new_manifest([*WORDS, "model.antithetic=false", "coupling=independent"])
    return plan_of(manifest, checked(manifest), {"margin": "0.4"}, looks=True)


def json_only(analysis, _):
    """The report without its pages and figures, which take long."""
    folder = Path(analysis.runs[0].path).parent / "report"
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json_text(analysis, []))
    return folder / "report.html"


class Training:
    """Writes ensembles of the simulated world in place of training them."""

    def __init__(self, monkeypatch, control=3.0, unlike=0.0):
        self.made = []
        self.control, self.unlike = control, unlike
        self.stop_before = None
        self.unplanned = ()
        monkeypatch.setattr("eqntk_cli.cli.sweep_run.start", self.start)
        monkeypatch.setattr("eqntk_cli.cli.compare_runs._write", json_only)
        monkeypatch.setattr("eqntk_cli.runs.grow.grow", lambda folder, _: folder)

    def start(self, folder, _manifest, jobs, _way):
        for job in jobs:
            if self.stop_before == len(self.made):
                raise KeyboardInterrupt
            members = int(next(word.split("=")[1] for word in job.overrides if "members=" in word))
            members = 0 if job.folder == "2_ntk" else members
            self.made.append((job.folder, members))
            self.write(folder / job.folder, job.folder.partition("_")[2], members)

    def write(self, folder, name, members):
        plan = None if folder.name in self.unplanned else plan_digest(folder.parent)
        if name == "ntk":
            write_theory(folder, WORLD, plan=plan)
            return
        role = {"role": "control", "control": "no_augmentation", "augmentation": "none"} if "no_" in name else {}
        world = replace(WORLD, unlike=self.control if role else self.unlike)
        model = "gcnn_ensemble" if name == "gcnn" else "augmented_ensemble"
        write_ensemble(folder, world, model, members, run_id=folder.name, seed=0, plan=plan, **role)


@pytest.fixture
def decide(eqntk, tmp_path, plan, monkeypatch):
    monkeypatch.setattr("eqntk_cli.cli.app.leave", sys.exit)  # an interrupted command leaves at once, tests with it

    def call(*words, plan=plan):
        (tmp_path / "mine").mkdir(exist_ok=True)
        if not (tmp_path / "mine" / "plan.yaml").exists():
            write_plan(tmp_path / "mine", plan)
        answer: Answer = eqntk("decide", "mine", "--tracking", "disabled", *words)
        return answer

    return call


def report_of(tmp_path):
    return json.loads((tmp_path / "mine" / "report" / "report.json").read_text())


def test_what_is_decided_stops_and_the_rest_goes_on(decide, monkeypatch, tmp_path):
    training = Training(monkeypatch)
    answer = decide()
    assert answer.status == 0, answer.err
    looks = sorted({members for _, members in training.made if members})
    assert looks[0] == 8
    assert len(looks) > 1
    later = [name for name, members in training.made if members > 8]
    assert later == ["0_gcnn", "1_augmented"] * (len(looks) - 1)  # the control was different at the first look
    (pair,) = report_of(tmp_path)["pairs"]
    assert pair["verdict"]["outcome"] == "equivalent"
    assert pair["controls"][0]["comparison"]["members_a"] == 8
    assert report_of(tmp_path)["level"] == pytest.approx(0.05 / 3)


@pytest.mark.parametrize(("worlds", "status"), [({"unlike": 3.0}, 1), ({"control": 0.0}, 3)])
def test_the_exit_status_tells_how_it_ended(decide, monkeypatch, worlds, status):
    Training(monkeypatch, **worlds)
    assert decide().status == status


def test_a_run_that_is_not_of_the_plan_decides_nothing(decide, monkeypatch, tmp_path):
    training = Training(monkeypatch)
    (tmp_path / "mine").mkdir()
    training.write(tmp_path / "mine" / "stray", "augmented", 8)  # belongs to no plan, and is left alone
    assert decide().status == 0
    assert len(report_of(tmp_path)["runs"]) == 4
    rmtree(tmp_path / "mine" / "0_gcnn")
    training.unplanned = ("0_gcnn",)
    answer = decide()
    assert answer.status == 2
    assert "0_gcnn was not begun under mine/plan.yaml" in answer.err.splitlines()[-1]


def test_a_crash_is_no_verdict(decide, monkeypatch):
    def crash(*_):
        raise typer.Exit(1)  # what a sweep says of a run with a fault

    Training(monkeypatch)
    monkeypatch.setattr("eqntk_cli.cli.sweep_run.start", crash)
    assert decide().status == 2


def test_its_advice_is_its_own_command(decide, eqntk, monkeypatch):
    monkeypatch.setattr("eqntk_cli.sweeps.launch.launch", lambda _, __, jobs: [ConfigError("broken")] * len(jobs))
    answer = decide()
    assert (answer.status, answer.err.splitlines()[-1]) == (2, "go on with: eqntk decide mine")
    assert "--resume" not in answer.err

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("eqntk_cli.sweeps.launch.launch", interrupted)
    answer = decide()
    assert answer.status == 130
    assert [line for line in answer.err.splitlines() if "go on" in line] == [
        "eqntk: interrupted; go on with: eqntk decide mine"
    ]
    answer = eqntk("sweep", "--resume", "mine")  # which would train all members at once
    assert (answer.status, answer.err.splitlines()[-1].endswith("go on with: eqntk decide mine")) == (2, True)


def test_after_a_look_no_report_is_advised(decide, monkeypatch):
    training = Training(monkeypatch)
    monkeypatch.setattr("eqntk_cli.cli.sweep_run.start", start)

    def launch(folder, manifest, jobs):
        training.start(folder, manifest, jobs, None)
        return [None] * len(jobs)

    monkeypatch.setattr("eqntk_cli.sweeps.launch.launch", launch)
    answer = decide()
    assert answer.status == 0
    assert "compare-runs" not in answer.err


@pytest.mark.slow
def test_stopped_anywhere_it_goes_on_to_the_same_end(decide, monkeypatch, tmp_path):
    whole = Training(monkeypatch)
    decide()
    expected = report_of(tmp_path)["pairs"][0]["test"]
    made = whole.made
    for path in (tmp_path / "mine").iterdir():
        if path.name != "plan.yaml":
            rmtree(path) if path.is_dir() else path.unlink()
    broken = Training(monkeypatch)
    for stop in (2, 5):
        broken.stop_before = stop
        answer = decide()
        assert answer.status == 130
        assert "go on with: eqntk decide mine" in answer.err
    broken.stop_before = None
    assert decide().status == 0
    assert sorted(broken.made) == sorted(made)  # nothing is made twice
    assert report_of(tmp_path)["pairs"][0]["test"] == expected


def test_an_edited_plan_and_tampered_runs_are_one_line(decide, monkeypatch, tmp_path, plan):
    Training(monkeypatch)
    assert decide().status == 0
    write_plan(tmp_path / "mine", replace(plan, margin=0.9))
    answer = decide()
    assert (answer.status, "was edited" in answer.err) == (2, True)
    write_plan(tmp_path / "mine", plan)
    chunk = next(path for path in (tmp_path / "mine/0_gcnn/predictions.zarr/prediction").rglob("0") if path.is_file())
    chunk.write_bytes(np.random.default_rng(0).bytes(chunk.stat().st_size))
    answer = decide()
    assert answer.status == 2
    assert answer.err.splitlines()[-1].startswith("eqntk: ")
    assert read_record(tmp_path / "mine" / "0_gcnn").state == "done"  # nothing is lost


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"controls": {}}, "no run with role=control"),
        ({"looks": (8, 64)}, "at most members=32"),
        ({"margin": 0.0}, "margin=0.0 is not possible"),
        (None, "differ (0_gcnn)"),
    ],
)
def test_bad_plans_are_refused_before_anything_is_made(decide, monkeypatch, plan, changes, says):
    training = Training(monkeypatch)
    other = {"runs": {**plan.runs, "0_gcnn": replace(plan.runs["0_gcnn"], sha256="f" * 64)}}
    answer = decide(plan=replace(plan, **(other if changes is None else changes)))
    assert answer.status == 2
    assert says in answer.err
    assert not training.made


def test_a_folder_without_a_plan(eqntk):
    answer = eqntk("decide", "nowhere")
    assert (answer.status, "holds no plan.yaml" in answer.err) == (2, True)
