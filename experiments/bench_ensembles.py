"""Training ensembles: one step of one member against a hand-written loop, the processor's ceiling and other code.

Every case is measured in a process of its own, ours and that of `--base` (a checkout of an earlier commit) one after
the other, `--rounds` times. In the same process as ours, in turn with it, are measured the hand-written loop over
members with the library's own convolution, the same under vmap, and the matrix products that set the ceiling. What a
run costs besides its steps (predictions) is taken off: a run of one step is subtracted. Processor time is given beside
wall time, as it says more where other programs run, and makes the share of the ceiling. Medians over rounds.
`products` is the share that the products of our compiled step reach alone, each in a loop of its own.

    python experiments/bench_ensembles.py [--cases cnn:14:64,octahedral:32:64] [--rounds 1] [--base CHECKOUT]

A case is architecture:side:width on BreastMNIST under C4 (cnn with zero padding, mlp), or group:molecules:width on the
small molecules of ASE (spherical_mlp; so3: with filters on all of SO(3)). Rows of cases measured before are kept.
"""

import argparse
import importlib.util
import json
import math
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from checkouts import commit
from hand_written import IMAGES, HandWritten, by_hand
from processor import OPERATIONS_OF_CEILING, Cost, in_turn, large_products, products_alone

from eqntk_cli.config.compose import compose
from eqntk_cli.config.schema import ModelConfig
from eqntk_cli.data.registry import load_data
from eqntk_cli.models.ensemble import FiniteEnsemble
from eqntk_cli.models.registry import build_model

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "experiments" / "results"
MODELS = ("augmented_ensemble", "gcnn_ensemble")
CASES = (
    "cnn:14:16,cnn:14:64,cnn:14:128,cnn:14:256,cnn:28:64,cnn:28:128,cnn:64:32,mlp:28:128,mlp:28:512,"
    "octahedral:32:64,octahedral:32:256,so3:4:16,so3:4:64"
)
MEMBERS = 2
ROUNDS = 5  # within a process
ENOUGH = 1.2e11  # operations of a measured run: about a second
MOST_BY_VMAP = 4e10  # operations of a step beyond which the vmapped loop, the slowest, is left out


def main() -> None:
    """Measure every case and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=CASES, help="kind:size:width, ...")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--rounds", type=int, default=1, help="processes")
    parser.add_argument("--base", type=Path, default=None, help="a checkout of other code")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # one case as JSON, printed as JSON: the inner process
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(**json.loads(arguments.one))))  # noqa: T201
        return
    RESULTS.mkdir(exist_ok=True)
    for case in arguments.cases.split(","):
        kind, size, width = case.split(":")
        for model in arguments.models.split(","):
            if kind == "so3" and model == "augmented_ensemble":
                continue  # a plain network on sampled rotations is that of a finite group
            settings = {"kind": kind, "size": int(size), "width": int(width), "model": model}
            row = settings | {"cpu": cpu(), "commit": commit(ROOT)}
            row |= compared(settings, arguments.rounds, arguments.base)
            print(line(row), flush=True)  # noqa: T201
            write(row)


def cpu() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")


def write(row: dict) -> None:
    """Put the row into the table, in place of an older one of the same case."""
    file = RESULTS / "ensembles_cpu.json"
    rows = json.loads(file.read_text()) if file.exists() else []
    key = ("kind", "size", "width", "model")
    rows = [other for other in rows if any(other[name] != row[name] for name in key)] + [row]
    rows.sort(key=lambda other: [other[name] for name in key])
    file.write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "ensembles_cpu.md").write_text(HEAD + "".join(line(other) + "\n" for other in rows))


HEAD = """# Training ensembles: one step of one member

Medians over rounds; ms of wall time and of processor time (two cores; `load`: of 1 minute, this program included).
`share`: operations of the matrix products per second of processor time over those of a large matrix product measured in
turn with them (`cpu`: in GFLOP/s of a core); `products`: the share that the products of our compiled step reach alone,
each in a loop of its own. Base is the code before training was laid out for the cache; loop one member after another by
hand with lax.conv or dense layers, vmap the same vmapped. The three say how much longer than ours they take, wall time
and processor time (`lost`: lost in the load of the machine).
Made by `python experiments/bench_ensembles.py --base CHECKOUT`; the base is measured after ours, not in turn with it.

| case | ms | processor ms | share | products | system | faults | MiB (base) | base | loop | vmap | load | cpu | code |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
"""


def line(row: dict) -> str:
    """A row of the table; what was not measured is empty."""
    ours, base = row["ours"], row.get("base")
    name = f"{row['kind']} {row['size']} {row['model'].split('_')[0]} {row['width']}"
    peak = f"{ours['peak_mib']:.0f}" + (f" ({base['peak_mib']:.0f})" if base else "")
    alone = f"{row['products']:.2f}" if "products" in row else ""
    ratios = [ratio(row.get(key), ours) for key in ("base", "loop", "vmapped")]
    return (
        f"| {name} | {1e3 * ours['wall']:.1f} | {1e3 * ours['processor']:.1f} | {row['share']:.2f} | {alone} | "
        f"{100 * max(ours['system'], 0) / ours['processor']:.1f} % | {max(ours['faults'], 0):.0f} | {peak} | "
        f"{' | '.join(ratios)} | {row['load']:.1f} | {row['cpu']} ({1e-9 * row['ceiling']:.0f}) | {row['commit']} |"
    )


def ratio(other: dict | None, ours: dict) -> str:
    """How much longer the other takes, in wall and in processor time."""
    if other is None:
        return ""
    return ", ".join(f"{other[key] / ours[key]:.2f}" if other[key] > 0 else "lost" for key in ("wall", "processor"))


def compared(settings: dict, rounds: int, base: Path | None) -> dict:
    """Medians of ours and of the other code, measured in turn."""
    measured: dict[str, list[dict]] = {"ours": [], "base": []}
    here = Path(__file__).parents[1]
    for _ in range(rounds):
        for name, top in (("ours", here), ("base", base)):
            if top is not None:
                given = json.dumps(settings | {"extras": name == "ours"})
                command = [sys.executable, str(Path(__file__).resolve()), "--one", given]
                environment = os.environ | {"PYTHONPATH": str(top.resolve())}
                done = subprocess.run(command, env=environment, cwd=top, stdout=subprocess.PIPE, text=True, check=True)
                measured[name].append(json.loads(done.stdout.splitlines()[-1]))
    row = medians(measured["ours"])
    return row | ({"base": medians(measured["base"])["ours"]} if base is not None else {})


def medians(rows: list[dict]) -> dict[str, Any]:
    """Key by key, down to the numbers."""
    return {
        key: medians([row[key] for row in rows]) if isinstance(value, dict) else statistics.median(r[key] for r in rows)
        for key, value in rows[0].items()
    }


def measure(kind: str, size: int, width: int, model: str, extras: bool) -> dict:
    """One case in this process: seconds per member-step."""
    operations, by_loop = (
        by_hand(kind, size, width, model) if kind in IMAGES else (spherical(kind, size, width, model), None)
    )
    steps = 1 + max(1, min(200, round(ENOUGH / (operations * MEMBERS))))
    long, short = (ensemble(kind, size, width, model, number) for number in (steps, 1))
    works: dict[str, Callable[[], object]] = {"short": partial(run_again, short), "long": partial(run_again, long)}
    for work in works.values():
        work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # before anything else is compiled
    if extras:
        works |= {"ceiling": large_products()} | ({} if by_loop is None else loops(by_loop, operations))
    costs = in_turn(works, ROUNDS)
    share = MEMBERS * (steps - 1)
    per_step = Cost(*((b - a) / share for a, b in zip(costs["short"], costs["long"], strict=True)))
    answer: dict = {"ours": per_step._asdict() | {"peak_mib": peak}, "load": os.getloadavg()[0]}
    if extras:
        speed = OPERATIONS_OF_CEILING / costs["ceiling"].processor
        answer |= {"operations": operations, "ceiling": speed}
        answer["share"] = operations / per_step.processor / speed
        answer["products"] = operations / products_of(long) / speed
    for name in [name for name in ("loop", "vmapped") if name in works]:
        answer[name] = {"wall": costs[name].wall / MEMBERS, "processor": costs[name].processor / MEMBERS}
    return answer


def loops(by_loop: HandWritten, operations: float) -> dict[str, Callable[[], object]]:
    """A step of all members by hand: one after another, and vmapped where that does not take too long."""
    params = by_loop.initial(jax.random.split(jax.random.key(0), MEMBERS))
    members = [jax.tree.map(lambda leaf, m=m: leaf[m], params) for m in range(MEMBERS)]
    works: dict[str, Callable[[], object]] = {"loop": lambda: [by_loop.one(own) for own in members]}
    return works | ({"vmapped": partial(by_loop.every, params)} if operations < MOST_BY_VMAP else {})


def products_of(built: FiniteEnsemble) -> float:
    """Processor seconds of the matrix products of a member-step alone."""
    steps = built.trainer._steps  # noqa: SLF001
    pieces = steps.pieces(0, 1)
    originals, weights = (jnp.asarray(values) for values in (pieces.originals[0], pieces.weights))
    params = built.trainer._initial(jax.random.split(jax.random.key(0), 1), jnp.ones(1))  # noqa: SLF001
    one = jax.tree.map(lambda leaf: leaf[0], params)
    start, piece = jnp.zeros((*steps.train_y.shape[:2], 1)), (originals[0], weights[0])
    add = jax.jit(lambda member, piece: steps._add(member, start, steps.train_x, steps.train_y, None, piece))  # noqa: SLF001
    return len(originals) * products_alone(add.lower(one, piece).compile().as_text())


def run_again(built: FiniteEnsemble) -> None:
    """Train again, whatever is kept of the last time."""
    if hasattr(built, "_kept"):
        built._kept = None  # noqa: SLF001
    built.run_block(0, MEMBERS, lambda _: None)


def ensemble(kind: str, size: int, width: int, model: str, steps: int) -> FiniteEnsemble:
    """The ensemble on BreastMNIST under C4, or on molecules under a group of rotations."""
    settings = [
        "dataset.n_test=1",
        "dataset.n_ood=0",
        f"model={model}",
        f"model.width={width}",
        "training.step_size=1e-6",
    ]
    settings += [f"training.steps={steps}", f"training.record_steps=[0,{steps}]", f"model.members={MEMBERS}"]
    if any(field.name == "antithetic" for field in fields(ModelConfig)):
        settings.append("model.antithetic=false")
    if kind in IMAGES:
        settings += ["dataset=breastmnist", f"dataset.n_train={IMAGES[kind]}", "group=c4", f"architecture={kind}"]
        settings += [f"dataset.image_size={size}"] + ["architecture.padding=same"] * (kind == "cnn")
    else:
        settings += ["dataset=molecules", f"dataset.n_train={size}", f"group={kind}", "architecture=spherical_mlp"]
        settings += ["architecture.band_limited=true"] * (kind == "so3")
    config = compose(settings)
    leave_out_stability_limit()
    built = build_model(config, load_data(config.dataset, config.architecture))
    assert isinstance(built, FiniteEnsemble)
    return built


def leave_out_stability_limit() -> None:
    """Skip the limit that a run states beside a given step size: at 64 pixels its kernel takes longer than all else."""
    for module, owner in (("problem", "Problem"), ("setting", "Setting")):  # the latter in the code before
        name = f"eqntk_cli.models.{module}"
        if importlib.util.find_spec(name) is not None:
            getattr(importlib.import_module(name), owner).limit = math.inf


def spherical(kind: str, molecules: int, width: int, model: str) -> float:
    """Operations of a step: those of all matrix products of the layers, with the products of a gradient."""
    trainer = ensemble(kind, molecules, width, model, 1).trainer
    samples, atoms, coefficients, channels = trainer.train_x.signals.shape
    sites = next(len(layer.rotations) for layer in trainer.network.atom.layers if hasattr(layer, "rotations"))
    pairs = sum((2 * degree + 1) ** 2 for degree in range(math.isqrt(coefficients)))
    lifted = 2 * width * min(sites * coefficients * channels, (sites + channels) * pairs)  # by copies or by degrees
    if kind == "so3":  # analysis and synthesis, whose weights are constants, and a product for every degree
        degrees = range(math.isqrt(coefficients))
        harmonics, mixed = (sum((2 * degree + 1) ** power for degree in degrees) for power in (2, 3))
        hidden = 2 * 2 * harmonics * sites * width + 3 * mixed * width**2
    else:
        hidden = 3 * sites**2 * width**2
    return 2.0 * samples * atoms * (lifted + hidden)


if __name__ == "__main__":
    main()
