from importlib.util import find_spec

import pytest

from tests.sweeps.one_node_slurm import OneNodeSlurm, why_not


@pytest.fixture(scope="session")
def one_node(tmp_path_factory):
    """A real SLURM of one node."""
    if find_spec("submitit") is None:  # to import it here would set up logging anew, under pytest's feet
        pytest.skip("submitit is not installed")
    reason = why_not()
    if reason is not None:
        pytest.skip(f"no SLURM: {reason}")
    with OneNodeSlurm(tmp_path_factory.mktemp("slurm")) as up:
        yield up


@pytest.fixture
def slurm(one_node, monkeypatch):
    """The real SLURM, for commands of this process and those that it starts."""
    monkeypatch.setenv("SLURM_CONF", str(one_node.config))
    return one_node


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """One worker for all that need the node: two of them would queue behind each other."""
    for item in items:
        if "one_node" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("one node of SLURM"))
