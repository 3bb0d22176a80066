import io

import pytest

from eqntk_cli.data import progress
from eqntk_cli.data.progress import byte_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    times = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: times[0])
    return times


def test_lines_where_there_is_no_terminal(capsys, clock):
    with byte_progress("a.npz", 1_000_000, 5_000_000) as advance:
        clock[0] = 1.0
        advance(500_000)
        clock[0] = 20.0
        advance(500_000)
    assert capsys.readouterr().err == "a.npz: 2.0 of 5.0 MB, 60 s left\n"


def test_an_unknown_length(capsys, clock):
    with byte_progress("a.npz", 0, None) as advance:
        clock[0] = 20.0
        advance(2_500_000)
    assert capsys.readouterr().err == "a.npz: 2.5 MB\n"


def test_a_bar_in_a_terminal(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", screen)
    with byte_progress("a.npz", 1_000_000, 4_000_000) as advance:
        advance(3_000_000)
    assert "a.npz" in screen.getvalue()
    assert "4.0/4.0 MB" in screen.getvalue()
