"""Several processes compute one Gram matrix together: same bytes, nothing twice, and no harm if one is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from eqntk_cli.kernels.gram.matrix import Engine, Kept, gram, gram_file
from eqntk_cli.kernels.gram.store import TileStore
from tests.kernels.gram.toy_kernel import ToyKernel, samples

ROOT = Path(__file__).parents[3]
COUNT, TILES = 40, 36  # samples, and tiles of five of them on and above the diagonal
MEMORY = 48 * 40
SETTINGS = {"kernel": "toy"}
OTHER_PROCESS = """
import sys
import jax
jax.config.update("jax_enable_x64", True)
from pathlib import Path
from tests.kernels.gram.test_shared_tiles import COUNT, MEMORY, SETTINGS
from tests.kernels.gram.toy_kernel import ToyKernel, samples
from eqntk_cli.kernels.gram.matrix import Engine, gram_file
from eqntk_cli.kernels.gram.store import TileStore

written, write = [], TileStore.write

def counted(store, tile, block):
    if len(written) == 3:  # this tile is claimed and not there
        print("ready", flush=True)
        sys.stdin.readline()
    write(store, tile, block)
    written.append(tile)

TileStore.write = counted
gram_file(ToyKernel(), samples(COUNT), None, Path(sys.argv[1]), SETTINGS, engine=Engine(memory=MEMORY))
print(len(written))
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    path = tmp_path_factory.mktemp("alone") / "k.npz"
    report = gram_file(ToyKernel(), samples(COUNT), None, path, SETTINGS, engine=Engine(memory=MEMORY))
    assert len(report.grid) == TILES
    return path.read_bytes()


@pytest.fixture
def written(monkeypatch):
    """The tiles that this process writes."""
    tiles, write = [], TileStore.write
    monkeypatch.setattr(TileStore, "write", lambda store, tile, block: (tiles.append(tile), write(store, tile, block)))
    return tiles


@pytest.fixture
def other(tmp_path):
    """Another process, which has written three tiles of tmp_path/k.npz and holds a fourth until it is told."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(tmp_path / "k.npz")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_two_processes_share_the_tiles(tmp_path, other, alone, written):
    calls = []

    def tell(done, total):
        if written and not calls:  # from here on both compute
            calls.append((done, total))
            other.stdin.write("\n")
            other.stdin.flush()

    report = gram_file(
        ToyKernel(), samples(COUNT), None, tmp_path / "k.npz", SETTINGS, engine=Engine(memory=1 << 20, progress=tell)
    )
    assert other.wait(timeout=60) == 0
    by_other = int(other.stdout.read())
    assert by_other >= 4
    assert by_other + len(written) == TILES
    assert len(report.grid) == TILES  # the cut of the process that came first
    assert [path.name for path in tmp_path.iterdir()] == ["k.npz"]
    assert (tmp_path / "k.npz").read_bytes() == alone


def test_the_tile_of_a_killed_process_is_computed_by_the_other(tmp_path, other, alone, written):
    seen = []

    def kill_in_the_end(done, total):
        seen.append((done, total))
        if len(written) == TILES - 4:
            other.send_signal(signal.SIGKILL)

    engine = Engine(memory=MEMORY, progress=kill_in_the_end)
    gram_file(ToyKernel(), samples(COUNT), None, tmp_path / "k.npz", SETTINGS, engine=engine)
    assert other.wait(timeout=60) == -signal.SIGKILL
    assert len(written) == len(set(written)) == TILES - 3
    assert seen[-1] == (COUNT * (COUNT + 1) // 2,) * 2
    assert [path.name for path in tmp_path.iterdir()] == ["k.npz"]
    assert (tmp_path / "k.npz").read_bytes() == alone


def test_the_tiles_of_others_reach_the_memory(tmp_path, written):
    """Another process, here the same one in between, fills the store while this one has begun."""
    kept = Kept(tmp_path / "k", SETTINGS)

    def all_of_it(*_):
        if len(written) == 2:
            gram(ToyKernel(), samples(COUNT), engine=Engine(memory=MEMORY), kept=kept)

    got = gram(ToyKernel(), samples(COUNT), engine=Engine(memory=MEMORY, progress=all_of_it), kept=kept)
    assert len(written) == len(set(written)) == TILES
    want = gram(ToyKernel(), samples(COUNT), engine=Engine(memory=MEMORY))
    np.testing.assert_array_equal(got.nngp, want.nngp)
    np.testing.assert_array_equal(got.ntk, want.ntk)


def test_whoever_comes_too_late_finds_everything_done(tmp_path, alone, written):
    """The other process makes the result and takes the tiles away while this one is at work."""
    path = tmp_path / "k.npz"

    def all_of_it(*_):
        if len(written) == 2:
            gram_file(ToyKernel(), samples(COUNT), None, path, SETTINGS, engine=Engine(memory=MEMORY))

    engine = Engine(memory=MEMORY, progress=all_of_it)
    gram_file(ToyKernel(), samples(COUNT), None, path, SETTINGS, engine=engine)
    assert len(written) == len(set(written)) == TILES
    assert path.read_bytes() == alone
    assert [file.name for file in tmp_path.iterdir()] == ["k.npz"]
