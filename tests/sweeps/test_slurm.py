"""Against a real SLURM of one node: small jobs here, whole sweeps among the slow tests."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from eqntk_cli.errors import ClusterError, StorageError
from eqntk_cli.runs.contents import LOCK_FILE
from eqntk_cli.runs.record import read_record
from eqntk_cli.runs.store import open_predictions
from eqntk_cli.sweeps.cluster import Resources
from eqntk_cli.sweeps.slurm import accounts, cancel, check_resources, log_file, named, queue, submit
from tests.cli.console import COMMAND, TINY, real

SMALL = Resources(cpus_per_task=1)
ON_CLUSTER = ("--launcher", "slurm", "cluster.cpus_per_task=1", "cluster.mem_gb=2")
TWELVE = ("model=gcnn_ensemble,augmented_ensemble,ntk", "group=c2,c4", "model.width=8,16")


def jobs(number, seconds=0):
    """Functions that only sleep."""
    return [partial(time.sleep, seconds)] * number


def test_an_array_is_submitted_under_its_name_and_runs(slurm, tmp_path):
    job = submit(jobs(2), SMALL, "eqntk-test-array", tmp_path)
    assert named(["eqntk-test-array", "eqntk-nobody"]) == {"eqntk-test-array": job}
    known = queue()
    assert {f"{job}_0", f"{job}_1"} <= set(known)
    for task in (0, 1):
        slurm.wait(f"{job}_{task}", "COMPLETED")
        assert log_file(tmp_path, f"{job}_{task}").exists()
    assert not any(queue()[f"{job}_{task}"].works or queue()[f"{job}_{task}"].waits for task in (0, 1))
    assert accounts([job]) == {}  # this one keeps no accounts


def test_one_job_alone_waits_and_is_cancelled(slurm, tmp_path):
    first = submit(jobs(1, 60), Resources(cpus_per_task=slurm.cores), "eqntk-test-first", tmp_path)
    slurm.wait(first, "RUNNING")
    second = submit(jobs(1, 60), Resources(cpus_per_task=slurm.cores), "eqntk-test-second", tmp_path)
    time.sleep(1)
    known = queue()
    assert known[first].works
    assert known[first].node
    assert known[second].waits
    assert known[second].reason
    cancel([first, second])
    for job in (first, second):
        slurm.wait(job, "CANCELLED")
        assert queue()[job].state == "CANCELLED"


@pytest.mark.usefixtures("slurm")
@pytest.mark.parametrize(
    ("resources", "says"),
    [
        (Resources(partition="nowhere"), "invalid partition specified: nowhere"),
        (Resources(cpus_per_task=4096), "Requested node configuration is not available"),
        (Resources(cpus_per_task=1, mem_gb=1e6), "Requested node configuration is not available"),
        (Resources(cpus_per_task=1, gpus_per_node=64), "Requested node configuration|Invalid generic resource"),
        (Resources(cpus_per_task=1, constraint="a100"), "Invalid feature specification"),
    ],
)
def test_what_no_node_has_is_refused_and_nothing_is_queued(tmp_path, resources, says):
    before = set(queue())
    with pytest.raises(ClusterError, match=says):
        check_resources(resources)
    assert set(queue()) == before
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("slurm")
def test_what_a_node_has_is_accepted():
    check_resources(SMALL)
    check_resources(Resources(cpus_per_task=1, partition="urgent", extra={"nice": 5}))


@pytest.mark.usefixtures("slurm")
def test_signals_wait_until_the_submission_is_whole(tmp_path):
    program = (
        "import os, signal, sys, time\n"
        "from functools import partial\n"
        "from pathlib import Path\n"
        "import submitit\n"
        "from eqntk_cli.sweeps import slurm\n"
        "from eqntk_cli.sweeps.cluster import Resources\n"
        "before = submitit.SlurmExecutor.submit_array\n"
        "def late(self, jobs):\n"
        "    os.killpg(0, signal.SIGINT)\n"
        "    return before(self, jobs)\n"
        "submitit.SlurmExecutor.submit_array = late\n"
        "try:\n"
        "    slurm.submit([partial(time.sleep, 0)] * 2, Resources(cpus_per_task=1), 'eqntk-test-late', Path('.'))\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted after', *slurm.named(['eqntk-test-late']).values())\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert answer.stdout.startswith("interrupted after "), answer.stderr
    job = answer.stdout.split()[-1]
    assert {file.name for file in tmp_path.glob("*_submitted.pkl")} == {
        f"{job}_{task}_submitted.pkl" for task in (0, 1)
    }


@pytest.mark.slow
@pytest.mark.usefixtures("slurm")
def test_twelve_runs_submitted_looked_at_from_elsewhere_and_compared(tmp_path):
    everything = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}  # else only what takes a second is kept
    answer = real("sweep", *TINY, *TWELVE, *ON_CLUSTER, "--detach", "--out", "mine", folder=tmp_path, **everything)
    assert answer.status == 0, answer.err
    first = real("sweep", "--status", "mine", folder=tmp_path)
    assert first.out.splitlines()[-1].endswith("of 12 runs are done")
    waited = real("sweep", "--resume", "mine", folder=tmp_path)
    assert waited.status == 0, waited.err
    assert "submitted" not in waited.err
    assert "12 of 12 runs are done" in waited.out
    records = [json.loads(file.read_text()) for file in (tmp_path / "mine").glob("*/record.json")]
    assert {record["state"] for record in records} == {"done"}
    (machine,) = (tmp_path / "mine" / "slurm" / "compiled").iterdir()  # which all jobs share
    assert any(machine.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("slurm")
def test_ctrl_c_then_status_then_resume_queues_nothing_twice(tmp_path):
    with subprocess.Popen(
        [COMMAND, "sweep", *TINY, "seed=0,1", *ON_CLUSTER, "--out", "mine"], cwd=tmp_path, stderr=subprocess.PIPE
    ) as command:
        for line in command.stderr:
            if b"running" in line:
                break
        command.send_signal(signal.SIGINT)
        rest = command.stderr.read().decode()
    assert command.returncode == 130
    assert "the jobs stay in the queue" in rest
    journal = (tmp_path / "mine" / "slurm" / "submissions.json").read_bytes()
    assert real("sweep", "--status", "mine", folder=tmp_path).status == 0
    answer = real("sweep", "--resume", "mine", folder=tmp_path)
    assert answer.status == 0, answer.err
    assert (tmp_path / "mine" / "slurm" / "submissions.json").read_bytes() == journal


@pytest.mark.slow
@pytest.mark.usefixtures("slurm")
def test_cancelled_from_outside_the_command_ends_within_seconds(tmp_path):
    long = [*TINY, "training.steps=1000000", "seed=0,1"]
    with subprocess.Popen(
        [COMMAND, "sweep", *long, *ON_CLUSTER, "--out", "mine"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        for line in command.stderr:
            if "running" in line:
                break
        job = json.loads((tmp_path / "mine" / "slurm" / "submissions.json").read_text())["arrays"][0]["job"]
        began = time.monotonic()
        cancel([job])
        out, err = command.communicate(timeout=60)
    assert time.monotonic() - began < 30  # of which SLURM takes five to end what is running
    assert command.returncode == 2
    assert "cancelled" in out
    assert "eqntk sweep --resume mine" in err


LONGER = ("training.steps=2000", "model.members=32", "model.block_size=8", "cluster.timeout_min=30")


def journal_of(folder):
    """The job of the one array that was submitted for a sweep."""
    return json.loads((folder / "slurm" / "submissions.json").read_text())["arrays"][-1]["job"]


def members_done(run):
    """Members on record; none before there is one."""
    try:
        return read_record(run).members_done
    except StorageError:
        return 0


def process_of(run):
    """The process that holds the lock of a run."""
    return int((run / LOCK_FILE).read_text().split()[1])


def wait_for_members(run, number):
    """Wait until so many members are kept."""
    end = time.monotonic() + 240
    while members_done(run) < number:
        assert time.monotonic() < end, f"{members_done(run)} of {number} members after 240 s"
        time.sleep(0.2)


@pytest.mark.slow
def test_preempted_and_killed_and_resumed_has_the_bits_of_an_undisturbed_run(slurm, tmp_path):
    """A more urgent job puts it back in the queue; SIGKILL ends it for good, and a resume goes on."""
    words = ("sweep", *TINY, *LONGER, *ON_CLUSTER)
    answer = real(*words, "--detach", "--out", "mine", folder=tmp_path)
    assert answer.status == 0, answer.err
    job, run = journal_of(tmp_path / "mine"), tmp_path / "mine" / "0"
    wait_for_members(run, 8)
    urgent = submit(jobs(1), Resources(partition="urgent", cpus_per_task=slurm.cores), "eqntk-test-urgent", tmp_path)
    slurm.wait(urgent, "COMPLETED", seconds=120)
    kept = members_done(run)
    assert 8 <= kept < 32
    wait_for_members(run, kept + 8)
    assert slurm.state(job)["Restarts"] == "1"
    os.kill(process_of(run), signal.SIGKILL)
    slurm.wait(job, "FAILED", "COMPLETED", "CANCELLED")
    shown = real("sweep", "--status", "mine", folder=tmp_path)
    assert "0 of 1 runs are done" in shown.out
    answer = real("sweep", "--resume", "mine", folder=tmp_path)
    assert answer.status == 0, answer.err
    assert journal_of(tmp_path / "mine") != job
    assert real("train", *TINY, *LONGER[:-1], "--out", "alone", folder=tmp_path).status == 0
    resumed, alone = (open_predictions(folder).prediction.values for folder in (run, tmp_path / "alone"))
    assert resumed.tobytes() == alone.tobytes()
