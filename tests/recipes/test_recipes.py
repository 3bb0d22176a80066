"""The recipes of CONTRIBUTING.md are followed in a copy of the package, and touch no more files than they say."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPES = {  # title: the check, and how many files it may touch
    "Add a group": ("group", 3),
    "Add a layer": ("layer", 4),
    "Add an architecture": ("architecture", 4),
    "Add a data set": ("data_set", 3),
    "Add a statistic of the report": ("statistic", 3),
    "Add a representation of targets": ("representation", 3),
    "Run a kernel on another device": ("device", 3),
}
BLOCK = re.compile(r"^```\w+\n# (\S+) \((new|after: [^\n]*|replaces: [^\n]*)\)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def recipes() -> dict[str, list[tuple[str, str, str]]]:
    """The blocks (path, where, text) of every recipe."""
    parts = re.split(r"^## ", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: BLOCK.findall(part) for part in parts}


def follow(folder: Path, path: str, where: str, text: str) -> None:
    """Write a new file, or add or replace lines where the block says."""
    file = folder / path
    if where == "new":
        assert not file.exists(), f"{path} is there already"
        file.write_text(text, encoding="utf-8")
        return
    how, _, place = where.partition(": ")
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    places = [at for at, line in enumerate(lines) if line.rstrip("\n").startswith(place) or place == line.strip()]
    assert len(places) == 1, f"{path} has {len(places)} lines {place!r}"
    start = places[0] + (how == "after")
    lines[start : places[0] + 1] = [text]
    file.write_text("".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What became of every check in a copy that followed all recipes, on two simulated devices."""
    folder = tmp_path_factory.mktemp("copy")
    for part in ("eqntk_cli", "conf"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for blocks in recipes().values():
        for block in blocks:
            follow(folder, *block)
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    variables = os.environ | {"PYTHONPATH": str(folder), "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    program = shutil.copy(Path(__file__).with_name("checks.py"), folder)
    done = subprocess.run(
        [sys.executable, program], env=variables, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_there_are_these_recipes() -> None:
    assert list(recipes()) == list(RECIPES)


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_touches_few_files_and_works(outcome: dict[str, str], title: str) -> None:
    check, most = RECIPES[title]
    assert 0 < len({path for path, _, _ in recipes()[title]}) <= most
    assert outcome[check] == "done", outcome[check]
