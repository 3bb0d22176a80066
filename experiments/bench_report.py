"""Time and peak memory of the report on large stores of invented predictions.

    python experiments/bench_report.py [--members 1000] [--samples 1000] [--outputs 9] [--steps 30] [--folder DIR]

Writes two ensembles and an infinite one (about 2.5 GB at the defaults), then analyses them in a fresh process and
prints seconds (of the clock, and of the processor, which a busy machine does not lengthen as much) and the peak of
resident memory, which the analysis alone has used.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from eqntk_cli.report.analysis import analyse
from eqntk_cli.runs.record import Block, Record, write_record
from eqntk_cli.runs.store import EnsembleStore, Points, write_kernel_predictions

_DIRECTIONS = 20


def main() -> None:
    """Make the runs, measure, clean up."""
    options = _options()
    if options.measure is not None:
        _measure(options.measure)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        _make(Path(folder), options)
        subprocess.run([sys.executable, __file__, "--measure", folder], check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("members", 1000), ("samples", 1000), ("outputs", 9), ("steps", 30), ("elements", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--block", type=int, default=50, help="members per chunk")
    parser.add_argument("--folder", default=None, help="where the runs are written; removed afterwards")
    parser.add_argument("--measure", default=None, help="analyse the runs in this folder (used by the script itself)")
    return parser.parse_args()


def _measure(folder: str) -> None:
    before = time.perf_counter(), time.process_time()
    report = analyse([folder])
    summary = {
        "seconds": round(time.perf_counter() - before[0], 1),
        "processor_seconds": round(time.process_time() - before[1], 1),
        "peak_GiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "line": report.first_line,
    }
    print(json.dumps(summary))  # noqa: T201


def _make(root: Path, options: argparse.Namespace) -> None:
    steps = (0, *np.unique(np.geomspace(1, 10_000, options.steps - 1).round().astype(int)).tolist())
    steps = (*steps, *range(steps[-1] + 1, steps[-1] + 1 + options.steps - len(steps)))
    generator = np.random.default_rng(0)
    label = generator.integers(options.outputs, size=(options.samples, 1))
    target = np.eye(options.outputs)[label[:, 0]] - 1 / options.outputs
    points = Points(steps, ("test",) * options.samples, tuple(map(str, range(options.outputs))), target, label)
    loadings = generator.normal(size=(_DIRECTIONS, options.samples)) / np.sqrt(_DIRECTIONS)
    for model, elements in (("gcnn_ensemble", 1), ("augmented_ensemble", options.elements)):
        names = tuple(["e", *(f"g{number}" for number in range(1, elements))])
        folder = root / model
        folder.mkdir()
        store = EnsembleStore.create(folder, points, names, options.members, options.block, "float32")
        blocks = []
        for start in range(0, options.members, options.block):
            stop = min(start + options.block, options.members)
            latent = generator.normal(size=(stop - start, 1, elements, _DIRECTIONS, options.outputs))
            noise = np.einsum("mtgko,ks->mtgso", latent, loadings).astype(np.float32)
            values = (
                target.astype(np.float32)
                + np.linspace(0.9, 1, len(steps), dtype=np.float32)[None, :, None, None, None] * noise
            )
            blocks.append(Block(start, stop, store.write_block(start, values), 1.0))
        record = _record(model, options, steps)
        write_record(folder, record.with_blocks(blocks))
    covariance = np.broadcast_to(loadings.T @ loadings, (2, len(steps), options.samples, options.samples))
    (root / "ntk").mkdir()
    mean = np.broadcast_to(target, (2, len(steps), *target.shape))
    write_kernel_predictions(root / "ntk", points, ("group", "plain"), mean, covariance.astype(np.float32))
    write_record(root / "ntk", _record("ntk", options, steps))


def _record(model: str, options: argparse.Namespace, steps: tuple[int, ...]) -> Record:
    ensemble = model != "ntk"
    layout = [[s, min(s + options.block, options.members)] for s in range(0, options.members, options.block)]
    return Record(
        run_id=model,
        state="done",
        role="subject",
        control=None,
        coupling="independent",
        model=model,
        augmentation="orbit" if model == "augmented_ensemble" else None,
        group="c4",
        dataset="invented",
        architecture={"name": "mlp"},
        training={"loss": "mse"},
        seed=0,
        precision="float32",
        started="2026-01-01T00:00:00+00:00",
        width=256 if ensemble else None,
        members=options.members if ensemble else None,
        blocks=layout if ensemble else [],
        fingerprint={"train": "a", "test": "b", "ood": "c", "all": "d"},
        task="multi-class",
        step_size=0.1,
        record_steps=list(steps),
    )


if __name__ == "__main__":
    main()
