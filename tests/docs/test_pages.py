"""The documentation: its blocks of Python run, its commands are legal, its links lead somewhere, no key is left out."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from docs import generate
from eqntk_cli.cli.app import COMMANDS, load
from eqntk_cli.config.keys import keys
from eqntk_cli.sweeps.expand import expand, parse

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
MADE = {
    "reference/commands.md": generate.commands_page,
    "reference/settings.md": generate.settings_page,
    "guide/extend.md": generate.extend_page,
}
_WITH_SETTINGS = {"train", "sweep", "convergence", "kernel"}


def name_of(page):
    return page.relative_to(DOCS).as_posix()


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(page):
    lines = [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    return [line for line in lines if line.startswith("eqntk ")]


COMMANDS_SHOWN = [(name_of(page), line) for page in PAGES for line in commands(page)]


WITH_PYTHON = [page for page in PAGES if blocks(page, "python")]
LONGER = {"guide/python.md": pytest.mark.slow}  # a grid, a sweep and a report


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=LONGER.get(name_of(page), ())) for page in WITH_PYTHON], ids=name_of
)
def test_blocks_of_python_run_one_after_another(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks(page, "python"):
        exec(compile(block, name_of(page), "exec"), space)


@pytest.mark.parametrize(("page", "line"), COMMANDS_SHOWN)
def test_commands_and_their_settings_are_legal(page, line):
    words = shlex.split(line)[1:]
    command = load(words[0])
    if hasattr(command, "commands"):
        command, words = command.commands[words[1]], words[1:]
    options = {name for one in command.params if one.param_type_name == "option" for name in one.opts}
    assert {word for word in words if word.startswith("--")} <= options, page
    settings = [word for word in words[1:] if "=" in word and not word.startswith("--")]
    if words[0] in _WITH_SETTINGS:
        expand(parse(settings))


def test_pages_show_commands_at_all():
    assert len(COMMANDS_SHOWN) > 20
    assert {shlex.split(line)[1] for _, line in COMMANDS_SHOWN} >= {"demo", "train", "sweep", "compare-runs", "data"}


@pytest.mark.parametrize("name", [*map(name_of, PAGES), *MADE])
def test_links_lead_to_pages_and_figures(name):
    text = MADE[name]() if name in MADE else (DOCS / name).read_text(encoding="utf-8")
    targets = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)]
    inner = [target for target in targets if target and not target.startswith(("http://", "https://"))]
    known = {*map(name_of, PAGES), *MADE, *generate.figures().values()}
    folder = (DOCS / name).parent
    wrong = [link for link in inner if (folder / link).resolve().relative_to(DOCS).as_posix() not in known]
    assert wrong == []


def test_every_key_has_a_meaning_and_a_row():
    rows = dict(re.findall(r"^\| `([\w.]+)` \| .*? \| (.*) \|$", generate.settings_page(), re.MULTILINE))
    assert set(keys()) == set(rows)
    assert [key for key, meaning in rows.items() if not meaning.split(" One of ")[0].strip(" .")] == []


def test_every_command_has_its_section_and_its_options():
    page = generate.commands_page()
    for name in COMMANDS:
        assert f"\n## eqntk {name}\n" in page
        for one in getattr(load(name), "params", []):
            if one.param_type_name == "option" and one.name != "help" and not hasattr(load(name), "commands"):
                assert f"`{one.opts[0]}`" in page, (name, one.opts)


@pytest.mark.slow
def test_the_pages_build_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="make docs installs it")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site")]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "reference" / "python.html").read_text().count("NTKRegressor") > 3


@pytest.mark.slow
@pytest.mark.parametrize("page", ["index.md", "theorem/kernels.md", "theorem/finite.md", "guide/own-data.md"])
def test_commands_run_in_an_empty_folder(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks(DOCS / page, "python"):
        exec(compile(block, page, "exec"), space)
    for line in commands(DOCS / page):
        done = subprocess.run(
            [sys.executable, "-c", "from eqntk_cli.cli.app import main; main()", *shlex.split(line)[1:]],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (line, done.stderr)
