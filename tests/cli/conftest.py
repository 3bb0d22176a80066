import sys
from importlib.util import find_spec

import jax
import pytest

from eqntk_cli.runs.cost import Cost
from tests.cli.cluster import SWEEP
from tests.cli.console import Answer
from tests.sweeps.fake_slurm import FakeSlurm


@pytest.fixture
def eqntk(monkeypatch, capsys, tmp_path):
    """The command line in this process and an empty folder, for what computes nothing."""
    from eqntk_cli.cli.app import main

    def call(*words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["eqntk", *words])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        finally:
            jax.config.update("jax_enable_x64", True)  # a command sets its own precision
        printed = capsys.readouterr()
        return Answer(status, printed.out, printed.err)

    return call


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


@pytest.fixture
def probes(monkeypatch):
    """The settings that were measured, in place of measuring them: 10 s for a start, 60 s for four members."""
    measured = []

    def probe(config, cores, waiting):
        waiting()
        measured.append((config.model.name, config.seed, cores))
        if config.model.name == "ntk":
            return "the data are not here"
        return Cost(10, 0, 60, 4, 4, memory=5 * 2**30, storage=2**20, whole=True, device="cpu:0 cpu")

    monkeypatch.setattr("eqntk_cli.sweeps.estimate.probe", probe)
    return measured
