"""What a job of a cluster will take, set beside what it asks for."""

import math

from eqntk_cli.files.room import readable
from eqntk_cli.progress import duration
from eqntk_cli.runs.cost import Cost
from eqntk_cli.sweeps.cluster import Resources
from eqntk_cli.sweeps.notice import margin

_GIB = 2**30


def expected(cost: Cost, members: int) -> str:
    """Time, memory and storage of a job that has so many members to make (or a kernel prediction), in words."""
    word = "about" if cost.whole else "at least"
    device = f" and {readable(cost.device_memory)} on its device" if cost.device_memory else ""
    return (
        f"{word} {duration(cost.seconds(members))}, {word} {readable(cost.memory)} of memory{device}, "
        f"{readable(cost.storage)} on the disk"
    )


def shortfalls(cost: Cost, members: int, resources: Resources) -> list[str]:
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


def _restarts(cost: Cost, members: int, resources: Resources) -> int | None:
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
