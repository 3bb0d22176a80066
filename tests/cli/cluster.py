"""A sweep on a stand-in for SLURM, and what its table says."""

from eqntk_cli.runs.record import Record, write_record
from tests.cli.console import TINY

_MODELS = "model=gcnn_ensemble,augmented_ensemble,ntk"
SWEEP = ("sweep", *TINY, _MODELS, "--launcher", "slurm", "--detach", "--out", "mine")
GCNN, AUGMENTED, NTK = "0_gcnn_ensemble", "1_augmented_ensemble", "2_ntk"


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
