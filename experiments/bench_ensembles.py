"""Training ensembles: one step of one member against a hand-written loop, the processor's ceiling and other code.

Every case is measured in a process of its own, ours and that of `--base` (a checkout of an earlier commit) in turn, so
that both see the same machine; the hand-written loop over members with the library's own convolution, the same under
vmap, and the matrix product that sets the ceiling are measured in the same process as ours. Medians over rounds. What a
run costs besides its steps (compiling, predictions) is taken off: a run of one step is subtracted.

    python experiments/bench_ensembles.py [--cases cnn:14,mlp:28] [--widths 64,128] [--rounds 3] [--base CHECKOUT]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp

from eqntk_cli.config.compose import compose
from eqntk_cli.data.registry import load_data
from eqntk_cli.models.ensemble import FiniteEnsemble
from eqntk_cli.models.registry import build_model

RESULTS = Path(__file__).parent / "results"
MODELS = ("augmented_ensemble", "gcnn_ensemble")
IMAGES = 32
COPIES = 4  # under C4
FILTER = 3
SIDE_OF_CEILING = 1536
Cost = tuple[float, float, float, float]  # wall seconds, processor seconds, system seconds, page faults


def main() -> None:
    """Measure every case and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="cnn:14,cnn:28,mlp:28", help="architecture:side, ...")
    parser.add_argument("--widths", default="64,128")
    parser.add_argument("--members", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base", type=Path, default=None, help="a checkout of other code")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # one case as JSON, printed as JSON: the inner process
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(**json.loads(arguments.one))))  # noqa: T201
        return
    rows = []
    for case in arguments.cases.split(","):
        architecture, side = case.split(":")
        for width in (int(word) for word in arguments.widths.split(",")):
            for model in MODELS:
                settings = {"architecture": architecture, "side": int(side), "width": width, "model": model}
                settings |= {"members": arguments.members, "steps": arguments.steps}
                rows.append(settings | compared(settings, arguments.rounds, arguments.base))
                print(line(rows[-1]), flush=True)  # noqa: T201
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ensembles_cpu.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "ensembles_cpu.md").write_text(HEAD + "".join(line(row) + "\n" for row in rows))


HEAD = """# Training ensembles: one step of one member

Medians; ms of wall time and of processor time; `share`: operations of the matrix products per second over those of a
large matrix product in the same process. Made by `python experiments/bench_ensembles.py --base CHECKOUT`.

| case | ms | processor ms | share | system | faults | peak MiB | loop/ours | vmap/ours | base/ours (wall, cpu) |
|---|---|---|---|---|---|---|---|---|---|
"""


def line(row: dict) -> str:
    """A row of the table; what was not measured is empty."""
    ours, base = row["ours"], row.get("base")
    name = f"{row['architecture']} {row['side']}x{row['side']} {row['model'].split('_')[0]} {row['width']}"
    ratios = [f"{row[key] / ours['wall']:.2f}" if key in row else "" for key in ("loop", "vmapped")]
    against = f"{base['wall'] / ours['wall']:.2f}, {base['processor'] / ours['processor']:.2f}" if base else ""
    return (
        f"| {name} | {1e3 * ours['wall']:.1f} | {1e3 * ours['processor']:.1f} | {row['share']:.2f} | "
        f"{100 * ours['system'] / ours['processor']:.1f} % | {ours['faults']:.0f} | {ours['peak_mib']:.0f} | "
        f"{ratios[0]} | {ratios[1]} | {against} |"
    )


def compared(settings: dict, rounds: int, base: Path | None) -> dict:
    """Medians of ours and of the other code, measured in turn."""
    found: dict[str, list[dict]] = {"ours": [], "base": []}
    here = Path(__file__).parents[1]
    for _ in range(rounds):
        for name, top in (("ours", here), ("base", base)):
            if top is not None:
                given = json.dumps(settings | {"extras": name == "ours"})
                command = [sys.executable, str(Path(__file__).resolve()), "--one", given]
                environment = os.environ | {"PYTHONPATH": str(top.resolve())}
                done = subprocess.run(command, env=environment, cwd=top, capture_output=True, text=True, check=True)
                found[name].append(json.loads(done.stdout.splitlines()[-1]))
    ours = found["ours"]
    middle = {key: statistics.median(row[key] for row in ours) for key in ours[0] if key not in ("ours",)}
    parts = {name: medians([row["ours"] for row in rows]) for name, rows in found.items() if rows}
    return middle | parts


def medians(rows: list[dict]) -> dict[str, float]:
    """Key by key."""
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def measure(architecture: str, side: int, width: int, model: str, members: int, steps: int, extras: bool) -> dict:
    """One case in this process: seconds per member-step."""
    long, short = (ensemble(architecture, side, width, model, members, number) for number in (steps, 1))
    for built in (long, short):
        built.run_block(0, members, ignore)  # compiles
    first, last = (cost(lambda start=start: run_all(long, short, members, start)) for start in (1, 0))
    share = members * (steps - 1)
    wall, processor, system, faults = ((b - a) / share for a, b in zip(first, last, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer: dict = {
        "ours": {"wall": wall, "processor": processor, "system": system, "faults": faults, "peak_mib": peak}
    }
    if not extras:
        return answer
    operations, step = by_hand(architecture, side, width, model)
    answer["share"] = operations / processor / ceiling()
    params = step.initial(jax.random.split(jax.random.key(0), members))
    answer["loop"] = seconds(
        lambda: [step.one(jax.tree.map(lambda leaf, m=m: leaf[m], params)) for m in range(members)]
    )
    answer["vmapped"] = seconds(lambda: step.every(params))
    answer["loop"], answer["vmapped"] = answer["loop"] / members, answer["vmapped"] / members
    return answer


def run_all(long: FiniteEnsemble, short: FiniteEnsemble, members: int, start: int) -> None:
    """Train again, whatever is kept of the last time."""
    built = short if start else long
    if hasattr(built, "_kept"):
        built._kept = None  # noqa: SLF001
    built.run_block(0, members, ignore)


def ensemble(architecture: str, side: int, width: int, model: str, members: int, steps: int) -> FiniteEnsemble:
    """The ensemble on BreastMNIST under C4."""
    settings = ["dataset=breastmnist", f"dataset.n_train={IMAGES}", "dataset.n_test=1", "dataset.n_ood=0", "group=c4"]
    settings += [f"dataset.image_size={side}", f"architecture={architecture}", f"model={model}"]
    settings += [f"model.width={width}", f"model.members={members}", "training.step_size=1e-6"]
    settings += [f"training.steps={steps}", f"training.record_steps=[0,{steps}]"]
    config = compose(settings)
    built = build_model(config, load_data(config.dataset, config.architecture))
    assert isinstance(built, FiniteEnsemble)
    return built


class HandWritten:
    """Gradient steps as a user would write them: one jitted step per call, for one member or vmapped over all."""

    def __init__(self, shapes: list[tuple[int, ...]], apply: Callable, x: jax.Array) -> None:
        self.shapes, self.apply, self.x = shapes, apply, x
        self.one, self.every = jax.jit(self._step), jax.jit(jax.vmap(self._step))

    def initial(self, keys: jax.Array) -> list[jax.Array]:
        """Standard normal weights of every member."""
        return [jax.vmap(lambda key, shape=shape: jax.random.normal(key, shape))(keys) for shape in self.shapes]

    def _step(self, params: list[jax.Array]) -> list[jax.Array]:
        gradient = jax.grad(lambda varied: jnp.square(self.apply(varied, self.x)).mean())(params)
        return [weight - 1e-6 * change for weight, change in zip(params, gradient, strict=True)]


def by_hand(architecture: str, side: int, width: int, model: str) -> tuple[float, HandWritten]:
    """Operations of a step, and the hand-written step; convolutions over K are convolutions of K x channels."""
    group = model == "gcnn_ensemble"
    samples, elements = (IMAGES, COPIES) if group else (IMAGES * COPIES, 1)
    if architecture == "mlp":
        shapes = [(side * side, width * elements), (width * elements, width * elements), (width * elements, 1)]
        products = samples * elements * width * (2 * side**2 + 3 * width * elements)
        return 2.0 * products, HandWritten(shapes, dense, jnp.ones((samples, side * side)))
    one, two = (side - FILTER + 1) ** 2, (side - 2 * (FILTER - 1)) ** 2
    channels = width * elements
    shapes = [(FILTER, FILTER, 1, channels), (FILTER, FILTER, channels, channels), (channels, 1)]
    products = samples * FILTER**2 * channels * (2 * one + 3 * two * channels)
    return 2.0 * products, HandWritten(shapes, convolutional, jnp.ones((samples, side, side, 1)))


def dense(params: list[jax.Array], x: jax.Array) -> jax.Array:
    """Three dense layers."""
    for weight in params[:-1]:
        x = jax.nn.relu(x @ weight / weight.shape[0] ** 0.5)
    return x @ params[-1]


def convolutional(params: list[jax.Array], x: jax.Array) -> jax.Array:
    """Two convolutions, the mean over positions, a dense read-out."""
    for weight in params[:-1]:
        layout = ("NHWC", "HWIO", "NHWC")
        x = jax.lax.conv_general_dilated(x, weight, (1, 1), "VALID", dimension_numbers=layout)
        x = jax.nn.relu(x / (FILTER**2 * weight.shape[2]) ** 0.5)
    return x.mean(axis=(1, 2)) @ params[-1]


def ceiling() -> float:
    """Operations per processor second of a large matrix product."""
    square = jnp.ones((SIDE_OF_CEILING, SIDE_OF_CEILING))
    product = jax.jit(jnp.matmul)
    product(square, square).block_until_ready()
    used = [cost(lambda: product(square, square).block_until_ready())[1] for _ in range(5)]
    return 2 * SIDE_OF_CEILING**3 / statistics.median(used)


def cost(work: Callable[[], object]) -> Cost:
    """What some work takes."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    system = after.ru_stime - before.ru_stime
    return wall, after.ru_utime - before.ru_utime + system, system, float(after.ru_minflt - before.ru_minflt)


def seconds(work: Callable[[], object]) -> float:
    """Median wall time of three calls after one that compiles."""
    jax.block_until_ready(work())
    return statistics.median(cost(lambda: jax.block_until_ready(work()))[0] for _ in range(3))


def ignore(share: float) -> None:
    """No progress bar."""
    del share


if __name__ == "__main__":
    main()
