"""Completion through the protocol that the shells speak: the program is asked with environment variables."""

import os
import shutil
import subprocess

import pytest

from eqntk_cli.cli.completion import SCRIPTS, suggestions
from eqntk_cli.config.keys import groups
from tests.cli.console import COMMAND, real

GROUPS = {"experiment": ("digits_quick",), **groups()}
CASES = {  # words before, the unfinished word -> what is offered
    "a group": ([], "mod", ["model=", "model."]),
    "an option": ([], "model=nt", ["model=ntk"]),
    "all options": ([], "model=", ["model=augmented_ensemble", "model=gcnn_ensemble", "model=ntk"]),
    "a key": ([], "model.wi", ["model.width="]),
    "a key of its own": ([], "prec", ["precision="]),
    "a word": ([], "architecture.padding=c", ["architecture.padding=circular"]),
    "a switch": ([], "training.centred=", ["training.centred=true", "training.centred=false"]),
    "a number": ([], "model.width=", []),
    "one more of several": ([], "group=c4,d", ["group=c4,d1", "group=c4,d2", "group=c4,d4"]),
    "not the same twice": ([], "group=d4,d", ["group=d4,d1", "group=d4,d2"]),
    "after a whole setting": (["group=c4"], "model=nt", ["model=ntk"]),
    "bash: after the equals sign": (["model", "="], "nt", ["ntk"]),
    "bash: at the equals sign": (["model"], "", ["augmented_ensemble", "gcnn_ensemble", "ntk"]),
    "bash: after a value": (["model", "=", "ntk"], "group", ["group=", "group."]),
    "bash: several values": (["group", "="], "c4,d", ["c4,d1", "c4,d2", "c4,d4"]),
    "an experiment": ([], "experiment=", ["experiment=digits_quick"]),
    "nothing": ([], "nonsense", []),
}


@pytest.mark.parametrize("case", CASES)
def test_suggestions(case):
    before, incomplete, expected = CASES[case]
    assert suggestions(incomplete, before, GROUPS) == expected


@pytest.mark.parametrize(
    ("incomplete", "offered"),
    [
        ("dataset.files=", ["dataset.files=mine/", "dataset.files=mine.npz"]),
        ("dataset.files=mine/", ["dataset.files=mine/more.npz"]),
        ("dataset.root=", ["dataset.root=mine/"]),
        ("dataset.files=none", []),
    ],
)
def test_files_and_folders_are_completed(incomplete, offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for name in ("mine.npz", "mine/more.npz"):
        (tmp_path / name).touch()
    assert sorted(suggestions(incomplete, [], GROUPS)) == sorted(offered)


def test_the_home_folder_stays_as_it_was_typed(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.npz").touch()
    assert suggestions("dataset.files=~/mi", [], GROUPS) == ["dataset.files=~/mine.npz"]


def test_every_setting_is_offered_when_its_part_is_typed():
    assert "model.members=" in suggestions("model.", [], GROUPS)
    assert "model.name=" not in suggestions("model.", [], GROUPS)  # model= says it


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("eqntk tr", ["train"]),
        ("eqntk train --res", ["--resume", "--resolve"]),
        ("eqntk train dataset = br", ["breastmnist"]),
        ("eqntk sweep experiment = digits_q", ["digits_quick"]),
    ],
)
def test_bash_asks(tmp_path, line, offered):
    answer = real(
        folder=tmp_path, COMP_WORDS=line, COMP_CWORD=str(len(line.split()) - 1), _EQNTK_COMPLETE="complete_bash"
    )
    assert answer.out.split() == offered


def test_zsh_asks(tmp_path):
    answer = real(folder=tmp_path, _TYPER_COMPLETE_ARGS="eqntk train group=d", _EQNTK_COMPLETE="complete_zsh")
    assert '"group=d4"' in answer.out


def test_a_live_bash_completes(tmp_path):
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    script = f"""
        source <({COMMAND} completion bash)
        COMP_WORDS=(eqntk train dataset = ret); COMP_CWORD=4
        compopt() {{ :; }}
        _eqntk_completion eqntk
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = f"{os.path.dirname(COMMAND)}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        check=True,
    )
    assert done.stdout.split() == ["retinamnist"]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_script_for_every_shell(eqntk, shell):
    answer = eqntk("completion", shell)
    assert answer.status == 0
    assert f"_EQNTK_COMPLETE=complete_{shell}" in answer.out


def test_an_unknown_shell(eqntk):
    answer = eqntk("completion", "tcsh")
    assert answer.status == 2
    assert "bash | zsh | fish" in answer.err
