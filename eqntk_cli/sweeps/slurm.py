"""SLURM, all of it: what is submitted, what the queue says, what is taken off it.

Jobs are submitted with submitit; the queue is asked with SLURM's own commands, and with `sacct` where the cluster keeps
accounts. Nothing here knows of runs: a job is a function without arguments, and is named by its id (`12`, or `12_3` for
a task of an array).
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

from eqntk_cli.errors import ClusterError, ConfigError
from eqntk_cli.sweeps.cluster import Resources

LARGEST_ARRAY = 1000  # tasks; SLURM's own default allows one more
WARNING = signal.SIGUSR1  # sent `signal_delay_s` before the time limit
_PATIENCE = 60.0  # seconds for an answer of SLURM
_WAITING = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD")
_WORKING = ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING")
_AWAY = ("Unable to contact", "Unable to process configuration", "timed out", "no answer within")  # the controller
_FOR_NOW = ("Required node not available", "Requested nodes are busy")  # a node that is down may come back


@dataclass(frozen=True)
class QueuedJob:
    """What the queue, or the accounts, say of one job."""

    state: str  # SLURM's own word: PENDING, RUNNING, COMPLETED, CANCELLED, TIMEOUT, ...
    reason: str = ""  # why it waits
    node: str = ""

    @property
    def waits(self) -> bool:
        """Whether it is in the queue and has not begun."""
        return self.state in _WAITING

    @property
    def works(self) -> bool:
        """Whether it is on a node."""
        return self.state in _WORKING

    @property
    def ends(self) -> bool:
        """Whether it is being cleared away."""
        return self.state == "COMPLETING"


def require_slurm() -> None:
    """Check that jobs can be submitted from here.

    Raises:
        ConfigError: submitit or SLURM is not installed.
    """
    if find_spec("submitit") is None:
        raise ConfigError(
            "--launcher slurm needs submitit (the extra `slurm`), which is not installed; uv pip install submitit."
        )
    for program in ("sbatch", "srun"):
        if shutil.which(program) is None:
            raise ConfigError(
                f"--launcher slurm needs SLURM's `{program}`, which is not on this machine; log in to the cluster, or "
                "use --launcher basic or joblib."
            )


def check_resources(resources: Resources) -> None:
    """Ask SLURM whether a job with these resources could ever run; nothing is queued.

    Raises:
        ClusterError: it could not (no such partition, more than any node has, not allowed), or SLURM does not answer.
    """
    words = [f"--{key}" if value is True else f"--{key}={value}" for key, value in _options(resources).items()]
    answer = _asked(["sbatch", "--test-only", *words, "--wrap", "true"])
    if answer.returncode != 0 and any(said in answer.stderr for said in _AWAY):
        raise ClusterError(f"SLURM does not answer: {_said(answer.stderr)}; try again.")
    if answer.returncode != 0 and not any(said in answer.stderr for said in _FOR_NOW):
        asked = " ".join(word for word in words if not word.startswith(("--signal", "--requeue", "--open-mode")))
        raise ClusterError(
            f"the cluster cannot run such a job: {_said(answer.stderr)} (asked for {asked}). Change it with "
            "--cluster NAME or cluster.KEY=VALUE; `sinfo -o '%P %c %m %G %l'` lists what there is."
        )


def submit(jobs: Sequence[Callable[[], None]], resources: Resources, name: str, logs: Path) -> str:
    """Submit jobs as one array (one job alone as itself) under a name of its own.

    Signals wait until SLURM has answered and every task finds what it is to do, so that nothing is queued by half.

    Returns:
        The job id; tasks of an array have `_0`, `_1`, ... behind it.

    Raises:
        ClusterError: SLURM refuses.
    """
    with _logging_kept():
        import submitit
        from submitit.core.utils import FailedJobError, FailedSubmissionError

    executor = submitit.SlurmExecutor(logs, max_num_timeout=resources.max_num_timeout)
    options = {key.replace("-", "_"): value for key, value in _options(resources).items()}
    executor.update_parameters(
        job_name=name,
        time=resources.timeout_min,
        array_parallelism=resources.array_parallelism,
        setup=_set_up(resources),
        additional_parameters=options,
    )
    try:
        with _signals_held(), redirect_stderr(StringIO()):  # submitit prints what it raises, too
            submitted = executor.submit_array(jobs)
    except (FailedJobError, FailedSubmissionError) as error:
        raise ClusterError(f"SLURM takes no jobs: {_said(str(error))}.") from error
    return str(submitted[0].job_id).partition("_")[0]


@contextmanager
def _logging_kept() -> Iterator[None]:
    """Keep submitit, while it is imported, from setting up logging anew: that closes the handlers of everybody else."""
    before = os.environ.get("SUBMITIT_LOG_LEVEL")
    os.environ["SUBMITIT_LOG_LEVEL"] = "NOCONFIG"
    try:
        yield
    finally:
        if before is None:
            del os.environ["SUBMITIT_LOG_LEVEL"]
        else:
            os.environ["SUBMITIT_LOG_LEVEL"] = before


def log_file(logs: Path, job: str) -> Path:
    """Where a job writes its errors."""
    return logs / f"{job}_0_log.err"


def queue() -> dict[str, QueuedJob]:
    """The user's jobs that the queue still knows, ended ones for some minutes too.

    Raises:
        ClusterError: SLURM does not answer.
    """
    answer = _asked(["squeue", "--noheader", "--array", "--states=all", "--me", "--format=%i|%T|%r|%N"])
    if answer.returncode != 0:
        raise ClusterError(f"SLURM does not answer: {_said(answer.stderr)}; try again.")
    return dict(_entries(answer.stdout))


def accounts(jobs: Iterable[str]) -> dict[str, QueuedJob]:
    """What the accounts say of jobs and their tasks; nothing on a cluster without accounts."""
    jobs = list(jobs)
    if not jobs or shutil.which("sacct") is None:
        return {}
    answer = _asked(["sacct", "-X", "--noheader", "--parsable2", "-j", ",".join(jobs), "-o", "JobID,State"])
    lines = [line.split("|") for line in answer.stdout.splitlines()] if answer.returncode == 0 else []
    known = [line for line in lines if len(line) == 2 and line[1]]
    return {job: QueuedJob(state.split()[0]) for jobs, state in known for job in _each_task(jobs)}


def _each_task(jobs: str) -> list[str]:
    """`12_[0-2,5%4]`, tasks of an array that never began, one by one; any other id as it is."""
    match = re.fullmatch(r"(\d+)_\[([\d,-]+)(%\d+)?\]", jobs)
    if match is None:
        return [jobs]
    ranges = [part.split("-") for part in match[2].split(",")]
    return [f"{match[1]}_{task}" for ends in ranges for task in range(int(ends[0]), int(ends[-1]) + 1)]


def named(names: Iterable[str]) -> dict[str, str]:
    """Ids of the jobs with these names, as far as the queue knows them.

    Raises:
        ClusterError: SLURM does not answer.
    """
    answer = _asked(["squeue", "--noheader", "--states=all", "--me", f"--name={','.join(names)}", "--format=%j|%F"])
    if answer.returncode != 0:
        raise ClusterError(f"SLURM does not answer: {_said(answer.stderr)}; try again.")
    return dict(line.split("|", 1) for line in answer.stdout.splitlines() if "|" in line)


def cancel(jobs: Iterable[str]) -> None:
    """Take jobs off the queue, running ones too; those that it has forgotten, or that have ended, are no mistake.

    Raises:
        ClusterError: SLURM refuses, or does not answer.
    """
    wanted = set(jobs)
    unfinished = _unfinished(wanted)
    if not unfinished:
        return
    answer = _asked(["scancel", *sorted(unfinished)])
    if answer.returncode != 0 and _unfinished(unfinished):  # else they ended in between
        raise ClusterError(f"SLURM does not cancel: {_said(answer.stderr)}.")


def _unfinished(jobs: set[str]) -> set[str]:
    """Those of these jobs of which a task waits or runs."""
    known = queue().items()
    return jobs & {job.partition("_")[0] for job, entry in known if (entry.waits or entry.works) and not entry.ends}


def requeue() -> bool:
    """Put the job that this process is back in the queue; whether SLURM does it."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    job = os.environ["SLURM_JOB_ID"] if array is None else f"{array}_{task}"
    return _asked(["scontrol", "requeue", job]).returncode == 0


def preempted() -> bool:
    """Whether the job that this process is has just lost its node to a more urgent one.

    SLURM sends SIGTERM then, as to a job that is cancelled, and puts back only what still runs when the partition's
    grace is over; so a job that ends before has to put itself back.
    """
    if "SLURM_JOB_ID" not in os.environ:
        return False
    shown = dict(re.findall(r"(\w+)=(\S+)", _asked(["scontrol", "show", "job", os.environ["SLURM_JOB_ID"]]).stdout))
    since, began = shown.get("PreemptTime", "None"), shown.get("StartTime", "")
    return shown.get("JobState") == "RUNNING" and since != "None" and since >= began  # not of an earlier attempt


def restarts() -> int:
    """How often the job that this process is has been put back in the queue."""
    return int(os.environ.get("SLURM_RESTART_COUNT", "0"))


def _options(resources: Resources) -> dict[str, object]:
    """The options of sbatch; everything but the array, the name, the logs and the shell lines."""
    memory = None if resources.mem_gb is None else f"{round(resources.mem_gb * 1024)}M"
    options = {
        "partition": resources.partition,
        "account": resources.account,
        "qos": resources.qos,
        "constraint": resources.constraint,
        "time": resources.timeout_min,
        "cpus-per-task": resources.cpus_per_task,
        "mem": memory,
        "gpus-per-node": resources.gpus_per_node,
        "signal": f"{WARNING.name.removeprefix('SIG')}@{resources.signal_delay_s}",
        "requeue": True,  # a node that is lost, or taken by a more urgent job
        "open-mode": "append",
        **resources.extra,
    }
    return {key: value for key, value in options.items() if value is not None}


def _set_up(resources: Resources) -> list[str]:
    """Shell lines before the run; threads as many as cores, also where the cluster does not bind jobs to theirs."""
    lines, cores = list(resources.setup or []), resources.cpus_per_task
    lines.append(f'export OMP_NUM_THREADS="${{OMP_NUM_THREADS:-{cores}}}" PJRT_NPROC="${{PJRT_NPROC:-{cores}}}"')
    if resources.memory_fraction is not None:
        lines.append(f"export XLA_PYTHON_CLIENT_MEM_FRACTION={resources.memory_fraction}")
    if resources.deterministic:
        lines.append('export XLA_FLAGS="${XLA_FLAGS:-} --xla_gpu_deterministic_ops=true"')
    return lines


def _asked(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """The answer of one of SLURM's commands; no answer within a minute counts as a refusal."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except FileNotFoundError as error:
        raise ClusterError(f"SLURM's `{command[0]}` is not on this machine; log in to the cluster.") from error
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"{command[0]}: no answer within {_PATIENCE:.0f} s")


@contextmanager
def _signals_held() -> Iterator[None]:
    """Signals that end a process, held back from it and from what it starts."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _entries(text: str) -> Iterator[tuple[str, QueuedJob]]:
    for line in text.splitlines():
        job, state, reason, node = (line.split("|") + ["", "", ""])[:4]
        yield job, QueuedJob(state, "" if reason in ("None", "(null)") else reason, node)


def _said(text: str) -> str:
    """The answer of SLURM in one line, without the names of its programs before it."""
    lines = [re.sub(r"^\w+: (error|fatal): ", "", line.strip()) for line in text.splitlines() if line.strip()]
    return "; ".join(dict.fromkeys(lines)).rstrip(".") or "no reason given"
