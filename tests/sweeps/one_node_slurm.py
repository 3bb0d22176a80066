"""A real SLURM of one node, for tests: key, ports, state and logs of its own, stopped by process id.

Two partitions: `main`, and `urgent`, whose jobs put those of `main` back in the queue. It needs root and the programs;
on Debian: apt-get install slurmctld slurmd slurm-client munge.
"""

import os
import platform
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")
CONFIG = """\
ClusterName=eqntk
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=2
CredType=cred/munge
SlurmctldPort={controller}
SlurmdPort={daemon}
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/daemon
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=100000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=5
MinJobAge=300
ReturnToService=2
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} CoresPerSocket={cores} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=5
PartitionName=urgent Nodes={host} MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


def why_not():
    """Why no SLURM can be brought up here, or None."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed; Debian: apt-get install slurmctld slurmd slurm-client munge"
    return None if os.geteuid() == 0 else "needs root"


class OneNodeSlurm:
    """Up while entered; `config` is the file that SLURM_CONF must name."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = folder / "slurm.conf"
        self.cores = max(4, os.cpu_count())  # that SLURM may give away; more than there are share what there is

    def __enter__(self):
        for name in ("controller", "daemon", "munge"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        (self.folder / "munge").chmod(0o711)
        key = self.folder / "munge" / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        host = platform.node().partition(".")[0]
        kibibytes = int(Path("/proc/meminfo").read_text().split()[1])
        controller, daemon = free_ports(2)
        text = CONFIG.format(
            host=host,
            folder=self.folder,
            controller=controller,
            daemon=daemon,
            cores=self.cores,
            memory=kibibytes // 1024 - 1024,
        )
        self.config.write_text(text)
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        munge = self.folder / "munge"
        self._run(
            "munged", "--force", f"--key-file={key}", f"--socket={munge}/socket", f"--log-file={munge}/munged.log"
        )
        self._run("slurmctld", "-i")
        self._run("slurmd", "-N", host)
        self._wait_for_node()
        return self

    def __exit__(self, *_):
        self._clear()
        for name in ("slurmd", "slurmctld", "munged"):
            pid = self._pid(name)
            if pid is None:
                continue
            os.kill(pid, 15)
            for _attempt in range(100):
                if gone(pid):
                    break
                time.sleep(0.1)

    def state(self, job):
        """What the controller says of a job."""
        shown = self._asked("scontrol", "show", "job", job).stdout
        return dict(word.split("=", 1) for word in shown.split() if "=" in word)

    def tell(self, *words):
        """Run one of SLURM's commands, which must not fail."""
        self._run(*words)

    def wait(self, job, *states, seconds=60):
        """Wait until a job is in one of these states."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.state(job).get("JobState") in states:
                return
            time.sleep(0.2)
        raise AssertionError(f"job {job} is not {states} after {seconds} s: {self.state(job)}")

    def _clear(self):
        """End the jobs that a test has left, which would outlive the daemons."""
        end = time.monotonic() + 20
        self._asked("scancel", "--me")
        while self._asked("squeue", "--noheader", "--me").stdout.strip() and time.monotonic() < end:
            time.sleep(0.2)

    def _run(self, program, *words):
        pid = [f"--pid-file={self.folder}/munged.pid", f"--seed-file={self.folder}/munge/seed"]
        answer = self._asked(program, *words, *(pid if program == "munged" else []))
        assert answer.returncode == 0, (program, answer.stdout, answer.stderr)

    def _asked(self, *words):
        environment = {**os.environ, "SLURM_CONF": str(self.config)}
        return subprocess.run(words, capture_output=True, text=True, check=False, env=environment, timeout=60)

    def _pid(self, name):
        file = self.folder / f"{name}.pid"
        return int(file.read_text()) if file.exists() and file.read_text().strip() else None

    def _wait_for_node(self):
        for _attempt in range(200):
            if self._asked("sinfo", "-h", "-o", "%T").stdout.split()[:1] == ["idle"]:
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "slurmctld.log").read_text()[-2000:])


def gone(pid):
    """Whether a process has ended; one that nobody has asked for its status counts."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def free_ports(number):
    """Ports that nobody listens at."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()
