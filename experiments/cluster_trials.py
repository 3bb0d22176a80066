"""Runs on a cluster under disturbances, and on several devices: what was lost, what differed, how fast it went.

    python experiments/cluster_trials.py kills [--repetitions 100]
    python experiments/cluster_trials.py disturbances [--case members|tiles]
    python experiments/cluster_trials.py devices

`disturbances` brings up a SLURM of one node, for which it needs root and SLURM's programs. Each part replaces its
rows in experiments/results/cluster.json, from which cluster.md is made.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
DEVICES = (1, 2, 4, 8)
_WORDS = ("dataset=digits", "group=c4", "dataset.n_train=32", "dataset.n_test=32", "dataset.n_ood=0")
# name, words, members of one block, or images of one Gram matrix
WORK = (
    ("members mlp", (*_WORDS, "architecture=mlp", "model.width=128", "training.steps=100"), 64),
    ("members cnn", (*_WORDS, "architecture=cnn", "model.width=16", "training.steps=5"), 16),
    ("pairs mlp", (*_WORDS, "architecture=mlp"), 1024),
    ("pairs cnn", (*_WORDS, "architecture=cnn"), 96),
)


def main() -> None:
    """Make one part's rows anew, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["kills", "disturbances", "devices", "one", "table"])
    parser.add_argument("--repetitions", type=int, default=100, help="of kills")
    parser.add_argument("--case", choices=["members", "tiles"], action="append", help="of disturbances")
    parser.add_argument("--repeats", type=int, default=3, help="of every measurement with devices; the median counts")
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "runs")]
    if arguments.part == "one":
        _measure(arguments.repeats, arguments.out)
        return
    if arguments.part == "kills":
        _keep("kills", [kills(arguments.repetitions)])
    elif arguments.part == "disturbances":
        for row in disturbances(arguments.case or ["members", "tiles"]):
            _keep("disturbances", [*_others("disturbances", "case", row["case"]), row])
    elif arguments.part == "devices":
        _keep("devices", devices(arguments.repeats))
    (RESULTS / "cluster.md").write_text(_table(_rows()))


def kills(repetitions: int) -> dict:
    """Two tasks on one run folder, killed at random and started anew until the run is done; once per seed."""
    from fake_runs import MEMBERS, FakeEnsemble, config, load
    from shared_run import assert_same, randomly_killed
    from tasks import Tasks

    from eqntk_cli.runs.execute import execute
    from eqntk_cli.runs.record import read_record

    counts = dict.fromkeys(("kills", "kills after something was written", "lost", "doubled", "byte-equal ends"), 0)
    tasks = Tasks()
    with tempfile.TemporaryDirectory(prefix="eqntk-kills-") as work:
        whole = execute(config(), Path(work) / "whole", load, FakeEnsemble)
        for seed in range(repetitions):
            folder = Path(work) / str(seed) / "run"
            folder.parent.mkdir()
            killed = randomly_killed(tasks, folder, random.Random(seed))
            members = [member for block in read_record(folder).blocks_done for member in range(block.start, block.stop)]
            counts["kills"] += len(killed)
            counts["kills after something was written"] += sum(killed)
            counts["lost"] += len(set(range(MEMBERS)) - set(members))
            counts["doubled"] += len(members) - len(set(members))
            try:
                assert_same(folder, whole)
                counts["byte-equal ends"] += 1
            except AssertionError as error:
                say(f"seed {seed}: {error}")
    tasks.close()
    return {"repetitions": repetitions, **counts, "members": MEMBERS, "on": str(date.today())}


def disturbances(cases: list[str]) -> Iterator[dict]:
    """Shared runs of which three tasks are disturbed; one row each."""
    from dataclasses import asdict

    from tests.sweeps.disturbances import ENSEMBLE, GRAM, disturbed
    from tests.sweeps.one_node_slurm import OneNodeSlurm, why_not

    reason = why_not()
    if reason is not None:
        raise SystemExit(f"no SLURM: {reason}")
    with tempfile.TemporaryDirectory(prefix="eqntk-slurm-") as work, OneNodeSlurm(Path(work) / "slurm") as slurm:
        os.environ["SLURM_CONF"] = str(slurm.config)
        for case in (case for case in (ENSEMBLE, GRAM) if case.unit in cases):
            folder = Path(work) / case.unit
            folder.mkdir()
            row = asdict(disturbed(slurm, case, folder)) | {"unit": case.unit, "on": str(date.today())}
            say(json.dumps(row))
            yield row


def devices(repeats: int) -> list[dict]:
    """The same work on 1, 2, 4, 8 simulated devices, each in a process of its own: rates, and what differs from one."""
    with tempfile.TemporaryDirectory(prefix="eqntk-devices-") as work:
        files = {count: Path(work) / f"{count}.npz" for count in DEVICES}
        for count, file in files.items():
            flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={count}"
            words = [sys.executable, __file__, "one", "--repeats", str(repeats), "--out", str(file)]
            subprocess.run(words, env=os.environ | {"XLA_FLAGS": flags}, check=True, stdout=subprocess.DEVNULL)
            say(f"{count} devices measured")
        return [
            {"work": name, **_compared(name, files[count], files[1]), "load": os.getloadavg()[0]}
            for name, _, _ in WORK
            for count in DEVICES
        ]


def _measure(repeats: int, out: Path) -> None:
    """All kinds of work with the devices of this process; values and rates go to a file."""
    import jax
    import numpy as np

    measured = {"devices": jax.device_count()}
    for name, words, size in WORK:
        measure = _members if name.startswith("members") else _pairs
        measured[f"{name} rates"], measured[name] = measure(words, size, repeats)
    np.savez(out, **measured)


def _members(words: tuple[str, ...], members: int, repeats: int):
    """Members per second of a block of an ensemble, and its predictions; compiling does not count."""
    from eqntk_cli.config.compose import compose
    from eqntk_cli.data.registry import load_data
    from eqntk_cli.models.registry import build_model

    config = compose([*words, "model=gcnn_ensemble", f"model.members={members}", f"model.block_size={members}"])
    model = build_model(config, load_data(config.dataset, config.architecture))
    values, rates = model.run_block(0, members, _ignore), []
    for _ in range(repeats):
        began = time.monotonic()
        model.run_block(0, members, _ignore)
        rates.append(members / (time.monotonic() - began))
    return rates, values


def _pairs(words: tuple[str, ...], images: int, repeats: int):
    """Pairs per second of the Gram matrix of random images with themselves, and its NTK; compiling does not count."""
    import numpy as np

    from eqntk_cli.architectures.registry import pair_kernel
    from eqntk_cli.config.compose import compose
    from eqntk_cli.domains.pixels import PixelGrid
    from eqntk_cli.groups.registry import get_group
    from eqntk_cli.kernels.gram.matrix import gram_file

    config = compose([*words, "model=ntk"])
    kernel = pair_kernel(config.architecture, get_group(config.group), PixelGrid(8, 8, 1))
    x = np.random.default_rng(0).normal(size=(images, 8, 8, 1)).astype(np.float32)
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(repeats):
            path = Path(folder) / f"{number}.npz"
            report = gram_file(kernel, x, None, path, {}, "float32")
            rates.append(report.pairs / report.compute_seconds)
        return rates, np.load(path)["ntk"]


def _compared(name: str, file: Path, one: Path) -> dict:
    import numpy as np

    with np.load(file) as here, np.load(one) as alone:
        off = np.abs(np.float64(here[name]) - alone[name]).max()
        scale = np.sqrt(np.mean(np.square(alone[name], dtype=np.float64)))
        rate = median(here[f"{name} rates"].tolist())
        return {"devices": int(here["devices"]), "per second": rate, "largest difference over RMS": float(off / scale)}


def _ignore(_: float) -> None:
    """No progress is shown."""


def say(line: str) -> None:
    """A line for who waits."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _rows() -> dict[str, list[dict]]:
    file = RESULTS / "cluster.json"
    return json.loads(file.read_text()) if file.exists() else {}


def _others(part: str, key: str, value: str) -> list[dict]:
    return [row for row in _rows().get(part, []) if row[key] != value]


def _keep(part: str, rows: list[dict]) -> None:
    (RESULTS / "cluster.json").write_text(json.dumps({**_rows(), part: rows}, indent=1) + "\n")


def _table(rows: dict[str, list[dict]]) -> str:
    text = "# Runs that tasks share, on a cluster\n\nMade by `python experiments/cluster_trials.py PART`.\n"
    for part, (head, line) in _PARTS.items():
        if rows.get(part):
            text += head + "".join(f"{line(row)}\n" for row in rows[part])
    return text


_DISTURBANCES = """
## Three of four tasks disturbed

One run in four tasks of an array on a SLURM of one node (22.05; one core per task). One task makes way for a job of a
partition that goes before, one is killed (SIGKILL to its process), one is warned 60 s before its time limit; all while
blocks or tiles are theirs. Then every file is compared with what one process makes that was left alone: settings but
for `model.shards` and the name of the sweep, the record but for names and times, metrics, and all of the predictions.
`kept`: members or tiles on the disk when it happened.

| run | kept when preempted | killed | warned | tasks in the end (state, restarts, exit) | files | differing | seconds |
|---|--:|--:|--:|---|--:|--:|--:|
"""


def _disturbed_line(row: dict) -> str:
    kept = " | ".join(str(row["kept"][kind]) for kind in ("preempted", "killed", "out of time"))
    ends = ", ".join(row["ends"])
    return f"| {row['case']} | {kept} | {ends} | {row['files']} | {len(row['differing'])} | {row['seconds']:.0f} |"


_KILLS = """
## Two tasks on one run folder, killed at random

Two processes share a run of seven members in four blocks (numpy in place of training); one of them, drawn at random,
is killed (SIGKILL) after a random time and another one started, up to eight times, until the run is done. `equal`: ends
with the bytes of one process in every file.

| repetitions | kills | after something was written | members lost | members doubled | equal |
|--:|--:|--:|--:|--:|--:|
"""


def _kills_line(row: dict) -> str:
    keys = ("repetitions", "kills", "kills after something was written", "lost", "doubled", "byte-equal ends")
    return "| " + " | ".join(str(row[key]) for key in keys) + " |"


_DEVICES = """
## Simulated devices in one process

A processor of two cores as 1, 2, 4, 8 devices (`--xla_force_host_platform_device_count`), float32, digits under C4,
medians; compiling does not count. What more devices than cores cost can be read here, not what real ones gain.
Difference: the largest of any prediction or NTK entry from that of one device, over the RMS. Load: of all programs,
average of one minute, when the last line was measured. The tests hold eight devices to one in float64: members to 1e-12
+ 1e-9 |f|, tiles to twenty roundings.

| work | devices | per second | largest difference | load |
|---|--:|--:|--:|--:|
"""


def _devices_line(row: dict) -> str:
    off = row["largest difference over RMS"]
    return f"| {row['work']} | {row['devices']} | {row['per second']:.3g} | {off:.1e} | {row['load']:.1f} |"


_PARTS = {
    "disturbances": (_DISTURBANCES, _disturbed_line),
    "kills": (_KILLS, _kills_line),
    "devices": (_DEVICES, _devices_line),
}

if __name__ == "__main__":
    main()
