"""`eqntk demo` is what make run does, and the help leads to it."""

import re
import shlex
from pathlib import Path

from eqntk_cli.cli import demo as module

ROOT = Path(__file__).resolve().parents[2]


def test_demo_runs_the_two_commands_of_make_run(eqntk, monkeypatch):
    calls = []
    monkeypatch.setattr("eqntk_cli.cli.sweep_run.new_sweep", lambda words, _way, out, _dir: calls.append([*words, out]))
    monkeypatch.setattr("eqntk_cli.cli.compare_runs.compare_runs", lambda runs: calls.append(runs))
    answer = eqntk("demo", "--out", "first")
    assert answer.status == 0
    assert calls == [[f"experiment={module.EXPERIMENT}", Path("first")], ["first"]]
    recipe = re.search(r"^run:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1)
    of_make = [line.strip().removeprefix("$(BIN)/").replace("$(OUT)", "first") for line in recipe.splitlines()]
    assert [line[2:] for line in answer.err.splitlines()] == of_make


def test_help_leads_to_commands_that_need_no_files(eqntk):
    from eqntk_cli.sweeps.expand import expand, parse

    first = re.findall(r"^  +(eqntk \S.*?)(?:   .*)?$", eqntk("--help").out, re.MULTILINE)
    assert [shlex.split(line)[1] for line in first] == ["train", "demo"]
    expand(parse(shlex.split(first[0])[2:]))
