"""A kernel prediction is killed, goes on from the tiles that are there, and ends with the same bytes."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from killed_kernel import TILES, kernel_config, load_images, stopped_at

from eqntk_cli.errors import NumericalError, StorageError
from eqntk_cli.kernels.gram.store import TileStore
from eqntk_cli.progress import Bar
from eqntk_cli.runs import provenance, store
from eqntk_cli.runs.contents import KERNELS, SHARED
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.record import read_record

PROGRAM = Path(__file__).with_name("killed_kernel.py")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return execute(kernel_config(), tmp_path_factory.mktemp("whole"), load_images)


@pytest.fixture
def tiles(monkeypatch):
    """The tiles that are written from here on."""
    keeper, write = stopped_at()
    monkeypatch.setattr(TileStore, "write", write)
    return keeper.written


def interrupt(_: str) -> None:
    raise KeyboardInterrupt


def interrupted(folder, monkeypatch, name="train", number=4):
    with monkeypatch.context() as patch:
        patch.setattr(TileStore, "write", stopped_at(name, number, interrupt)[1])
        with pytest.raises(KeyboardInterrupt):
            execute(kernel_config(), folder, load_images)


def assert_same_bytes(folder, whole):
    assert (folder / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
    files = sorted(path.relative_to(whole) for path in (whole / store.STORE).rglob("*") if path.is_file())
    assert len(files) > 10
    assert files == sorted(path.relative_to(folder) for path in (folder / store.STORE).rglob("*") if path.is_file())
    assert all((folder / name).read_bytes() == (whole / name).read_bytes() for name in files)
    records = [read_record(run) for run in (folder, whole)]
    assert records[0].kernel == records[1].kernel
    assert records[0].step_size == records[1].step_size
    assert {record.state for record in records} == {"done"}
    assert not (folder / KERNELS).exists()
    assert not (whole / KERNELS).exists()


@contextmanager
def waiting(folder, name, number, shards=1):
    """A process that stops in front of one tile, which it has claimed."""
    command = [sys.executable, str(PROGRAM), str(folder), name, str(number), str(shards)]
    variables = os.environ | {"PYTHONPATH": str(PROGRAM.parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        yield process
        process.kill()


def test_two_tasks_share_the_tiles_and_one_is_killed(tmp_path, whole, tiles, monkeypatch):
    """The other computes what is free beside it, then its tile, and predicts."""
    compute_those_of_others = TileStore.claim
    with waiting(tmp_path, "train", 4, shards=2) as process:

        def claim(store, tile, wait):
            if wait and process.poll() is None:  # nothing else is left to do
                assert len(tiles) == TILES["train"] - 4 - 1
                process.kill()
                process.wait()
            return compute_those_of_others(store, tile, wait)

        monkeypatch.setattr(TileStore, "claim", claim)
        execute(kernel_config(shards=2), tmp_path, load_images)
        assert process.returncode == -signal.SIGKILL
    assert_same_bytes(tmp_path, whole)
    assert len(tiles) == len(set(tiles)) == sum(TILES.values()) - 4
    assert not (tmp_path / SHARED).exists()


@pytest.mark.parametrize(("name", "number"), [("train", 4), ("rest", 0)])
def test_kill_minus_nine_then_resume(tmp_path, whole, tiles, name, number):
    with waiting(tmp_path, name, number) as process:
        process.kill()
    kept = {(path.parent.name, path.name) for path in (tmp_path / KERNELS).glob("*/tile-*.npy")}
    assert len(kept) == (number if name == "train" else TILES["train"] + TILES["cross"])
    assert read_record(tmp_path).state == "running"
    resume(tmp_path, load_images)
    assert_same_bytes(tmp_path, whole)
    again = {(matrix, f"tile-{tile.row:05d}-{tile.column:05d}.npy") for matrix, tile in tiles}
    assert not again & kept
    assert len(again) == len(tiles) == sum(TILES.values()) - len(kept)


def test_an_interrupted_prediction_says_what_is_kept_and_shows_pairs(tmp_path, whole, monkeypatch, capsys):
    interrupted(tmp_path, monkeypatch)
    record = read_record(tmp_path)
    assert (record.state, record.error) == ("preempted", "interrupted")
    said = f"preempted: the kernels so far are kept in {tmp_path}, and a resume goes on from there"
    assert said in capsys.readouterr().err
    shown = []

    def show(_, done, total, what="", kept=0):
        if "pairs" in what:  # before them it says what else is done
            shown.append((done / total, what, kept))

    monkeypatch.setattr(Bar, "__call__", show)
    resume(tmp_path, load_images)
    assert_same_bytes(tmp_path, whole)
    pairs = 4 * (40 * 41 // 2 + 7 * 40 + 7 * 8 // 2)
    kept = 4 * (10 * 11 // 2 + 3 * 10 * 10)  # the first row of tiles
    begun = pytest.approx(0.9 * kept / pairs)
    assert shown[0] == (begun, f"{kept} of {pairs} pairs", begun)
    assert (pytest.approx(0.9), f"{pairs} of {pairs} pairs", begun) in shown


@pytest.mark.parametrize("kind", [StorageError, NumericalError])
def test_a_resume_is_promised_only_where_it_does_not_fail_again(tmp_path, monkeypatch, capsys, kind):
    def fail(_: str) -> None:
        raise kind("no more")

    monkeypatch.setattr(TileStore, "write", stopped_at("train", 1, fail)[1])
    with pytest.raises(kind, match="no more"):
        execute(kernel_config(), tmp_path, load_images)
    said = f"failed: the kernels so far are kept in {tmp_path}"
    lines = [line for line in capsys.readouterr().err.splitlines() if said in line]
    assert [line.endswith(f"{tmp_path}, and a resume goes on from there") for line in lines] == [kind is StorageError]


def test_tiles_of_another_version_are_refused(tmp_path, monkeypatch):
    interrupted(tmp_path, monkeypatch)
    versions = provenance.versions() | {"jax": "0.0.1"}
    monkeypatch.setattr(provenance, "versions", lambda: versions)
    with pytest.raises(StorageError, match=r"begun with .*jax .*, now 0.0.1; its kernels would not be alike"):
        resume(tmp_path, load_images)


def test_another_commit_is_noted(tmp_path, monkeypatch):
    interrupted(tmp_path, monkeypatch)
    monkeypatch.setattr(provenance, "git_commit", lambda: "abc")
    resume(tmp_path, load_images)
    assert any(note.startswith("the kernels after the first tiles were computed with commit abc") for note in
               read_record(tmp_path).notes)  # fmt: skip


def test_tiles_that_a_kill_left_behind_a_finished_run_are_removed(tmp_path, tiles):
    execute(kernel_config(), tmp_path, load_images)
    (tmp_path / KERNELS / "train").mkdir(parents=True)
    tiles.clear()
    resume(tmp_path, load_images)
    assert tiles == []
    assert not (tmp_path / KERNELS).exists()
