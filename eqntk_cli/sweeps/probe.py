"""What a run takes, measured: some seconds of its own work, in a process of its own that leaves nothing behind."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from eqntk_cli.config.precision import set_precision
from eqntk_cli.config.schema import Config
from eqntk_cli.errors import UserError
from eqntk_cli.runs.cost import Cost

PATIENCE = 60.0  # seconds for a probe, imports and compiling included
_LOOK = 0.2  # seconds between two words to whoever waits


def probe(config: Config, cores: int, waiting: Callable[[], None]) -> Cost | str:
    """Measure a run on so many cores of this machine; `waiting` is called some times a second.

    Returns:
        The cost, or a clause that says why there is none.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    began = time.monotonic()
    process = context.Process(target=_answer, args=(config, cores, began, sender), daemon=True)
    process.start()
    sender.close()
    try:
        while not receiver.poll(_LOOK):
            waiting()
            if time.monotonic() > began + PATIENCE:
                return f"no steady work within {PATIENCE:.0f} s"
        answer: Cost | str = receiver.recv()
        return answer
    except EOFError:
        process.join()
        killed = process.exitcode == -signal.SIGKILL
        return f"the probe ended with status {process.exitcode}" + ("; is there memory enough?" if killed else "")
    finally:
        process.kill()
        process.join()


def cores_here() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _answer(config: Config, cores: int, began: float, answer: Connection) -> None:
    """In the process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever waits
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    set_precision(config.precision)
    from eqntk_cli.runs.measure import measured  # imports jax, which counts the cores

    try:
        answer.send(measured(config, began))
    except UserError as error:
        answer.send(" ".join(str(error).split()).rstrip("."))
