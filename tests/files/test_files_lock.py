"""A lock has one holder, who is named, and ends with the holder's process."""

import os
import subprocess
import sys
import threading
import time

import pytest

from eqntk_cli.errors import HeldError, StorageError
from eqntk_cli.files.lock import held, holder

PROGRAM = """
import sys, time
from pathlib import Path
from eqntk_cli.files.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_holder_at_a_time(tmp_path):
    lock = tmp_path / ".lock"
    assert holder(lock) is None
    with held(lock):
        assert holder(lock).startswith(f"process {os.getpid()} on ")
        with pytest.raises(HeldError, match=rf"is being written by process {os.getpid()} on .*; wait for it"):  # noqa: SIM117
            with held(lock):
                pass
    assert holder(lock) is None
    with held(lock):
        pass


def test_a_killed_holder_lets_go(tmp_path):
    lock = tmp_path / ".lock"
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(lock)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        assert holder(lock).startswith(f"process {process.pid} on ")
        with pytest.raises(HeldError, match=f"process {process.pid}"), held(lock):
            pass
        process.kill()
    assert holder(lock) is None


def test_waiting_for_the_holder(tmp_path):
    lock, order = tmp_path / ".lock", []

    def second():
        with held(lock, wait=True):
            order.append("second")

    thread = threading.Thread(target=second)
    with held(lock):
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join(timeout=10)
    assert order == ["first", "second"]


def test_a_lock_without_a_folder(tmp_path):
    with pytest.raises(StorageError, match="cannot write in"), held(tmp_path / "nowhere" / ".lock"):
        pass
