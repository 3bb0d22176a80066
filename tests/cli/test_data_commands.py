import json

import pytest
from typer.testing import CliRunner

from eqntk_cli.cli.data import app
from eqntk_cli.data.registry import entries
from eqntk_cli.errors import UserError


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *words: CliRunner().invoke(app, list(words))


def test_the_table_shows_every_set_in_80_columns(run):
    shown = run("list")
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert {line.split()[0] for line in lines} >= {entry.name for entry in entries()}


def test_json_holds_addresses_and_whole_checksums(run, data_root):
    known = {item["name"]: item for item in json.loads(run("list", "--json").output)}
    assert known["breastmnist"]["files"][0]["md5"] == "750601b1f35ba3300ea97c75c52ff8f6"
    assert known["breastmnist"]["files"][0]["url"].startswith("https://")
    root = str(data_root / "medmnist")
    known = {item["name"]: item for item in json.loads(run("list", "--json", "--root", root).output)}
    assert known["breastmnist"]["paths"] == [f"{root}/breastmnist.npz"]
    assert known["pathmnist"]["paths"] == []


def test_check_prints_the_file(run, data_root):
    shown = run("check", "breastmnist", "--root", str(data_root / "medmnist"))
    assert shown.output.endswith("breastmnist.npz (0.6 MB, checksum right)\n")


@pytest.mark.parametrize("words", [("fetch", "digits"), ("fetch", "brestmnist"), ("check", "brestmnist")])
def test_mistakes_reach_the_main_program(run, words):
    shown = run(*words)
    assert isinstance(shown.exception, UserError)
