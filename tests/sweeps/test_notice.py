"""The notice before a time limit, in processes of their own: it ends them."""

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import os, signal, sys, threading, time
from dataclasses import replace
from pathlib import Path
from eqntk_cli.runs.interrupts import Interrupts
from eqntk_cli.runs.record import Record, write_record
from eqntk_cli.sweeps.notice import Notice

names = ("run_id", "role", "coupling", "model", "group", "dataset", "precision", "started")
known = {"control": None, "augmentation": None, "architecture": {}, "training": {}, "seed": 0, "members": 4}
record = Record(**dict.fromkeys(names, "x"), **known, state="running")
folder = Path(".")
write_record(folder, record)

def abandon():
    print("abandoned", flush=True)

def block(seconds):  # the main thread computes; another one finishes a block and writes it down
    time.sleep(seconds)
    write_record(folder, replace(record, members_done=2))

notice = Notice(folder, signal.SIGUSR1, GRACE, abandon)
try:
    with Interrupts(), notice:
        print("ready", flush=True)
        BODY
    print("finished", notice.given, flush=True)
except SystemExit as end:
    print("ended", end.code, notice.given, flush=True)
"""
LONG = "time.sleep(60)"
ENDED = "ended 143 True"


def told(folder, body, grace, number=signal.SIGUSR1):
    """Give notice to a process; what it printed, its status, and the seconds it took."""
    program = PROGRAM.replace("BODY", body).replace("GRACE", str(grace))
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    return out.strip(), process.returncode, time.monotonic() - began, err


def test_a_block_that_ends_within_the_grace_is_waited_for(tmp_path):
    body = f"threading.Thread(target=block, args=(2,)).start(); {LONG}"
    out, _, seconds, err = told(tmp_path, body, grace=45)
    assert out == ENDED
    assert 2 <= seconds < 15
    assert "the block under way is finished, or else dropped" in err


def test_a_block_that_does_not_end_is_dropped_before_the_limit(tmp_path):
    out, _, seconds, _ = told(tmp_path, LONG, grace=6)
    assert out == ENDED
    assert 3 <= seconds < 6


def test_a_main_thread_that_does_not_answer_is_left_behind(tmp_path):
    out, status, seconds, _ = told(tmp_path, f"signal.signal(signal.SIGTERM, signal.SIG_IGN); {LONG}", grace=6)
    assert (out, status) == ("abandoned", 143)
    assert seconds < 6


def test_a_run_that_ends_in_time_needs_nothing(tmp_path):
    out, status, _, _ = told(tmp_path, "time.sleep(1)", grace=30)
    assert (out.split()[0], status) == ("finished", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_are_no_notice(tmp_path, number):
    out, _, seconds, _ = told(tmp_path, LONG, grace=30, number=number)
    assert out == f"ended {128 + number} False"
    assert seconds < 5
