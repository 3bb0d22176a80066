"""A run that broke off inside a block, and what must not be asked for."""

import pytest
from fake_runs import FakeEnsemble, config, load

from eqntk_cli.errors import DataError
from eqntk_cli.runs.execute import execute
from eqntk_cli.runs.record import read_record


def broken_off(folder, at=2):
    """A run that ends with an error inside block `at`."""

    def hook(number):
        if number == at:
            raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        execute(config(), folder, load, lambda *given: FakeEnsemble(*given, hook=hook))
    return read_record(folder)


def refused(*_):
    raise DataError("breastmnist.npz: expected md5 a, got b; delete it and fetch it again.")


def never(*_):
    raise AssertionError("must not be called")
