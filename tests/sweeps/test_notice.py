"""The notice before a time limit, in processes of their own: it ends them."""

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import signal, time
from eqntk_cli.runs.interrupts import Interrupts, good_moment
from eqntk_cli.sweeps.notice import Notice

def abandon():
    print("abandoned", flush=True)

def blocks(seconds):  # each ends by telling that it has reached the disk
    for _ in range(2):
        time.sleep(seconds)
        print("kept", flush=True)
        good_moment()

notice = Notice(signal.SIGUSR1, GRACE, abandon)
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


def noticed(folder, body, grace, number=signal.SIGUSR1):
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
    out, _, seconds, err = noticed(tmp_path, "blocks(2)", grace=45)
    assert out == f"kept\n{ENDED}"
    assert 2 <= seconds < 15
    assert "the block under way is finished, or else dropped" in err


def test_a_block_that_does_not_end_is_dropped_before_the_limit(tmp_path):
    out, _, seconds, _ = noticed(tmp_path, LONG, grace=6)
    assert out == ENDED
    assert 3 <= seconds < 6


def test_a_main_thread_that_does_not_answer_is_left_behind(tmp_path):
    out, status, seconds, _ = noticed(tmp_path, f"signal.signal(signal.SIGTERM, signal.SIG_IGN); {LONG}", grace=6)
    assert (out, status) == ("abandoned", 143)
    assert seconds < 6


def test_a_run_that_ends_in_time_needs_nothing(tmp_path):
    out, status, _, _ = noticed(tmp_path, "time.sleep(1)", grace=30)
    assert (out.split()[0], status) == ("finished", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_are_no_notice(tmp_path, number):
    out, _, seconds, _ = noticed(tmp_path, LONG, grace=30, number=number)
    assert out == f"ended {128 + number} False"
    assert seconds < 5


IMPORTING = """
import os, signal, sys, time
from eqntk_cli.config.compose import compose
from eqntk_cli.sweeps.job import ClusterJob

class Slow:
    def find_spec(self, name, *_):
        if name == "eqntk_cli.architectures.checks":
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.5)
            print("went on", flush=True)
            os._exit(0)

def submitit(*_):
    raise RuntimeError("Job not requeued because: timed-out and not checkpointable.")

job = ClusterJob(compose([]), "run", (), "compiled", 60, 1)
signal.signal(signal.SIGUSR1, submitit)
sys.meta_path.insert(0, Slow())
job()
"""


def test_a_notice_while_the_job_still_imports_is_heard(tmp_path):
    answer = subprocess.run(
        [sys.executable, "-c", IMPORTING], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.stdout == "went on\n", answer.stderr
    assert "the time limit is near" in answer.stderr
