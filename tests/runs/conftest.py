"""The tasks of shared runs, and the run of one process that they are held to."""

import pytest
from fake_runs import FakeEnsemble, config, load
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
