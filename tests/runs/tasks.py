"""Tasks on one run folder, each a process of its own: forked from one that has imported everything, to be cheap.

The program reads orders from its standard input, one line of json each, and answers with a line: `start` forks a task
and says its process id, `wait` says how it ended, `ended` whether it has.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

PROGRAM = Path(__file__)
COMPUTED = "computed"  # beside the run folder: a line "process block" for every block that is begun


class Tasks:
    """The program, from the side of the tests."""

    def __init__(self) -> None:
        root = str(PROGRAM.parents[2])
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([root, str(PROGRAM.parent)])}
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._open: set[int] = set()

    def start(self, folder: Path, **order) -> int:
        """A task on the run in `folder`; see `_task` for what it may be told."""
        process = self._asked({"start": str(folder), **order})
        self._open.add(process)
        return process

    def wait(self, process: int) -> int:
        """Its exit status; minus the number of the signal that ended it."""
        status = self._asked({"wait": process})
        self._open.discard(process)
        return status

    def kill(self, process: int, number: int = signal.SIGKILL) -> int:
        os.kill(process, number)
        return self.wait(process)

    def ended(self, process: int) -> bool:
        """Whether it has ended, without waiting; its status can still be asked for."""
        return self._asked({"ended": process})

    def close(self) -> None:
        for process in list(self._open):
            self.kill(process)
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _asked(self, order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def computed(folder: Path) -> list[tuple[int, int]]:
    """Process and number of every block that was begun in this run folder."""
    lines = (folder.parent / COMPUTED).read_text().splitlines()
    return [tuple(map(int, line.split())) for line in lines]


def _task(start: str, shards: int = 2, pause: float = 0.0, seed: int = 5, die: str | None = None, **how) -> int:
    """Run in the folder `start`, `pause` seconds per block; with `die` it kills itself there (see `_ended_at`)."""
    from fake_runs import FakeEnsemble, config, load

    from eqntk_cli.errors import UserError
    from eqntk_cli.runs.execute import execute

    folder = Path(start)
    log = os.open(folder.parent / COMPUTED, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def begun(number):
        os.write(log, f"{os.getpid()} {number}\n".encode())
        end = time.monotonic() + 30
        while len({process for process, _ in computed(folder)}) < how.get("meet", 1) and time.monotonic() < end:
            time.sleep(0.01)  # until so many tasks have begun a block
        time.sleep(pause)
        if die == "block":
            os.kill(os.getpid(), signal.SIGKILL)

    def build(*given):
        return FakeEnsemble(*given, hook=begun, growth=how.get("growth", 1.0))

    if die is not None:
        _ended_at(die)
    settings = config(seed=seed)
    settings = replace(settings, model=replace(settings.model, shards=shards, members=how.get("members", 7)))
    if how.get("mirrored"):
        settings = replace(settings, tracking=_written_down(folder.parent / f"mirror-{os.getpid()}"))
    os.dup2(os.open(folder.parent / f"said-{os.getpid()}", os.O_CREAT | os.O_WRONLY), 2)
    try:
        execute(settings, folder, load, build)
    except UserError as error:
        sys.stderr.write(str(error))
        sys.stderr.flush()
        return error.exit_code
    return 0


def _written_down(mirror: Path):
    """Settings with which a run is mirrored into a file: a line of json for everything that wandb is told."""
    from fake_wandb import FakeRun, stand_in

    from eqntk_cli.config.schema import TrackingConfig
    from eqntk_cli.files.atomic import write_text

    class WrittenRun(FakeRun):
        def _call(self):
            write_text(mirror, json.dumps([self.rows, len(self.kept), self.finished]))

        def log(self, row):
            self.rows.append(row)
            self._call()

        def log_artifact(self, kept):
            self.kept.append(kept)
            self._call()

        def finish(self, exit_code):
            self.finished.append(exit_code)
            self._call()

    sys.modules["wandb"] = stand_in([WrittenRun()])
    return TrackingConfig(mode="offline")


def _ended_at(place: str) -> None:
    """Make this process kill itself in front of one step of a shared run, or behind the entry of a block."""
    from eqntk_cli.runs import access, ensemble, execute, session

    steps = {
        "settings": (execute, "write_config"),
        "record": (execute, "write_record"),
        "store": (ensemble.EnsembleStore, "create"),
        "chunk": (ensemble.EnsembleStore, "write_block"),
        "entry": (access, "write_entry"),
        "metrics": (ensemble, "write_metrics"),
        "files": (session, "file_fingerprints"),
        "removal": (execute, "discard_entries"),
    }
    write_entry = access.write_entry

    def die(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    def enter_and_die(*given):
        write_entry(*given)
        die()

    if place in steps:
        setattr(*steps[place], die)
    if place == "entered":
        access.write_entry = enter_and_die


def _serve() -> None:
    from fake_runs import config
    from omegaconf import OmegaConf

    from eqntk_cli.models import registry  # noqa: F401 - imported before the first fork, as is all that follows from it

    OmegaConf.structured(config())

    ended: dict[int, int] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if "start" in order:
            process = os.fork()
            if process == 0:
                status = 70
                try:
                    status = _task(**order)
                except SystemExit as end:
                    status = end.code
                finally:
                    os._exit(status)
            answer = process
        elif "ended" in order:
            process = order["ended"]
            reaped, status = os.waitpid(process, os.WNOHANG)
            if reaped:
                ended[process] = os.waitstatus_to_exitcode(status)
            answer = process in ended
        else:
            process = order["wait"]
            if process not in ended:
                ended[process] = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            answer = ended.pop(process)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
