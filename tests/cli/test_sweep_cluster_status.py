"""The table of a sweep on a cluster follows queue, accounts and records, and jobs are taken off the queue."""

import pytest

from eqntk_cli.sweeps.slurm import accounts, preempted
from tests.cli.cluster import AUGMENTED, GCNN, NTK, states, write_state


@pytest.mark.usefixtures("submitted")
def test_the_table_follows_queue_and_records(eqntk, slurm, tmp_path):
    assert states(eqntk) == {GCNN: "queued", AUGMENTED: "queued", NTK: "queued"}
    slurm.put("101_0", "RUNNING", node="node7")
    write_state(tmp_path / "mine" / GCNN, "running")
    write_state(tmp_path / "mine" / AUGMENTED, "preempted")
    write_state(tmp_path / "mine" / NTK, "done")
    slurm.put("102", "COMPLETED")
    answer = eqntk("sweep", "--status", "mine")
    assert states(eqntk) == {GCNN: "running", AUGMENTED: "preempted", NTK: "done"}
    assert "on node7" in answer.out
    assert "Priority" in answer.out  # why the second one waits
    assert answer.out.splitlines()[-1] == "1 of 3 runs are done"


@pytest.mark.usefixtures("submitted")
def test_a_run_that_was_grown_and_waits_is_queued(eqntk, tmp_path):
    """Its record says preempted, since there is something to go on with; nobody has stopped it."""
    write_state(tmp_path / "mine" / GCNN, "preempted", grown=[2])
    write_state(tmp_path / "mine" / AUGMENTED, "preempted", grown=[2], stopped="2026-11-29T09:37:13+00:00")
    assert states(eqntk) == {GCNN: "queued", AUGMENTED: "preempted", NTK: "queued"}


@pytest.mark.usefixtures("submitted")
def test_runs_on_different_kinds_of_devices_are_named(eqntk, tmp_path):
    """Two devices of one kind are no reason to say so."""
    write_state(tmp_path / "mine" / GCNN, "done", devices=["gpu:0 NVIDIA A100", "gpu:1 NVIDIA A100"])
    write_state(tmp_path / "mine" / AUGMENTED, "done", devices=["gpu:0 NVIDIA A100"])
    assert "different devices" not in eqntk("sweep", "--status", "mine").out
    write_state(tmp_path / "mine" / NTK, "done", devices=["gpu:0 NVIDIA H200"])
    said = "runs on different devices are alike up to rounding only: NVIDIA A100, NVIDIA H200"
    assert said in eqntk("sweep", "--status", "mine").out.splitlines()


@pytest.mark.usefixtures("submitted")
def test_after_the_queue_has_forgotten(eqntk, slurm, tmp_path):
    slurm.forget()
    write_state(tmp_path / "mine" / GCNN, "failed", error="training diverged")
    write_state(tmp_path / "mine" / AUGMENTED, "running")
    log = tmp_path / "mine" / "slurm" / "101_1_0_log.err"
    log.write_text("slurmstepd: error: *** STEP 101.0 ON vm CANCELLED DUE TO TIME LIMIT ***\n")
    answer = eqntk("sweep", "--status", "mine")
    assert states(eqntk) == {GCNN: "failed", AUGMENTED: "killed", NTK: "lost"}
    assert "training diverged" in answer.out
    assert "DUE TO TIME LIMIT" in answer.out
    assert "mine/slurm/101_1_0_log.err" in answer.out
    assert "can the nodes see this folder?" in answer.out


@pytest.mark.usefixtures("submitted")
def test_after_the_queue_has_forgotten_the_accounts_know(eqntk, slurm, tmp_path):
    slurm.forget()
    slurm.account("101_[0-1%16]|CANCELLED by 0", "102|OUT_OF_MEMORY", "102|")
    assert states(eqntk) == {GCNN: "cancelled", AUGMENTED: "cancelled", NTK: "failed"}
    assert "OUT_OF_MEMORY" in eqntk("sweep", "--status", "mine").out
    slurm.account("101_0|TIMEOUT", "101_1|TIMEOUT", "102|COMPLETED")
    write_state(tmp_path / "mine" / GCNN, "preempted")
    write_state(tmp_path / "mine" / AUGMENTED, "running")
    assert states(eqntk) == {GCNN: "preempted", AUGMENTED: "failed", NTK: "failed"}


@pytest.mark.parametrize(
    ("said", "is_preempted"),
    [
        ("JobState=RUNNING Reason=None\n StartTime=2026-11-21T23:15:30\n PreemptTime=2026-11-21T23:19:23", True),
        ("JobState=RUNNING Reason=None\n StartTime=2026-11-21T23:15:30\n PreemptTime=None", False),
        ("JobState=CANCELLED\n StartTime=2026-11-21T23:15:30\n PreemptTime=2026-11-21T23:19:23", False),
        ("JobState=RUNNING\n StartTime=2026-11-21T23:20:00\n PreemptTime=2026-11-21T23:19:23", False),  # the last time
        ("slurm_load_jobs error: Invalid job id specified", False),
    ],
)
def test_a_more_urgent_job_is_told_from_a_cancellation(slurm, monkeypatch, said, is_preempted):
    slurm.shows(said)
    assert not preempted()
    monkeypatch.setenv("SLURM_JOB_ID", "25")
    assert preempted() is is_preempted


def test_tasks_that_never_began_are_one_line_of_the_accounts(slurm):
    slurm.account("7_3|TIMEOUT", "7_[0-1,5%4]|CANCELLED by 1000", "8_[2]|PENDING", "9|COMPLETED")
    states = {job: entry.state for job, entry in accounts(["7", "8", "9"]).items()}
    cancelled = dict.fromkeys(("7_0", "7_1", "7_5"), "CANCELLED")
    assert states == {"7_3": "TIMEOUT", **cancelled, "8_2": "PENDING", "9": "COMPLETED"}


@pytest.mark.usefixtures("submitted")
def test_cancel_takes_off_what_is_in_the_queue(eqntk, slurm, tmp_path):
    write_state(tmp_path / "mine" / GCNN, "done")
    answer = eqntk("sweep", "--cancel", "mine")
    assert answer.status == 0
    assert "2 of 3 runs are taken off the queue" in answer.out
    slurm.forget()
    assert states(eqntk) == {GCNN: "done", AUGMENTED: "cancelled", NTK: "cancelled"}
    assert "go on with: eqntk sweep --resume mine" in eqntk("sweep", "--status", "mine").err


@pytest.mark.usefixtures("submitted")
def test_cancel_after_a_resume_passes_over_what_the_queue_has_forgotten(eqntk, slurm, tmp_path):
    slurm.forget("101")
    slurm.put("102", "COMPLETED")
    write_state(tmp_path / "mine" / GCNN, "failed", error="no more memory")
    write_state(tmp_path / "mine" / NTK, "done")
    assert eqntk("sweep", "--resume", "mine", "--detach").status == 0
    answer = eqntk("sweep", "--cancel", "mine")
    assert answer.status == 0, answer.err
    assert "2 of 3 runs are taken off the queue" in answer.out
    assert states(eqntk) == {GCNN: "failed", AUGMENTED: "cancelled", NTK: "done"}
    answer = eqntk("sweep", "--cancel", "mine")
    assert answer.status == 0, answer.err
    assert "0 of 3 runs are taken off the queue" in answer.out


@pytest.mark.usefixtures("submitted")
def test_a_run_that_was_cancelled_once_and_submitted_again_is_not_cancelled(eqntk, slurm):
    eqntk("sweep", "--cancel", "mine")
    slurm.forget()
    eqntk("sweep", "--resume", "mine", "--detach")
    assert set(states(eqntk).values()) == {"queued"}
    slurm.forget()
    assert set(states(eqntk).values()) == {"lost"}


def test_a_sweep_of_this_machine_cannot_be_cancelled(eqntk, tmp_path):
    from eqntk_cli.sweeps.expand import expand, parse
    from eqntk_cli.sweeps.manifest import Manifest, write_manifest

    (tmp_path / "mine").mkdir()
    write_manifest(tmp_path / "mine", Manifest("sweep", tuple(expand(parse([]))[1]), "basic", "2026"))
    answer = eqntk("sweep", "--cancel", "mine")
    assert answer.status == 2
    assert "Ctrl-C" in answer.err
