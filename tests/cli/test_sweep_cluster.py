"""Sweeps on a cluster as far as no node is needed; `tests/sweeps/test_slurm.py` has the real thing."""

import json
import sys
from importlib.util import find_spec

import pytest

from eqntk_cli.files.lock import held
from eqntk_cli.runs.cost import Cost
from eqntk_cli.runs.record import Record, write_record
from eqntk_cli.sweeps.cluster import Resources
from eqntk_cli.sweeps.slurm import accounts, check_resources, preempted
from tests.cli.console import TINY
from tests.sweeps.fake_slurm import FakeSlurm

SWEEP = (
    "sweep",
    *TINY,
    "model=gcnn_ensemble,augmented_ensemble,ntk",
    "--launcher",
    "slurm",
    "--detach",
    "--out",
    "mine",
)
GCNN, AUGMENTED, NTK = "0_gcnn_ensemble", "1_augmented_ensemble", "2_ntk"


@pytest.fixture
def slurm(monkeypatch, tmp_path_factory):
    if find_spec("submitit") is None:  # to import it here would set up logging anew, under pytest's feet
        pytest.skip("submitit is not installed")
    fake = FakeSlurm(tmp_path_factory.mktemp("slurm"))
    monkeypatch.setenv("PATH", f"{fake.programs}:/usr/bin:/bin")
    return fake


@pytest.fixture
def submitted(eqntk, slurm):
    answer = eqntk(*SWEEP)
    assert slurm.submissions == 2
    assert answer.status == 0, answer.err
    return answer


def states(eqntk):
    """The state of every run as the table shows it."""
    lines = eqntk("sweep", "--status", "mine").out.splitlines()
    return {line.split()[0]: line.split()[1] for line in lines if line.startswith(("0_", "1_", "2_"))}


def assert_one_line(said):
    """An error is one line, behind the note that so few members are never enough for a test of equal means."""
    assert [line.partition(" ")[0] for line in said.splitlines()] == ["note:", "eqntk:"]


def write_state(folder, state, **changes):
    """A record as a run on a node leaves it."""
    folder.mkdir(exist_ok=True)
    names = ("run_id", "role", "coupling", "model", "group", "dataset", "precision", "started")
    known = {"control": None, "augmentation": None, "architecture": {}, "training": {}, "seed": 0, "members": 2}
    write_record(folder, Record(**dict.fromkeys(names, "x"), **known, state=state, host="node", **changes))


def test_submitting_makes_an_array_per_kind_and_returns(submitted, tmp_path):
    assert submitted.err.splitlines()[1:3] == ["submitted 2 runs as job 101", "submitted 1 run as job 102"]
    assert "eqntk sweep --status mine" in submitted.err
    assert submitted.out.splitlines()[-1] == "mine"
    journal = json.loads((tmp_path / "mine" / "slurm" / "submissions.json").read_text())
    assert [(array["job"], array["runs"]) for array in journal["arrays"]] == [
        ("101", [GCNN, AUGMENTED]),
        ("102", [NTK]),
    ]


def test_the_script_asks_for_what_the_cluster_file_says(eqntk, slurm):
    words = ["cluster.ntk.mem_gb=7.5", "cluster.extra={nice: 5}", "cluster.setup=[module load cuda]"]
    assert eqntk(*SWEEP, *words, "cluster.memory_fraction=0.5", "cluster.deterministic=true").status == 0
    lines = slurm.script.splitlines()
    for line in (
        "#SBATCH --mem=7680M",
        "#SBATCH --time=240",
        "#SBATCH --cpus-per-task=2",
        "#SBATCH --signal=USR1@120",
        "#SBATCH --requeue",
        "#SBATCH --nice=5",
        "module load cuda",
        "export XLA_PYTHON_CLIENT_MEM_FRACTION=0.5",
    ):
        assert line in lines
    assert any("xla_gpu_deterministic_ops=true" in line for line in lines)
    assert not any(line.startswith(("#SBATCH --partition", "#SBATCH --gpus")) for line in lines)


def test_a_cluster_file_in_the_users_folder_is_used(eqntk, slurm, tmp_path):
    (tmp_path / "my" / "cluster").mkdir(parents=True)
    (tmp_path / "my" / "cluster" / "mine.yaml").write_text("partition: short\n")
    assert eqntk(*SWEEP, "--cluster", "mine", "--config-dir", "my").status == 0
    assert "#SBATCH --partition=short" in slurm.script.splitlines()


def test_a_dry_run_needs_no_cluster(eqntk, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    answer = eqntk(*SWEEP, "--dry-run", "--no-probe", "cluster.partition=short")
    assert answer.status == 0, answer.err
    assert "2 jobs (ensemble): partition=short timeout_min=240" in answer.out
    assert "1 job (ntk)" in answer.out
    assert answer.out.splitlines()[-1] == "3 runs, all settings legal; nothing was submitted"
    assert not list(tmp_path.iterdir())


@pytest.fixture
def probes(monkeypatch):
    """The settings that were measured, in place of measuring them: 10 s for a start, 60 s for four members."""
    found = []

    def probe(config, cores, waiting):
        waiting()
        found.append((config.model.name, config.seed, cores))
        if config.model.name == "ntk":
            return "the data are not here"
        return Cost(10, 0, 60, 4, 4, memory=5 * 2**30, storage=2**20, whole=True, device="cpu:0 cpu")

    monkeypatch.setattr("eqntk_cli.sweeps.probe.probe", probe)
    return found


def test_a_dry_run_says_what_each_job_takes(eqntk, probes):
    answer = eqntk(*SWEEP, "seed=0,1", "--dry-run", "cluster.cpus_per_task=1")
    assert answer.status == 0, answer.err
    assert probes == [("gcnn_ensemble", 0, 1), ("augmented_ensemble", 0, 1), ("ntk", 0, 1)]
    assert answer.out.count("    about 1 min 10 s, about 5.0 GiB of memory, 1 MiB on the disk") == 4
    assert answer.out.count("    note: cluster.mem_gb=4 is too little memory; it takes 5 or more") == 4
    assert answer.out.count("    not measured: the data are not here") == 2
    assert "all together: at least 4 min 40 s of jobs, at least 4 MiB on the disk" in answer.out
    assert "measured by short probes on 1 cores of this machine" in answer.out


def test_a_dry_run_divides_a_run_among_its_tasks(eqntk, probes):
    answer = eqntk(*SWEEP, "model.members=32", "model.shards=4", "--dry-run")
    assert "8 jobs (ensemble)" in answer.out
    assert f"  {GCNN} (4 tasks): " in answer.out
    assert answer.out.count("    each task about 2 min 10 s") == 2  # eight members, four at a time
    assert "all together: at least 17 min 20 s of jobs" in answer.out
    assert len(probes) == 3


def test_a_dry_run_names_tasks_that_have_nothing_to_do(eqntk, probes):
    answer = eqntk(*SWEEP, "model.members=12", "model.shards=4", "--dry-run")
    assert answer.out.count("    each task about 1 min 10 s") == 2  # four members
    assert answer.out.count("    note: members are trained 4 at a time; more than 3 tasks would only wait") == 2
    assert len(probes) == 3


def test_a_dry_run_says_what_it_could_not_measure_like_a_node(eqntk, probes):
    answer = eqntk(*SWEEP, "--dry-run", "cluster.cpus_per_task=4096", "cluster.gpus_per_node=1")
    assert "(4096 are asked for), without the GPU that is asked for, of this machine" in answer.out
    assert len(probes) == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([*SWEEP, "--no-probe"], "--no-probe belongs to --dry-run"),
        (["sweep", "--dry-run", "--no-probe"], "--no-probe needs --launcher slurm"),
        (["sweep", "--status", "a", "--no-probe"], "leave --no-probe out"),
    ],
)
def test_no_probe_belongs_to_dry_runs_of_a_cluster(eqntk, words, says):
    answer = eqntk(*words)
    assert answer.status == 2
    assert says in answer.err


@pytest.mark.parametrize(
    ("missing", "says"), [("sbatch", "`sbatch`, which is not"), ("submitit", "uv pip install submitit")]
)
def test_without_slurm_or_submitit(eqntk, monkeypatch, tmp_path, missing, says):
    if missing == "submitit":
        monkeypatch.setattr("eqntk_cli.sweeps.slurm.find_spec", lambda _: None)
    else:
        monkeypatch.setenv("PATH", "")
    answer = eqntk(*SWEEP)
    assert answer.status == 2
    assert says in answer.err
    assert_one_line(answer.err)
    assert not list(tmp_path.iterdir())


def test_what_the_cluster_cannot_run_is_refused_before_anything_is_made(eqntk, slurm, tmp_path):
    slurm.refuse("allocation failure: Requested node configuration is not available\n")
    answer = eqntk(*SWEEP)
    assert answer.status == 2
    assert "Requested node configuration is not available" in answer.err
    assert "--cpus-per-task=2" in answer.err
    assert_one_line(answer.err)
    assert not list(tmp_path.iterdir())


def test_a_node_that_is_down_may_come_back(slurm):
    slurm.refuse("allocation failure: Required node not available (down, drained or reserved)\n")
    check_resources(Resources())


def test_a_file_in_the_way_of_the_folder(eqntk, slurm, tmp_path):
    (tmp_path / "mine").write_text("")
    answer = eqntk(*SWEEP[:-1], "mine/below")
    assert answer.status == 2
    assert "cannot write" in answer.err
    assert slurm.submissions == 0


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
    found = {job: entry.state for job, entry in accounts(["7", "8", "9"]).items()}
    cancelled = dict.fromkeys(("7_0", "7_1", "7_5"), "CANCELLED")
    assert found == {"7_3": "TIMEOUT", **cancelled, "8_2": "PENDING", "9": "COMPLETED"}


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


@pytest.mark.usefixtures("submitted", "probes")
def test_a_dry_run_of_the_rest_counts_the_missing_members(eqntk, slurm, tmp_path):
    slurm.put("101_0", "FAILED")
    slurm.put("101_1", "RUNNING", node="node7")
    write_state(tmp_path / "mine" / GCNN, "failed", error="no more memory", members_done=4)
    answer = eqntk("sweep", "--resume", "mine", "--dry-run")
    assert answer.out.count("    about 10 s, about 5.0 GiB") == 1
    assert AUGMENTED not in answer.out


@pytest.mark.usefixtures("submitted")
def test_resume_leaves_alone_what_another_process_holds(eqntk, slurm, tmp_path):
    slurm.forget()
    (tmp_path / "mine" / NTK).mkdir()
    with held(tmp_path / "mine" / NTK / ".lock"):
        listed = eqntk("sweep", "--resume", "mine", "--dry-run", "--no-probe")
    assert NTK not in listed.out
    assert NTK in eqntk("sweep", "--resume", "mine", "--dry-run", "--no-probe").out


def test_an_answer_that_got_lost_does_not_queue_twice(eqntk, slurm):
    slurm.mark("silence")
    answer = eqntk(*SWEEP)
    assert answer.status == 2
    assert "Socket timed out" in answer.err
    (slurm.folder / "silence").unlink()
    assert states(eqntk)[GCNN] == "queued"
    eqntk("sweep", "--resume", "mine", "--detach")
    assert slurm.submissions == 2  # the kernel run that had not been submitted
    assert states(eqntk) == {GCNN: "queued", AUGMENTED: "queued", NTK: "queued"}


def test_a_refusal_leaves_no_folder(eqntk, slurm, tmp_path, monkeypatch):
    monkeypatch.setattr("eqntk_cli.sweeps.slurm.check_resources", lambda _: None)
    slurm.refuse("sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: no\n")
    answer = eqntk(*SWEEP)
    assert answer.status == 2
    assert "QOSMaxSubmitJobPerUserLimit; Batch job submission failed: no" in answer.err
    assert_one_line(answer.err)
    assert not list(tmp_path.iterdir())


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


def test_tasks_of_a_run_stay_in_one_array(monkeypatch):
    from eqntk_cli.config.compose import compose
    from eqntk_cli.sweeps import slurm
    from eqntk_cli.sweeps.expand import Job
    from eqntk_cli.sweeps.submit import batches

    monkeypatch.setattr(slurm, "LARGEST_ARRAY", 5)
    config = compose(["model=ntk", "model.shards=2"])
    runs = [(Job(number, str(number), str(number), ()), config) for number in range(3)]
    parts = batches(runs, {"ensemble": Resources(), "ntk": Resources()})
    assert [[job.folder for job, _ in part.tasks] for part in parts] == [["0", "0", "1", "1"], ["2", "2"]]
