"""The tasks of shared runs, and the run of one process that they are held to."""

import os
import sys

import pytest
from fake_runs import FakeEnsemble, config, load
from fake_wandb import FakeRun, stand_in
from tasks import Tasks

from eqntk_cli.runs.execute import execute


@pytest.fixture(scope="module")
def tasks():
    program = Tasks()
    yield program
    program.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return execute(config(), tmp_path_factory.mktemp("whole"), load, FakeEnsemble)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def no_settings_of_the_user(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def fake_wandb(monkeypatch, request):
    """In place of wandb: two runs, `runs`, handed out one after another."""
    request.getfixturevalue("no_settings_of_the_user")
    module = stand_in([FakeRun(), FakeRun()])
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module
