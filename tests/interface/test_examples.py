"""The examples in the docstrings of the Python interface run, and give what stands there."""

import doctest
from importlib import import_module

import pytest

MODULES = ("kernels", "runs", "estimators")


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(import_module(f"eqntk_cli.interface.{name}"))
    assert found.attempted > 0
    assert found.failed == 0
