"""What a job of a cluster will take: measured by a probe, told in words, and set beside what it asks for.

A probe is some seconds of a run's own work, in a process of its own that leaves nothing behind.
"""

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from eqntk_cli.config.schema import Config
from eqntk_cli.errors import UserError
from eqntk_cli.files.room import readable
from eqntk_cli.progress import duration
from eqntk_cli.runs.cost import Cost
from eqntk_cli.sweeps.notice import margin

if TYPE_CHECKING:  # the process of a probe need not import it
    from eqntk_cli.sweeps.cluster import Resources

PATIENCE = 60.0  # seconds for a probe, imports and compiling included
_LOOK = 0.2  # seconds between two words to whoever waits
_GIB = 2**30


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


def expected(cost: Cost, members: int) -> str:
    """Time, memory and storage of a job that has so many members to make (or a kernel prediction), in words."""
    word = "about" if cost.whole else "at least"
    device = f" and {readable(cost.device_memory)} on its device" if cost.device_memory else ""
    return (
        f"{word} {duration(cost.seconds(members))}, {word} {readable(cost.memory)} of memory{device}, "
        f"{readable(cost.storage)} on the disk"
    )


def shortfalls(cost: Cost, members: int, resources: "Resources") -> list[str]:
    """Where what a job asks for will not do, and what does; a sentence each."""
    said = []
    if resources.mem_gb is not None and cost.memory > resources.mem_gb * _GIB:
        more = math.ceil(cost.memory / _GIB)
        said.append(f"cluster.mem_gb={resources.mem_gb:g} is too little memory; it takes {more} or more")
    restarts = _restarts(cost, members, resources)
    limit = f"cluster.timeout_min={resources.timeout_min}"
    if restarts is None:
        needed = math.ceil((cost.begin + cost.kept + margin(resources.signal_delay_s)) / 60)
        smaller = ", or lower model.block_size" if cost.block > cost.members else ""
        said.append(f"{limit} ends before the first block of members is kept; it takes {needed} or more{smaller}")
    elif restarts > resources.max_num_timeout:
        said.append(
            f"{limit} is reached about {restarts} times, and the job is put back only "
            f"cluster.max_num_timeout={resources.max_num_timeout} times; raise one of them"
        )
    elif restarts:
        times = "once" if restarts == 1 else f"{restarts} times"
        said.append(f"{limit} is reached about {times}; the job is put back into the queue and goes on")
    return said


def _answer(config: Config, cores: int, began: float, answer: Connection) -> None:
    """In the process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever waits
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    config.set_precision()
    from eqntk_cli.runs.measure import measured  # imports jax, which counts the cores

    try:
        answer.send(measured(config, began))
    except UserError as error:
        answer.send(" ".join(str(error).split()).rstrip("."))


def _restarts(cost: Cost, members: int, resources: "Resources") -> int | None:
    """How often a job reaches its time limit; None if it never keeps anything."""
    limit = 60 * resources.timeout_min
    if cost.seconds(members) <= limit - resources.signal_delay_s:
        return 0
    working = limit - resources.signal_delay_s - cost.begin
    if not cost.program:  # tiles of kernels are small, and kept
        return math.ceil(cost.kernels / max(limit - resources.signal_delay_s - cost.start, 1)) - 1
    blocks = int(max(working, 0) // cost.kept)
    if blocks == 0:  # the grace may do
        blocks = int(working + resources.signal_delay_s - margin(resources.signal_delay_s) >= cost.kept)
    return None if blocks == 0 else math.ceil(math.ceil(members / cost.block) / blocks) - 1
