"""Submitting a sweep to a cluster, as far as no node is needed; `tests/sweeps/test_slurm.py` has the real thing."""

import json
import os
import subprocess
import sys

import pytest

from eqntk_cli.sweeps.cluster import Resources
from eqntk_cli.sweeps.slurm import check_resources
from tests.cli.cluster import AUGMENTED, GCNN, NTK, SWEEP, assert_one_line, states


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


def test_jax_takes_what_the_script_says(eqntk, slurm):
    """A flag that XLA does not know ends a process as soon as jax looks for devices."""
    assert eqntk(*SWEEP, "cluster.memory_fraction=0.5", "cluster.deterministic=true").status == 0
    lines = [line for line in slurm.script.splitlines() if line.startswith("export")]
    shell = "\n".join([*lines, f"{sys.executable} -c 'import jax; print(jax.devices())'"])
    bare = {"PATH": os.environ["PATH"], "JAX_PLATFORMS": "cpu"}
    answer = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False, env=bare)
    assert (answer.returncode, answer.stdout) == (0, "[CpuDevice(id=0)]\n"), answer.stderr


def test_a_job_computes_with_the_cores_that_it_asks_for_where_the_cluster_does_not_bind_it_to_them(eqntk, slurm):
    """Else jobs on one node keep each other waiting, and linear algebra rounds by the size of the node."""
    assert eqntk(*SWEEP, "cluster.cpus_per_task=3", "cluster.setup=[export OMP_NUM_THREADS=1]").status == 0
    lines = slurm.script.splitlines()
    shell = "\n".join([*(line for line in lines if line.startswith("export")), "echo $OMP_NUM_THREADS $PJRT_NPROC"])
    bare = {"PATH": os.environ["PATH"]}
    assert subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True, env=bare).stdout == "1 3\n"


def test_a_controller_that_is_away_is_no_reason_to_ask_for_something_else(eqntk, slurm, tmp_path):
    slurm.mark("deaf")
    answer = eqntk(*SWEEP)
    assert answer.status == 2
    said = answer.err.splitlines()[-1]
    assert said == "eqntk: SLURM does not answer: Unable to contact slurm controller (connect failure); try again."
    assert not (tmp_path / "mine").exists()


def test_a_cluster_file_in_the_users_folder_is_used(eqntk, slurm, tmp_path):
    (tmp_path / "my" / "cluster").mkdir(parents=True)
    (tmp_path / "my" / "cluster" / "mine.yaml").write_text("partition: short\n")
    assert eqntk(*SWEEP, "--cluster", "mine", "--config-dir", "my").status == 0
    assert "#SBATCH --partition=short" in slurm.script.splitlines()


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


def test_a_refusal_leaves_no_folder(eqntk, slurm, tmp_path, monkeypatch):
    monkeypatch.setattr("eqntk_cli.sweeps.slurm.check_resources", lambda _: None)
    slurm.refuse("sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: no\n")
    answer = eqntk(*SWEEP)
    assert answer.status == 2
    assert "QOSMaxSubmitJobPerUserLimit; Batch job submission failed: no" in answer.err
    assert_one_line(answer.err)
    assert not list(tmp_path.iterdir())


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
