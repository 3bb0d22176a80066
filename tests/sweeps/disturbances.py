"""One run that four tasks of an array share, on a real SLURM, with one task killed, one preempted and one out of time.

Who works on what is read from the claims on blocks and tiles, which name a process; SLURM has told each process which
task it is.
"""

import json
import os
import re
import signal
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from eqntk_cli.errors import StorageError
from eqntk_cli.files.lock import holder
from eqntk_cli.runs.contents import KERNELS, RECORD_FILE, SHARED
from eqntk_cli.runs.record import read_record
from eqntk_cli.sweeps.cluster import Resources
from eqntk_cli.sweeps.slurm import log_file, submit
from tests.cli.console import real
from tests.crash.promise import differences, promise

SHARDS = 4
PATIENCE = 400.0  # seconds for anything to happen, on a machine that others use too
WARNED = 60  # seconds before the time limit
_DIGITS = ("dataset=digits", "dataset.n_test=48", "dataset.n_ood=16", "tracking=disabled")
_JOBS = ("cluster.cpus_per_task=1", "cluster.mem_gb=2", "cluster.timeout_min=60", f"cluster.signal_delay_s={WARNED}")
_USUAL = {"XLA_FLAGS": ""}  # programs of the tests are compiled in haste, and take four times as long
_LEFT = {".lock", ".turn", ".predictions.zarr.tmp"}  # locks, and a place of the disk; nothing is promised of them


@dataclass(frozen=True)
class Case:
    """What is shared, and how it is counted while it is made."""

    name: str
    words: tuple[str, ...]
    unit: str


ENSEMBLE = Case(
    "ensemble of 256 members",
    (
        *_DIGITS,
        "dataset.n_train=48",
        "group=c4",
        "architecture=mlp",
        "model=gcnn_ensemble",
        "model.width=32",
        "model.members=256",
        "model.block_size=8",
        "training.steps=5000",
    ),
    "members",
)
GRAM = Case(
    "Gram matrix of 256 images",
    (
        *_DIGITS,
        "dataset.n_train=256",
        "group=d4",
        "architecture=cnn",
        "architecture.hidden_layers=4",
        "model=ntk",
        "precision=float64",
    ),
    "tiles",
)


@dataclass
class Seen:
    """What became of one shared run.

    Attributes:
        case: its name.
        killed, preempted, out_of_time: task numbers; what was kept when it happened to them stands in `kept`.
        kept: members or tiles that were there, by the kind of disturbance.
        ends: what SLURM says of every task in the end: state, restarts, exit code.
        files: how many files were compared.
        differing: what is not as in the run of one process.
        seconds: from the submission to the end of the run.
    """

    case: str
    killed: int = -1
    preempted: int = -1
    out_of_time: int = -1
    kept: dict | None = None
    ends: list | None = None
    files: int = 0
    differing: list | None = None
    seconds: float = 0.0


def disturbed(slurm, case, folder):
    """Submit, disturb three of the four tasks, wait for the end, and compare with one undisturbed process."""
    seen, began = Seen(case.name, kept={}), time.monotonic()
    words = ("sweep", *case.words, f"model.shards={SHARDS}", "--launcher", "slurm", *_JOBS, "--detach")
    answer = real(*words, "--out", "shared", folder=folder, **_USUAL)
    assert answer.status == 0, answer.err
    run, logs = folder / "shared" / "0", folder / "shared" / "slurm"
    job = json.loads((logs / "submissions.json").read_text())["arrays"][0]["job"]
    work = Work(run, job)
    work.wait_for(set(range(SHARDS)))
    _until(work.kept, "nothing is kept")

    seen.kept["preempted"] = work.kept()
    urgent = Resources(partition="urgent", cpus_per_task=1)
    hurry = submit([partial(time.sleep, 5)], urgent, "eqntk-test-urgent", logs)
    slurm.wait(hurry, "COMPLETED", seconds=PATIENCE)
    (seen.preempted,) = (task for task in range(SHARDS) if slurm.state(f"{job}_{task}").get("Restarts") == "1")

    seen.out_of_time = next(iter(work.wait_for(work.others(seen.preempted), all_of_them=False)))
    task = f"{job}_{seen.out_of_time}"
    minutes = _minutes(slurm.state(task)["RunTime"])
    slurm.tell("scontrol", "update", f"JobId={task}", f"TimeLimit={minutes + 2}")

    rest = work.others(seen.preempted, seen.out_of_time)
    seen.killed, process = next(iter(work.wait_for(rest, all_of_them=False).items()))
    seen.kept["killed"] = work.kept()
    os.kill(process, signal.SIGKILL)
    slurm.wait(f"{job}_{seen.killed}", "FAILED", seconds=PATIENCE)
    ends = {seen.killed: slurm.state(f"{job}_{seen.killed}")}  # the queue forgets it after some minutes

    log = log_file(logs, task)
    _until(lambda: "the time limit is near" in log.read_text(), f"{log} says nothing of a time limit")
    seen.kept["out of time"] = work.kept()
    _until(lambda: slurm.state(task).get("Restarts") == "1", f"{task} is not put back: {slurm.state(task)}")

    answer = real("sweep", "--resume", "shared", folder=folder, **_USUAL)
    assert answer.status == 0, answer.err + answer.out
    seen.seconds = time.monotonic() - began
    for number in work.others(seen.killed):
        slurm.wait(f"{job}_{number}", "COMPLETED", "FAILED", seconds=PATIENCE)
        ends[number] = slurm.state(f"{job}_{number}")
    seen.ends = [f"{end['JobState']} {end['Restarts']} {end['ExitCode']}" for _, end in sorted(ends.items())]
    one_core = {"OMP_NUM_THREADS": "1", "PJRT_NPROC": "1"}  # as a job has
    answer = real("sweep", *case.words, "--out", "alone", folder=folder, **_USUAL, **one_core)
    assert answer.status == 0, answer.err
    shared, alone = promised(run), promised(folder / "alone" / "0")
    seen.files, seen.differing = len(alone), differences(shared, alone)
    return seen


class Work:
    """Who is at work on a run, and how much there is."""

    def __init__(self, run, job):
        self._run = run
        self._job = job

    def kept(self):
        """Members or tiles on the disk."""
        tiles = len(list((self._run / KERNELS).glob("*/tile-*.npy")))
        try:
            return tiles or read_record(self._run).members_done
        except StorageError:
            return 0

    def tasks(self):
        """The tasks that hold a claim now, and their processes."""
        claims = [*(self._run / SHARED).glob(".claim-*"), *(self._run / KERNELS).glob("*/.claim-*")]
        holders = (re.match(r"process (\d+) ", holder(claim) or "") for claim in claims)
        processes = [int(match[1]) for match in holders if match is not None]
        numbers = [(_task(process, self._job), process) for process in processes]
        return {number: process for number, process in numbers if number is not None}

    def others(self, *tasks):
        """All but these."""
        return set(range(SHARDS)) - set(tasks)

    def wait_for(self, tasks, all_of_them=True):
        """Wait until each of these tasks, or one of them, has been at work; those that were, and their processes."""
        at_work = {}
        _until(
            partial(_came, self, tasks, len(tasks) if all_of_them else 1, at_work),
            f"of the tasks {tasks} of {self._run}, too few came to work",
        )
        return at_work


def promised(run):
    """What a finished run promises, whatever number of tasks has made it."""
    kept = {name: what for name, what in promise(run).items() if Path(name).name not in _LEFT}
    settings = yaml.safe_load((run / "config.yaml").read_text())
    settings["model"].pop("shards")
    settings["tracking"].pop("group")  # the name of the sweep
    record = json.loads(kept[RECORD_FILE])
    record.pop("config_fingerprint")
    return kept | {"config.yaml": json.dumps(settings), RECORD_FILE: json.dumps(record, sort_keys=True)}


def _came(work, tasks, enough, at_work):
    """Whether enough of these tasks have been at work by now; `at_work` keeps them and their processes."""
    at_work.update({task: process for task, process in work.tasks().items() if task in tasks})
    return len(at_work) >= enough


def _task(process, job):
    try:
        variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    values = dict(variable.split(b"=", 1) for variable in variables if b"=" in variable)
    if values.get(b"SLURM_ARRAY_JOB_ID", b"").decode() != job:
        return None
    return int(values[b"SLURM_ARRAY_TASK_ID"])


def _minutes(clock):
    """Whole minutes of hh:mm:ss."""
    hours, minutes, _ = clock.split(":")
    return 60 * int(hours) + int(minutes)


def _until(holds, otherwise):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.05)
