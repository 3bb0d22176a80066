"""What is shown of how far a computation is, and whether the time left is true."""

import errno
import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from eqntk_cli.progress import Bar, Pace, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


def lines(calls, unit="", **kept):
    """What a bar without a terminal says when told `(second, done, total)`."""
    now, stream = [0.0], io.StringIO()
    with Bar("digits c4", unit, stream=stream, clock=lambda: now[0]) as bar:
        for second, *parts in calls:
            now[0] = second
            bar(*parts, **kept)
    return stream.getvalue()


def test_lines_where_there_is_no_terminal():
    said = lines([(0, 1, 10), (1, 2, 10), (20, 4, 10, "4 of 10 members"), (21, 5, 10), (32, 6, 10)], unit="members")
    assert said.splitlines() == [
        "digits c4: 4 of 10 members, 40%, about 57 s left",
        "digits c4: 6 of 10 members, 60%, about 31 s left",
    ]


def test_nothing_is_said_of_what_is_over_in_two_seconds():
    assert lines([(0, 0, 10), (1.9, 10, 10)]) == ""


@pytest.mark.parametrize(
    ("total", "said"),
    [(5e6, "digits c4: 2.0 of 5.0 MB, 40%, about 1 min 54 s left\n"), (None, "digits c4: 2.0 MB\n")],
)
def test_bytes(total, said):
    assert lines([(0, 1e6, total), (1, 1.5e6, total), (20, 2e6, total)], unit="bytes") == said


def test_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    assert Console(file=stream).is_terminal
    with Bar("digits c4", "members", stream=stream) as bar:
        assert "digits c4" in stream.getvalue()  # at once: what comes first may take long
        bar(5, 10)
        bar.say("a line [with brackets]")
    assert "50%" in stream.getvalue()
    assert "5 of 10 members" in stream.getvalue()
    assert "a line [with brackets]" in stream.getvalue()


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_a_terminal_that_is_gone_does_not_end_a_computation(monkeypatch, kind):
    class Gone(kind):
        def write(self, text):
            raise OSError(errno.EIO, f"Input/output error after {len(text)} characters")

    monkeypatch.setenv("TERM", "xterm")
    now = [0.0]
    with Bar("digits c4", stream=kind(), clock=lambda: now[0]) as bar:
        bar._stream.write = lambda text: Gone().write(text)
        for now[0] in (1.0, 20.0):
            bar(now[0], 40)
        bar.say("a line")


def test_workers_of_a_sweep_do_not_draw_bars(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr("multiprocessing.current_process", lambda: SimpleNamespace(name="LokyProcess-1"))
    with Bar("digits c4", stream=stream) as bar:
        bar(1, 2)
    assert stream.getvalue() == ""


def test_the_time_before_the_first_advance_does_not_count():
    pace = Pace()
    for second, done in ((0, 0), (60, 1), (61, 2)):  # a minute of compiling, then a part each second
        pace.seen(second, done)
    assert pace.left(98) == pytest.approx(98)


def test_dear_first_parts_are_forgotten():
    pace = Pace()
    second = 0.0
    for done in range(101):
        pace.seen(second, done)
        second += 1.0 if done < 5 else 0.1
    assert pace.left(100) == pytest.approx(10)


def test_parts_that_were_there_say_nothing():
    pace = Pace()
    for second, done in ((0, 50), (10, 51), (20, 52)):
        pace.seen(second, done)
    assert pace.left(48) == pytest.approx(480)
    without = lines([(0, 50, 100), (1, 51, 100), (20, 71, 100)])
    assert "about 28 s left" in without


def test_no_time_left_from_one_advance_or_a_moment():
    pace = Pace()
    pace.seen(0, 0)
    assert pace.left(1) is None
    pace.seen(5, 1)
    assert pace.left(1) is None
    pace.seen(5.5, 2)
    assert pace.left(1) is None
    pace.seen(6, 3)
    assert pace.left(1) == pytest.approx(0.5)


@pytest.mark.parametrize(("seconds", "words"), [(7.6, "8 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")])
def test_durations(seconds, words):
    assert duration(seconds) == words
