"""A run is stopped in every way there is, goes on, and ends with the same bytes as one that was left alone."""

import errno
import os
import pty
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from fake_runs import BLOCK, MEMBERS, FakeEnsemble, config, load

from eqntk_cli.errors import StorageError
from eqntk_cli.files.lock import holder
from eqntk_cli.runs import store
from eqntk_cli.runs.contents import LOCK_FILE
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.interrupts import Interrupts
from eqntk_cli.runs.listing import summary
from eqntk_cli.runs.record import read_record
from eqntk_cli.runs.store import open_predictions

PROGRAM = Path(__file__).with_name("fake_runs.py")
OWN_TERMINAL = """
import fcntl, runpy, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return execute(config(), tmp_path_factory.mktemp("whole"), load, FakeEnsemble)


@contextmanager
def running(folder, where):
    """The program in a process of its own, which waits `where` in its second block."""
    root = str(PROGRAM.parents[2])
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), str(folder), where],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": root},
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        yield process
        if process.poll() is None:
            process.kill()


def assert_same_bytes(folder, whole):
    np.testing.assert_equal(read_record(folder).done_members(), list(range(MEMBERS)))
    for name in ("metrics.csv", "config.yaml"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    files = sorted(path.relative_to(whole) for path in (whole / store.STORE).rglob("*") if path.is_file())
    assert len(files) > 10
    assert files == sorted(path.relative_to(folder) for path in (folder / store.STORE).rglob("*") if path.is_file())
    assert all((folder / name).read_bytes() == (whole / name).read_bytes() for name in files)
    digests = [[block.sha256 for block in read_record(run).blocks_done] for run in (folder, whole)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("where", ["block", "chunk", "record"])
def test_kill_minus_nine_then_resume(tmp_path, whole, where):
    with running(tmp_path, where) as process:
        assert holder(tmp_path / LOCK_FILE).startswith(f"process {process.pid} on")
        assert summary(tmp_path).state == "running"
        with pytest.raises(StorageError, match=f"being written by process {process.pid} on"):
            resume(tmp_path, load, FakeEnsemble)
        process.kill()
        process.wait()
    assert summary(tmp_path).state == "killed"
    record = read_record(tmp_path)
    assert (record.state, record.members_done) == ("running", BLOCK)
    resume(tmp_path, load, FakeEnsemble)
    assert_same_bytes(tmp_path, whole)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_stopped_from_outside_then_resume(tmp_path, whole, number, status):
    with running(tmp_path, "block") as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == status  # a KeyboardInterrupt that nobody catches ends Python by SIGINT itself
    record = read_record(tmp_path)
    assert (record.state, record.error, record.members_done) == ("preempted", "interrupted", BLOCK)
    assert f"preempted: 2 of 7 members are kept in {tmp_path}" in said
    resume(tmp_path, load, FakeEnsemble)
    assert_same_bytes(tmp_path, whole)


def test_a_terminal_that_is_closed(tmp_path, whole):
    """The terminal's end sends SIGHUP, and nothing can be written to it any more."""
    ours, theirs = pty.openpty()
    program = [sys.executable, "-c", OWN_TERMINAL, str(PROGRAM), str(tmp_path), "block"]
    streams = dict.fromkeys(("stdin", "stderr"), theirs)
    variables = os.environ | {"PYTHONPATH": str(PROGRAM.parents[2]), "TERM": "xterm"}
    with subprocess.Popen(
        program, **streams, stdout=subprocess.PIPE, text=True, start_new_session=True, env=variables
    ) as process:
        os.close(theirs)
        assert process.stdout.readline() == "ready\n"
        os.close(ours)
        assert process.wait(timeout=30) == 129
    assert read_record(tmp_path).state == "preempted"
    resume(tmp_path, load, FakeEnsemble)
    assert_same_bytes(tmp_path, whole)


def test_a_signal_waits_for_the_end_of_a_shielded_section():
    done = []
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012
            with interrupts.shielded():
                os.kill(os.getpid(), signal.SIGINT)
                done.append("whole")
            done.append("never")
        with pytest.raises(SystemExit, match="143"):
            os.kill(os.getpid(), signal.SIGTERM)
    assert done == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_signals_that_somebody_listens_to_are_left_alone():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with Interrupts():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


@pytest.mark.parametrize("at", ["flush", "reserve"])
def test_a_full_disk_loses_nothing(tmp_path, whole, monkeypatch, at):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def fills(number):
        if number == 2:
            monkeypatch.setattr(*((store, "flush", full) if at == "flush" else (os, "posix_fallocate", full)))

    stops_at = 2 if at == "flush" else 3  # room is asked for before a block is begun
    with pytest.raises(StorageError, match=r"is full \(No space left on device\); free some space\.$"):
        execute(config(), tmp_path, load, lambda *given: FakeEnsemble(*given, hook=fills))
    record = read_record(tmp_path)
    assert (record.state, record.members_done) == ("failed", stops_at * BLOCK)
    assert not (tmp_path / ".reserved").exists()
    monkeypatch.undo()
    resume(tmp_path, load, FakeEnsemble)
    assert_same_bytes(tmp_path, whole)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root and the right to mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_really_full_disk(small_disk, whole):
    rest = small_disk / "something else"

    def fills(number):
        if number == 1:  # somebody else takes all the room while the second block is computed
            with rest.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
                file.writelines(b"0" * 4096 for _ in range(1000))

    folder = small_disk / "run"
    with pytest.raises(StorageError, match="is full"):
        execute(config(), folder, load, lambda *given: FakeEnsemble(*given, hook=fills))
    assert read_record(folder).members_done == 2 * BLOCK  # the block under way had its room reserved
    with pytest.raises(StorageError, match="is full"):
        resume(folder, load, FakeEnsemble)
    rest.unlink()
    resume(folder, load, FakeEnsemble)
    assert_same_bytes(folder, whole)
    assert np.isfinite(open_predictions(folder).prediction).all()
