"""`eqntk sweep --dry-run`: what would be run or submitted, and for a cluster what each job takes, by short probes."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import typer

from eqntk_cli.cli.sweep_cluster import arrays
from eqntk_cli.progress import Bar, duration

if TYPE_CHECKING:
    from eqntk_cli.config.schema import Config
    from eqntk_cli.runs.cost import Cost
    from eqntk_cli.sweeps.cluster import Resources
    from eqntk_cli.sweeps.expand import Job
    from eqntk_cli.sweeps.manifest import Manifest
    from eqntk_cli.sweeps.submit import Batch

    Costs = Mapping[str, Cost | str]  # by the folder of a run; a str says why there is none


def dry_run(
    manifest: "Manifest", runs: Sequence[tuple["Job", "Config"]], measure: bool, made: Mapping[str, int]
) -> None:
    """List the runs; for a cluster the arrays that they become, with time, memory and storage of each if `measure`.

    `made` has the members that are there already, by the folders of the runs.

    Raises:
        ConfigError: no such cluster, or a setting of it that is not possible.
    """
    if manifest.launcher != "slurm":
        for job, _ in runs:
            typer.echo(_line(job))
        typer.echo(f"{len(runs)} runs, all settings legal; nothing was run")
        return
    parts = arrays(manifest, runs)
    costs = _measured(parts) if measure else {}
    for line in listed(parts, costs, made):
        typer.echo(line)
    typer.echo(f"{len(runs)} runs, all settings legal; nothing was submitted")


def listed(parts: Sequence["Batch"], costs: "Costs", made: Mapping[str, int]) -> list[str]:
    """What would be submitted, and what it takes, in lines."""
    from eqntk_cli.sweeps.cluster import described

    lines = []
    for part in parts:
        size = len(part.tasks)
        lines.append(f"{size} {'job' if size == 1 else 'jobs'} ({part.kind}): {' '.join(described(part.resources))}")
        for job, config in part.runs:
            tasks = config.model.shards
            lines.append(f"  {_line(job, tasks)}")
            cost, missing = costs.get(job.folder), config.model.members - made.get(job.folder, 0)
            lines += [f"    {said}" for said in _taken(cost, missing, tasks, part.resources)]
    return lines + (_summed(parts, costs, made) if costs else [])


def _line(job: "Job", tasks: int = 1) -> str:
    return f"{job.folder}{f' ({tasks} tasks)' if tasks > 1 else ''}: {' '.join(job.overrides)}"


def _measured(parts: Sequence["Batch"]) -> "dict[str, Cost | str]":
    """The cost of every run; those that take the same are measured once."""
    from eqntk_cli.runs.cost import same_cost
    from eqntk_cli.sweeps.estimate import probe

    alike: dict[tuple[str, int], tuple[Config, list[str]]] = {}
    for part in parts:
        for job, config in part.runs:
            config = same_cost(config)
            alike.setdefault((repr(config), part.resources.cpus_per_task), (config, []))[1].append(job.folder)
    costs: dict[str, Cost | str] = {}
    with Bar("measuring") as bar:
        for number, ((_, cores), (config, folders)) in enumerate(alike.items()):
            tell = partial(bar, number, len(alike), f"a short probe of {folders[0]}, {number + 1} of {len(alike)}")
            tell()
            costs |= dict.fromkeys(folders, probe(config, cores, tell))
    return costs


def _taken(cost: "Cost | str | None", missing: int, tasks: int, resources: "Resources") -> list[str]:
    """Lines on a run: what each of its tasks takes, and where what it asks for will not do."""
    from eqntk_cli.sweeps.estimate import expected, shortfalls

    if cost is None:
        return []
    if isinstance(cost, str):
        return [f"not measured: {cost}"]
    per_task = "" if tasks == 1 else "each task "
    cost, members = cost.shared(tasks), cost.of_a_task(missing, tasks)
    notes = shortfalls(cost, members, resources)
    if cost.program and cost.blocks(missing) < tasks:
        size = max(cost.block, cost.members)
        notes.append(f"members are trained {size} at a time; more than {cost.blocks(missing)} tasks would only wait")
    return [per_task + expected(cost, members), *(f"note: {said}" for said in notes)]


def _summed(parts: Sequence["Batch"], costs: "Costs", made: Mapping[str, int]) -> list[str]:
    """Lines on all jobs together, and on what they were measured on."""
    from eqntk_cli.files.room import readable
    from eqntk_cli.runs.cost import Cost

    seconds = storage = 0.0
    devices, whole = set(), True
    for part in parts:
        for job, config in part.runs:
            cost = costs[job.folder]
            if isinstance(cost, Cost):
                missing, tasks = config.model.members - made.get(job.folder, 0), config.model.shards
                seconds += tasks * cost.shared(tasks).seconds(cost.of_a_task(missing, tasks))
                storage += cost.storage
                devices.add(_measured_on(cost, part.resources))
            whole = whole and isinstance(cost, Cost) and cost.whole
    if not devices:
        return []
    word = "about" if whole else "at least"
    return [
        f"all together: {word} {duration(seconds)} of jobs, {word} {readable(storage)} on the disk",
        f"measured by short probes on {', '.join(sorted(devices))} of this machine; a node may be faster or slower",
    ]


def _measured_on(cost: "Cost", resources: "Resources") -> str:
    """The device, and what of the cluster's it lacks."""
    from eqntk_cli.sweeps.estimate import cores_here

    if not cost.device.startswith("cpu"):
        return cost.device.partition(" ")[2]
    asked, here = resources.cpus_per_task, cores_here()
    cores = f"{asked} cores" if asked <= here else f"{here} cores ({asked} are asked for)"
    return f"{cores}, without the GPU that is asked for," if resources.gpus_per_node else cores
