"""A sweep on a cluster is gone on with, and waited for: nothing is submitted twice."""

import sys

import pytest

from eqntk_cli.files.lock import held
from tests.cli.cluster import AUGMENTED, GCNN, NTK, SWEEP, states, write_state
from tests.cli.console import TINY


@pytest.mark.usefixtures("submitted")
def test_a_queue_that_does_not_answer_is_no_reason_to_submit_again(eqntk, slurm):
    slurm.mark("deaf")
    assert "the queue is not known here" in eqntk("sweep", "--status", "mine").out
    answer = eqntk("sweep", "--resume", "mine", "--detach")
    assert answer.status == 2
    assert "Unable to contact" in answer.err
    assert slurm.submissions == 2


@pytest.mark.usefixtures("submitted")
def test_resume_submits_what_is_missing_and_nothing_twice(eqntk, slurm, tmp_path):
    slurm.put("101_0", "RUNNING", node="node7")
    slurm.put("101_1", "FAILED")
    write_state(tmp_path / "mine" / AUGMENTED, "failed", error="no more memory")
    write_state(tmp_path / "mine" / NTK, "done")
    listed = eqntk("sweep", "--resume", "mine", "--dry-run", "--no-probe")
    assert [line.split(":")[0] for line in listed.out.splitlines() if line.startswith("  ")] == [f"  {AUGMENTED}"]
    answer = eqntk("sweep", "--resume", "mine", "--detach", "cluster.mem_gb=8")
    assert answer.status == 0, answer.err
    assert "1 runs are in the queue or being made, and are left alone" in answer.err
    assert "submitted 1 run as job 103" in answer.err
    assert "#SBATCH --mem=8192M" in slurm.script
    again = eqntk("sweep", "--resume", "mine", "--detach")
    assert again.status == 0
    assert slurm.submissions == 3
    assert states(eqntk) == {GCNN: "running", AUGMENTED: "queued", NTK: "done"}


@pytest.mark.usefixtures("submitted")
def test_resume_leaves_alone_what_another_process_holds(eqntk, slurm, tmp_path):
    slurm.forget()
    (tmp_path / "mine" / NTK).mkdir()
    with held(tmp_path / "mine" / NTK / ".lock"):
        listed = eqntk("sweep", "--resume", "mine", "--dry-run", "--no-probe")
    assert NTK not in listed.out
    assert NTK in eqntk("sweep", "--resume", "mine", "--dry-run", "--no-probe").out


@pytest.mark.usefixtures("submitted")
def test_waiting_ends_when_nothing_is_left_in_the_queue(eqntk, slurm, tmp_path):
    for job in ("101_0", "101_1", "102"):
        slurm.put(job, "CANCELLED")
    write_state(tmp_path / "mine" / NTK, "done")
    answer = eqntk("sweep", "--resume", "mine", "--dry-run", "--no-probe")
    assert "2 runs" in answer.out
    for run in (GCNN, AUGMENTED):
        write_state(tmp_path / "mine" / run, "done")
    answer = eqntk("sweep", "--resume", "mine")
    assert answer.status == 0
    assert "3 of 3 runs are done" in answer.out
    assert "eqntk compare-runs mine" in answer.err
    assert slurm.submissions == 2


def test_decide_called_again_waits_for_what_is_in_the_queue(eqntk, slurm, monkeypatch, tmp_path):
    waited = []

    def interrupted(_folder, manifest):
        waited.append(sorted(job.folder for job in manifest.jobs))
        raise KeyboardInterrupt

    monkeypatch.setattr("eqntk_cli.cli.sweep_cluster.watch", interrupted)
    monkeypatch.setattr("eqntk_cli.cli.app.leave", sys.exit)  # this process has more tests to run
    runs = "runs=gcnn,augmented,ntk,no_augmentation"
    assert eqntk("plan", "experiment=digits_quick", runs, *TINY, "model.members=16", "--out", "mine").status == 0
    slurm.refuse("sbatch: error: invalid partition specified")
    answer = eqntk("decide", "mine", "--launcher", "slurm")
    assert (answer.status, slurm.submissions, (tmp_path / "mine" / "slurm").exists()) == (2, 0, False)
    slurm.refuse("")
    assert eqntk("decide", "mine", "--launcher", "slurm").status == 130
    submissions = slurm.submissions
    assert submissions > 0
    answer = eqntk("decide", "mine", "--launcher", "basic")
    assert (answer.status, "is in a queue or being made by another process" in answer.err) == (2, True)
    answer = eqntk("decide", "mine", "--launcher", "slurm")
    assert (answer.status, slurm.submissions) == (130, submissions)
    assert waited == [["0_gcnn", "1_augmented", "2_ntk", "3_no_augmentation"]] * 2
    slurm.mark("deaf")
    answer = eqntk("decide", "mine", "--launcher", "slurm")
    assert (answer.status, slurm.submissions) == (2, submissions)
    assert "Without the queue it is not known what is missing." in answer.err


@pytest.mark.usefixtures("submitted")
def test_ctrl_c_while_waiting_leaves_the_jobs(eqntk, slurm, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("eqntk_cli.cli.sweep_cluster.watch", interrupted)
    monkeypatch.setattr("eqntk_cli.cli.app.leave", sys.exit)  # this process has more tests to run
    answer = eqntk("sweep", "--resume", "mine")
    assert answer.status == 130
    assert "the jobs stay in the queue" in answer.err
    assert slurm.submissions == 2
    assert set(states(eqntk).values()) == {"queued"}


def test_a_run_that_is_shared_is_as_many_tasks(eqntk, slurm, tmp_path):
    """It is active as long as one of them is; what it is missing is submitted only when none is."""
    shared = [word for word in SWEEP if not word.startswith("model=")]
    words = (*shared, "model=gcnn_ensemble,ntk", "model.shards=3")
    listed = eqntk(*words, "--dry-run").out
    assert "3 jobs (ensemble)" in listed
    assert f"  {GCNN} (3 tasks): " in listed
    answer = eqntk(*words)
    assert answer.err.splitlines()[1:3] == [
        "submitted 1 run as job 101 of 3 tasks",
        "submitted 1 run as job 102 of 3 tasks",
    ]
    assert "--array=0-2" in slurm.script
    slurm.put("101_0", "RUNNING", node="node7")
    slurm.put("101_1", "RUNNING", node="node8")
    slurm.put("101_2", "FAILED")
    assert "2 of 3 tasks on node7, node8" in eqntk("sweep", "--status", "mine").out
    for task in range(3):
        slurm.put(f"102_{task}", "COMPLETED")
    write_state(tmp_path / "mine" / "1_ntk", "done")
    assert states(eqntk) == {GCNN: "running", "1_ntk": "done"}
    slurm.put("101_0", "COMPLETED")
    slurm.put("101_1", "PENDING", "Resources")
    assert eqntk("sweep", "--resume", "mine", "--detach").status == 0
    assert slurm.submissions == 2
    slurm.put("101_1", "NODE_FAIL")
    (tmp_path / "mine" / "slurm" / "101_1_0_log.err").write_text("eqntk: the disk is full\n")
    answer = eqntk("sweep", "--status", "mine")
    assert states(eqntk)[GCNN] == "failed"
    assert "NODE_FAIL; the disk is full" in answer.out
    assert "submitted 1 run as job 103 of 3 tasks" in eqntk("sweep", "--resume", "mine", "--detach").err
    assert "1 of 2 runs are taken off the queue" in eqntk("sweep", "--cancel", "mine").out
