"""One job: what Hydra calls with composed settings in this process or another, and what a cluster runs."""

import hashlib
import os
import platform
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from eqntk_cli.config.compose import to_config
from eqntk_cli.config.schema import Config
from eqntk_cli.errors import UserError
from eqntk_cli.runs.interrupts import Interrupts, leave
from eqntk_cli.sweeps import slurm
from eqntk_cli.sweeps.notice import Notice


@dataclass(frozen=True)
class Outcome:
    """Where a job ran, and what the user can mend if it did not end well."""

    folder: str
    error: UserError | None = None


def run_job(composed: DictConfig) -> Outcome:
    """Check the settings and run them in the folder that Hydra has made."""
    from eqntk_cli.architectures.checks import check  # imports jax

    hydra = HydraConfig.get()
    folder = hydra.runtime.output_dir
    try:
        config = to_config(composed)
        check(config)
        with recorded_as(["eqntk", "train", *hydra.overrides.task]):
            execute(config, Path(folder))
    except UserError as error:  # else Hydra would print it with a traceback
        return Outcome(folder, error)
    return Outcome(folder)


@dataclass(frozen=True)
class ClusterJob:
    """One run as a job of a cluster; submitit calls it on the node.

    Before the time limit the cluster sends a warning. The run then stops between two blocks, if it can before the
    limit, and the job goes back into the queue, at most `requeues` times. On SIGTERM it stops at once; a job that makes
    way for a more urgent one goes back into the queue, one that was cancelled does not.
    """

    config: Config
    folder: str
    words: tuple[str, ...]  # the overrides that make this run alone
    compiled: str  # folder that all jobs of the sweep share for compiled programs
    grace: float  # seconds from the warning to the time limit
    requeues: int

    def __call__(self) -> None:
        """Run, and leave with the status of the command line."""
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", f"{self.compiled}/{_kind_of_machine()}")
        folder = Path(self.folder)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # submitit would only log it
        notice = Notice(slurm.WARNING, self.grace, self._put_back)
        try:
            with Interrupts(), notice, recorded_as(["eqntk", "train", *self.words]):
                # imports jax, which reads the folder just named; on a busy node it takes so long that notice may come
                from eqntk_cli.architectures.checks import check

                check(self.config)
                execute(self.config, folder)
        except UserError as error:
            sys.stderr.write("eqntk: " + " ".join(str(error).split()) + "\n")
            leave(error.exit_code)
        except SystemExit as end:
            if notice.given:
                self._put_back()
            elif slurm.preempted():
                slurm.requeue()
            leave(end.code if isinstance(end.code, int) else 1)

    def _put_back(self) -> None:
        restarts = slurm.restarts()
        if restarts >= self.requeues:
            sys.stderr.write(
                f"eqntk: the time limit was reached and the job was put back {restarts} times (max_num_timeout); "
                "give it more time, or go on with eqntk sweep --resume\n"
            )
        elif not slurm.requeue():
            sys.stderr.write("eqntk: the time limit was reached and SLURM does not put the job back in the queue\n")


def execute(config: Config, folder: Path) -> Path:
    """Run in a folder, or go on with what is there."""
    config.set_precision()
    from eqntk_cli.recursion.activations.registry import get_activation  # imports jax, which wants its precision first
    from eqntk_cli.runs.execute import execute as execute_run

    get_activation(config.architecture.activation)  # refuses an unknown name before data are fetched
    return execute_run(config, folder)


def _kind_of_machine() -> str:
    """A name for the processor: a program compiled for one kind may not run on another."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    features = sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})
    return f"{platform.machine()}-{hashlib.sha256(chr(10).join(features).encode()).hexdigest()[:8]}"


@contextmanager
def recorded_as(words: list[str]) -> Iterator[None]:
    """The words that a record gives as its command: those that make this run alone."""
    before, sys.argv = sys.argv, words
    try:
        yield
    finally:
        sys.argv = before
