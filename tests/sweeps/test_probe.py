"""What jobs take beside what they ask for, and the process of its own that measures it."""

from dataclasses import replace

import pytest

from eqntk_cli.config.compose import compose
from eqntk_cli.runs.cost import Cost, same_cost
from eqntk_cli.sweeps import estimate
from eqntk_cli.sweeps.cluster import Resources
from eqntk_cli.sweeps.estimate import expected, probe, shortfalls
from tests.cli.console import TINY

# 100 s before the first member, 20 s per program of 8 members, blocks of 16
COST = Cost(90, 10, 20, 8, 16, memory=3e9, storage=2**20, whole=True, device="cpu:0 cpu")
ENOUGH = Resources(timeout_min=60, signal_delay_s=60, mem_gb=4)


def settings(*words):
    return compose([*TINY, "precision=float64", *words])


def test_time_grows_by_whole_programs():
    assert [COST.seconds(members) for members in (1, 8, 9, 256)] == [120, 120, 140, 740]
    assert replace(COST, program=0.0).seconds(256) == 100
    assert expected(COST, 256) == "about 12 min 20 s, about 2.8 GiB of memory, 1 MiB on the disk"
    part = replace(COST, whole=False, device_memory=2**30)
    assert expected(part, 8) == (
        "at least 2 min 00 s, at least 2.8 GiB of memory and 1.0 GiB on its device, 1 MiB on the disk"
    )


def test_tasks_share_whole_blocks():
    assert [COST.of_a_task(members, 4) for members in (8, 16, 32, 64, 80)] == [8, 16, 16, 16, 32]
    assert COST.blocks(33) == 3
    assert replace(COST, block=2).of_a_task(32, 8) == 8  # a block of fewer takes a whole program


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, None),
        ({"mem_gb": None}, None),
        ({"mem_gb": 2}, "cluster.mem_gb=2 is too little memory; it takes 3 or more"),
        # of 600 s 440 remain: 11 blocks of 16 members, and 5 more after one restart
        ({"timeout_min": 10}, "cluster.timeout_min=10 is reached about once; the job is put back"),
        # of 180 s 20 remain until the warning, and 40 more until the margin: one block of 40 s
        (
            {"timeout_min": 3},
            "is reached about 15 times, and the job is put back only cluster.max_num_timeout=10 times",
        ),
        (
            {"timeout_min": 2},
            "cluster.timeout_min=2 ends before the first block of members is kept; it takes 3 or more",
        ),
    ],
)
def test_what_is_asked_for_is_set_beside_what_is_taken(changes, says):
    clauses = shortfalls(COST, 256, replace(ENOUGH, **changes))
    assert len(clauses) == (says is not None)
    assert says is None or says in clauses[0]


def test_tiles_of_a_kernel_are_kept_over_the_limit():
    kernel = replace(COST, kernels=3000, program=0.0, members=1, block=1)
    assert shortfalls(kernel, 1, replace(ENOUGH, timeout_min=20)) == [
        "cluster.timeout_min=20 is reached about 2 times; the job is put back into the queue and goes on"
    ]


def test_runs_that_take_the_same_are_measured_once():
    alike = [settings("seed=0"), settings("seed=1", "label=mine"), settings("role=control", "control=other_step_size")]
    assert len({repr(same_cost(config)) for config in alike}) == 1
    others = [settings(word) for word in ("model.width=9", "training.steps=5", "dataset.n_train=7", "group=c2")]
    assert len({repr(same_cost(config)) for config in [*alike, *others]}) == 5


def test_a_process_of_its_own_measures_or_says_why_not(monkeypatch):
    calls = []
    config = settings("dataset=qm9", "architecture=spherical_mlp", "group=so3", "dataset.root=/nowhere")
    answer = probe(config, 1, lambda: calls.append(1))
    assert "/nowhere" in answer
    assert calls
    monkeypatch.setattr(estimate, "PATIENCE", 0.3)
    assert probe(settings(), 1, lambda: None) == "no steady work within 0 s"
