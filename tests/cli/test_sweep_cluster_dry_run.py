"""What a dry run says of a sweep on a cluster: its jobs, and what each takes."""

import pytest

from tests.cli.cluster import AUGMENTED, GCNN, SWEEP, write_state


def test_a_dry_run_needs_no_cluster(eqntk, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    answer = eqntk(*SWEEP, "--dry-run", "--no-probe", "cluster.partition=short")
    assert answer.status == 0, answer.err
    assert "2 jobs (ensemble): partition=short timeout_min=240" in answer.out
    assert "1 job (ntk)" in answer.out
    assert answer.out.splitlines()[-1] == "3 runs, all settings legal; nothing was submitted"
    assert not list(tmp_path.iterdir())


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


@pytest.mark.usefixtures("submitted", "probes")
def test_a_dry_run_of_the_rest_counts_the_missing_members(eqntk, slurm, tmp_path):
    slurm.put("101_0", "FAILED")
    slurm.put("101_1", "RUNNING", node="node7")
    write_state(tmp_path / "mine" / GCNN, "failed", error="no more memory", members_done=4)
    answer = eqntk("sweep", "--resume", "mine", "--dry-run")
    assert answer.out.count("    about 10 s, about 5.0 GiB") == 1
    assert AUGMENTED not in answer.out
