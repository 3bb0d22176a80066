import subprocess
import sys

import pytest

from eqntk_cli.cli.app import COMMANDS, load
from eqntk_cli.config.keys import groups, keys
from tests.cli.console import COMMAND, real

NOTHING_HEAVY = """
import sys
from eqntk_cli.cli.app import main
sys.argv = ["eqntk", *{words}]
try:
    main()
except SystemExit:
    pass
heavy = {{"jax", "numpy", "hydra", "xarray", "matplotlib", "wandb", "scipy"}} & set(sys.modules)
sys.stderr.write(" ".join(sorted(heavy)))
"""


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["sweep", "--help"], ["nonsense"]])
def test_help_imports_nothing_heavy(words):
    code = NOTHING_HEAVY.format(words=words)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1:] in ([], ["Error: No such command 'nonsense'."])


def test_help_lists_every_command_and_every_command_has_help(eqntk):
    listed = eqntk("--help")
    assert listed.status == 0
    for name, command in COMMANDS.items():
        assert f"  {name} " in listed.out
        assert command.help in listed.out
        asked = eqntk(name, "--help")
        assert asked.status == 0, name
        assert f"Usage: eqntk {name}" in asked.out
        assert load(name).help, name


def test_train_help_lists_groups_options_and_keys(eqntk):
    said = " ".join(eqntk("train", "--help").out.split())
    for group, options in groups().items():
        assert f"{group}={' '.join(options)}" in said
    for key in (key for key in keys() if not key.endswith(".name")):
        assert key.rpartition(".")[2] in said
    assert "padding=valid|same|circular" in said


def test_help_fits_eighty_columns(eqntk):
    for words in (["--help"], *([name, "--help"] for name in COMMANDS)):
        assert max(len(line) for line in eqntk(*words).out.splitlines()) <= 80, words


def test_a_fault_of_the_program_is_no_answer(eqntk, monkeypatch):
    def fault(*_, **__):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("eqntk_cli.report.analysis.analyse", fault)
    answer = eqntk("compare-runs", "runs", "--require", "equivalent")
    assert answer.status not in (0, 1, 2, 3)
    assert answer.err.splitlines()[-1] == "ZeroDivisionError: a fault"


def test_version(eqntk):
    from eqntk_cli import __version__

    assert eqntk("--version").out.strip() == __version__


def test_a_misspelt_command_is_answered_with_the_nearest(eqntk):
    answer = eqntk("trian")
    assert answer.status == 2
    assert "Did you mean 'train'?" in answer.err


def test_a_misspelt_option_is_answered_with_the_nearest(eqntk):
    answer = eqntk("train", "--cfx", "job")
    assert answer.status == 2
    assert "--cfg" in answer.err


def test_a_reader_that_leaves_is_no_error(tmp_path):
    code = f"{COMMAND} train --help | head -1"
    done = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Usage: eqntk train")
    assert done.stderr == ""


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "runs").write_text("a file where a folder should be")
    answer = real("train", "tracking=disabled", folder=tmp_path)
    assert answer.status == 2
    assert answer.err.count("\n") == 1
    assert "runs" in answer.err
