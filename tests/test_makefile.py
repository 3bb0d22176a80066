"""The set-up of the Makefile with whatever installer there is, played with programs that only note their words."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Stands for Python, outside and inside of the environment; has-pip and has-ensurepip are files where it is called.
PYTHON = """#!/bin/sh
[ "$1" = -c ] && exit 0
echo "python $*" >> log
case "$2" in
  venv) mkdir -p "$4/bin"; cp "$0" "$4/bin/python" ;;
  pip) test -e has-pip || { echo "No module named pip" >&2; exit 1; } ;;
  ensurepip) test -e has-ensurepip || exit 1; touch has-pip ;;
esac
case "$*" in *"install --quiet uv") cp uv .venv/bin/uv ;; esac
"""
UV = """#!/bin/sh
echo "uv $*" >> log
case "$*" in *" uv") cp "$0" .venv/bin/uv ;; esac
"""
TOOLS = ("sh", "make", "mkdir", "cp", "touch", "date", "getconf")


@pytest.fixture
def folder(tmp_path):
    """A clone with nothing but the Makefile, and a PATH without any Python or uv."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    for name in TOOLS:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    for name, text in (("python", PYTHON), ("uv", UV)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def set_up(folder: Path) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """`make setup`, and what was called with which words."""
    command = ["make", "--no-print-directory", "setup", f"PYTHON={folder / 'python'}"]
    environment = {"PATH": str(folder / "bin")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done, (folder / "log").read_text().splitlines()


@pytest.mark.parametrize(
    ("installer", "words"),
    [
        ("has-pip", "python -m pip --disable-pip-version-check --python .venv/bin/python install --quiet uv"),
        ("bin/uv", "uv pip install --quiet --python .venv/bin/python uv"),
        ("has-ensurepip", "python -m pip --disable-pip-version-check install --quiet uv"),
    ],
)
def test_the_environment_is_made_with_whatever_can_install(folder, installer, words):
    shutil.copy(folder / "uv", folder / installer)
    done, called = set_up(folder)
    assert done.returncode == 0, done.stderr
    assert words in called
    assert called[-1].endswith("-e .[dev]")
    assert done.stdout.splitlines()[-1] == "ready: .venv/bin/eqntk --help"


def test_without_any_installer_one_line_says_what_to_do(folder):
    done, called = set_up(folder)
    assert done.returncode == 2
    assert "expected one of them to install with" in done.stdout
    assert "make PYTHON=/path/to/python3" in done.stdout
    assert "No module named pip" not in done.stdout + done.stderr
    assert not [line for line in called if "install" in line]
