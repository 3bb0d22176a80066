"""On a terminal a command says something at once, before anything heavy is imported."""

import json
import subprocess
import sys

LONG = {
    "train": ("train", "dataset=digits", "model=ntk"),
    "train --out": ("train", "dataset=digits", "model=ntk", "--out", "run"),
    "sweep": ("sweep", "dataset=digits", "model=ntk", "seed=0,1"),
    "demo": ("demo",),
    "compare-runs": ("compare-runs", "folder"),
    "kernel": ("kernel", "dataset=digits", "--out", "k.npz"),
    "predict": ("predict", "--train", "a", "--cross", "b", "--targets", "c", "--out", "d", "--time", "1"),
    "convergence": ("convergence", "dataset=digits"),
    "data check": ("data", "check", "./mine.npz"),
    "data check NAME": ("data", "check", "breastmnist"),
    "data list": ("data", "list"),
    "data fetch": ("data", "fetch", "breastmnist"),
}
IN_A_PROCESS = """
import contextlib, io, json, sys

HEAVY = ("jax", "ase", "numpy", "scipy", "matplotlib", "xarray")


class Stop(BaseException):
    pass


class Refusing:
    def find_spec(self, name, _path=None, _target=None):
        if name in HEAVY:
            raise Stop(name)


class Terminal(io.StringIO):
    def isatty(self):
        return True


sys.meta_path.insert(0, Refusing())
from eqntk_cli.cli.app import main

said = {}
for name, words in json.loads(sys.argv[1]).items():
    sys.argv = ["eqntk", *words]
    with contextlib.redirect_stderr(Terminal()) as terminal:
        try:
            main()
        except (Stop, SystemExit) as end:
            said[name] = type(end).__name__, terminal.getvalue()
print(json.dumps(said))
"""


def test_something_is_said_before_anything_heavy_is_imported(tmp_path):
    run = [sys.executable, "-c", IN_A_PROCESS, json.dumps(LONG)]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert list(said) == list(LONG)
    for command, (end, words) in said.items():
        assert end == "Stop", command
        assert words.rstrip().endswith(" ..."), command
