"""The command that installs something works in the environment at hand."""

import sys

import pytest

from eqntk_cli import errors
from eqntk_cli.errors import how_to_install


class Distribution:
    """What is known of how a package was installed."""

    def __init__(self, source):
        self._source = source

    def read_text(self, name):
        return self._source if name == "direct_url.json" else None


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "'eqntk[slurm]'"),
        ('{"url": "file:///home/me/my%20eqntk", "dir_info": {"editable": true}}', "-e '/home/me/my eqntk[slurm]'"),
        ('{"url": "file:///home/me/eqntk", "dir_info": {}}', "'eqntk[slurm]'"),
    ],
)
def test_an_extra_of_this_program(monkeypatch, source, words):
    monkeypatch.setattr(errors.metadata, "distribution", lambda _: Distribution(source))
    monkeypatch.setattr(errors.util, "find_spec", lambda _: object())
    assert how_to_install("eqntk[slurm]") == f"pip install {words}"
    monkeypatch.setattr(errors.util, "find_spec", lambda _: None)
    assert how_to_install("eqntk[slurm]") == f"uv pip install --python {sys.executable} {words}"


def test_another_package():
    assert how_to_install("nosuchpackage").endswith(" nosuchpackage")


def test_wrong_settings_and_data_are_value_errors():
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.DataError, ValueError)
    assert issubclass(errors.NumericalError, ArithmeticError)
    assert not issubclass(errors.StorageError, ValueError)
    assert not issubclass(errors.UserError, ValueError)
