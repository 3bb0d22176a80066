import sys

import jax
import pytest

from tests.cli.console import Answer


@pytest.fixture
def eqntk(monkeypatch, capsys, tmp_path):
    """The command line in this process and an empty folder, for what computes nothing."""
    from eqntk_cli.cli.app import main

    def call(*words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["eqntk", *words])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        finally:
            jax.config.update("jax_enable_x64", True)  # a command sets its own precision
        printed = capsys.readouterr()
        return Answer(status, printed.out, printed.err)

    return call
