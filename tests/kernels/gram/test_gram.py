"""Gram matrices by tiles equal the kernel of all samples at once, however they are cut and interrupted."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from eqntk_cli.errors import DataError, DiskError, NumericalError, StorageError
from eqntk_cli.kernels.gram.matrix import Engine, Kept, gram, gram_file
from eqntk_cli.kernels.gram.store import ForeignTilesError
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel
from tests.kernels.gram.toy_kernel import ToyKernel, samples

ROOT = Path(__file__).parents[3]
SETTINGS = {"kernel": "toy"}
ROUNDING = 20 * np.finfo(np.float64).eps  # of entries of size 1; sums over nine features in another order


CUTS = [(counts, memory) for counts in [(13, None), (13, 7), (1, 30), (30, 1)] for memory in (1, 50 * 48, 1 << 26)]


@pytest.mark.parametrize(("counts", "memory"), [*CUTS, ((40, None), 50 * 48), ((40, None), 1 << 26)])
def test_any_tiles_give_the_block_of_all_samples(counts, memory):
    x1 = samples(counts[0])
    x2 = None if counts[1] is None else samples(counts[1], seed=1)
    got = gram(ToyKernel(), x1, x2, Engine(memory=memory))
    want = ToyKernel().block(x1, x1 if x2 is None else x2)
    for values, direct in zip(got, want, strict=True):
        # arccos loses half of the digits where the cosine is 1, on the diagonal
        off = ~np.eye(counts[0], dtype=bool) if x2 is None else np.ones(values.shape, bool)
        np.testing.assert_allclose(values[off], np.asarray(direct)[off], rtol=ROUNDING, atol=ROUNDING)
        np.testing.assert_allclose(values, direct, rtol=1e-7)
        if x2 is None:
            np.testing.assert_array_equal(values, values.T)


def test_the_order_of_rows_and_columns_is_kept():
    class First(PairKernel):
        """Not symmetric: tells which sample stood where."""

        def block(self, x1, x2):
            return KernelBlock(x1[:, None] + 100 * x2[None], x1[:, None] - x2[None])

        def bytes_per_pair(self, *_):
            return 8

    x1, x2 = np.arange(11.0), np.arange(23.0)
    got = gram(First(), x1, x2, Engine(memory=1600))
    np.testing.assert_array_equal(got.nngp, x1[:, None] + 100 * x2)
    np.testing.assert_array_equal(got.ntk, x1[:, None] - x2)


def test_precision_and_type_on_disk(tmp_path):
    x = samples(20)
    single = gram(ToyKernel(), x, engine=Engine(precision="float32"))
    double = gram(ToyKernel(), x, engine=Engine(precision="float64"))
    error = np.max(np.abs(single.ntk - double.ntk)) / np.max(double.ntk)
    assert 1e-9 < error < 1e-3
    gram_file(ToyKernel(), x, None, tmp_path / "k.npz", SETTINGS, np.float32)
    with np.load(tmp_path / "k.npz") as stored:
        assert {name: stored[name].dtype for name in stored} == {"nngp": np.float32, "ntk": np.float32}
        np.testing.assert_array_equal(stored["ntk"], double.ntk.astype(np.float32))


@pytest.mark.parametrize("counts", [(45, None), (45, 17)])
@pytest.mark.parametrize("memory", [48 * 30, 1 << 26])
def test_the_file_holds_the_same_as_memory(tmp_path, counts, memory):
    x1, x2 = samples(45), None if counts[1] is None else samples(counts[1], seed=1)
    seen = []
    engine = Engine(memory=memory, progress=lambda done, total: seen.append((done, total)))
    report = gram_file(ToyKernel(), x1, x2, tmp_path / "k.npz", SETTINGS, engine=engine)
    want = gram(ToyKernel(), x1, x2, Engine(memory=memory))
    with np.load(tmp_path / "k.npz") as stored:
        np.testing.assert_array_equal(stored["nngp"], want.nngp)
        np.testing.assert_array_equal(stored["ntk"], want.ntk)
    assert report.pairs == (45 * 46 // 2 if x2 is None else 45 * 17)
    assert seen[0] == (0, report.pairs)
    assert seen[-1] == (report.pairs, report.pairs)
    assert [path.name for path in tmp_path.iterdir()] == ["k.npz"]


def test_a_tile_keeps_to_its_memory_even_if_the_kernel_says_too_little(tmp_path):
    class Greedy(ToyKernel):
        """Holds 500 arrays per pair at once and speaks of a byte."""

        def block(self, x1, x2):
            wide = jnp.sort(jnp.sin(jnp.arange(500.0) * (x1 @ x2.T)[..., None]), axis=-1)
            return KernelBlock(wide[..., 0], wide[..., 1])

        def bytes_per_pair(self, *_):
            return 1

    for count in (64, 200):  # and its peak does not depend on the number of samples
        x = samples(count)
        report = gram_file(Greedy(), x, None, tmp_path / f"{count}.npz", SETTINGS, engine=Engine(memory=1 << 20))
        assert 1 << 18 < report.bytes_per_tile <= 1 << 20


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_results_that_are_not_finite_are_refused(value):
    x1 = samples(30)
    x1[17] = value
    with pytest.raises(NumericalError, match="of samples 17 and 0 is not finite"):
        gram(ToyKernel(), x1, samples(5), Engine(memory=48 * 60))


def test_no_samples_are_refused():
    with pytest.raises(DataError, match="0 x 5 samples"):
        gram(ToyKernel(), samples(0), samples(5))


SLOW_RUN = """
import sys, time
import jax
jax.config.update("jax_enable_x64", True)
from pathlib import Path
from tests.kernels.gram.toy_kernel import ToyKernel, samples
from eqntk_cli.kernels.gram.matrix import Engine, gram_file
slow = lambda done, total: time.sleep(float(sys.argv[2]))
engine = Engine(memory=48 * 30, progress=slow)
gram_file(ToyKernel(), samples(40), None, Path(sys.argv[1]), {"kernel": "toy"}, engine=engine)
"""


def test_killed_and_resumed_is_identical_to_the_last_bit(tmp_path):
    out = tmp_path / "k.npz"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    job = subprocess.Popen([sys.executable, "-c", SLOW_RUN, str(out), "0.05"], env=environment)
    folder = tmp_path / "k.npz.partial"
    deadline = time.monotonic() + 60
    while len(list(folder.glob("tile-*.npy"))) < 5:
        assert job.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    job.send_signal(signal.SIGKILL)
    job.wait()
    written = {path.name: path.stat().st_mtime_ns for path in folder.glob("tile-*.npy")}
    torn = sorted(written)[2]
    (folder / torn).write_bytes((folder / torn).read_bytes()[:-8])  # as after a power failure
    assert not out.exists()

    seen = []
    engine = Engine(memory=1 << 26, progress=lambda done, _: seen.append(done))  # keeps to the old tiles
    report = gram_file(ToyKernel(), samples(40), None, out, SETTINGS, engine=engine)
    assert seen[0] == report.pairs_kept > 0
    assert not folder.exists()
    gram_file(ToyKernel(), samples(40), None, tmp_path / "whole.npz", SETTINGS, engine=Engine(memory=48 * 30))
    assert out.read_bytes() == (tmp_path / "whole.npz").read_bytes()


class Usage(NamedTuple):
    """What a disk says of itself."""

    free: int


def interrupted(folder: Path, after: int = 2) -> None:
    """Leave the tiles of a computation that was stopped."""

    def stop(*_: int) -> None:
        if len(list(folder.glob("*.partial/tile-*"))) >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gram_file(ToyKernel(), samples(40), None, folder / "k.npz", SETTINGS, engine=Engine(48 * 30, progress=stop))


@pytest.mark.parametrize(
    ("x", "settings", "dtype", "foreign"),
    [
        (samples(40, seed=5), SETTINGS, np.float64, "x1 was"),
        (samples(40), {"kernel": "other"}, np.float64, "kernel was toy, is other"),
        (samples(40), SETTINGS, np.float32, "dtype was float64, is float32"),
    ],
)
def test_tiles_of_another_computation_are_refused(tmp_path, x, settings, dtype, foreign):
    interrupted(tmp_path)
    advice = "remove that folder to start anew"
    with pytest.raises(ForeignTilesError, match=rf"k.npz.partial holds tiles of another .*{foreign}.*{advice}"):
        gram_file(ToyKernel(), x, None, tmp_path / "k.npz", settings, dtype)


def test_a_damaged_manifest_is_named(tmp_path):
    interrupted(tmp_path)
    (tmp_path / "k.npz.partial" / "manifest.json").write_text("{")
    with pytest.raises(StorageError, match=r"manifest.json cannot be read.*start anew"):
        gram_file(ToyKernel(), samples(40), None, tmp_path / "k.npz", SETTINGS)


FULL_DISK = """
import resource, sys
import jax
jax.config.update("jax_enable_x64", True)
from pathlib import Path
from tests.kernels.gram.toy_kernel import ToyKernel, samples
from eqntk_cli.errors import StorageError
from eqntk_cli.kernels.gram.matrix import Engine, gram_file
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    gram_file(ToyKernel(), samples(40), None, Path(sys.argv[1]), {"kernel": "toy"}, engine=Engine(memory=48 * 30))
except StorageError as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.parametrize("limit", [700, 4096])  # a tile does not fit; the tiles fit, the result does not
def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path, limit):
    # A limit on the size of files fails a write half-way, as a full disk does.
    out = tmp_path / "k.npz"
    command = [sys.executable, "-c", FULL_DISK, str(out), str(limit)]
    job = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert job.returncode == 2, job.stderr
    assert "is full" in job.stdout
    assert job.stdout.count("\n") == 1
    assert not list(tmp_path.rglob("*.tmp"))
    gram_file(ToyKernel(), samples(40), None, out, SETTINGS)
    with np.load(out) as stored:
        np.testing.assert_array_equal(stored["ntk"], gram(ToyKernel(), samples(40), engine=Engine(48 * 30)).ntk)


def test_too_little_room_is_seen_before_anything_is_computed(tmp_path, monkeypatch):
    matrices, beside = 2 * 40 * 40 * 8, 1 << 16
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(2 * matrices + beside - 1))
    with pytest.raises(DiskError, match=r"^the tiles and the result need 50 KiB .* in single precision, .* half of it"):
        gram_file(ToyKernel(), samples(40), None, tmp_path / "k.npz", SETTINGS)
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(matrices + beside - 1))
    with pytest.raises(DiskError, match=r"^the tiles and the result need 25 KiB .* free; free some space\.$"):
        gram_file(ToyKernel(), samples(40), None, tmp_path / "k.npz", SETTINGS, np.float32)


def test_kept_tiles_need_room_for_themselves_alone(tmp_path, monkeypatch):
    matrices, beside = 2 * 40 * 40 * 8, 1 << 16
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(matrices + beside))
    gram(ToyKernel(), samples(40), kept=Kept(tmp_path / "fits", SETTINGS))
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(matrices + beside - 1))
    with pytest.raises(DiskError, match=r"^the tiles need 25 KiB"):
        gram(ToyKernel(), samples(40), kept=Kept(tmp_path / "too large", SETTINGS))


DEVICES = """
import sys
import jax
jax.config.update("jax_enable_x64", True)
import numpy as np
from tests.kernels.gram.toy_kernel import ToyKernel, samples
from eqntk_cli.kernels.gram.matrix import Engine, gram
assert jax.device_count() == 8
block = gram(ToyKernel(), samples(45), engine=Engine(memory=48 * 100))
cross = gram(ToyKernel(), samples(45), samples(13, seed=1), engine=Engine(memory=48 * 100))
np.savez(sys.argv[1], nngp=block.nngp, ntk=block.ntk, cross=cross.ntk)
"""


def test_eight_devices_give_the_numbers_of_one(tmp_path):
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=8"  # compiled as here
    environment = os.environ | {"PYTHONPATH": str(ROOT), "XLA_FLAGS": flags}
    subprocess.run([sys.executable, "-c", DEVICES, str(tmp_path / "eight.npz")], env=environment, check=True)
    one = gram(ToyKernel(), samples(45), engine=Engine(memory=48 * 100))
    cross = gram(ToyKernel(), samples(45), samples(13, seed=1), Engine(memory=48 * 100))
    with np.load(tmp_path / "eight.npz") as eight:
        np.testing.assert_allclose(eight["nngp"], one.nngp, rtol=ROUNDING, atol=ROUNDING)
        np.testing.assert_allclose(eight["ntk"], one.ntk, rtol=ROUNDING, atol=ROUNDING)
        np.testing.assert_allclose(eight["cross"], cross.ntk, rtol=ROUNDING, atol=ROUNDING)


def test_scikit_learn_takes_the_arrays_as_they_are(tmp_path):
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.svm import SVC

    x, x_test = samples(60), samples(20, seed=1)
    gram_file(ToyKernel(), x, None, tmp_path / "train.npz", SETTINGS)
    gram_file(ToyKernel(), x_test, x, tmp_path / "cross.npz", SETTINGS)
    train, cross = np.load(tmp_path / "train.npz")["ntk"], np.load(tmp_path / "cross.npz")["ntk"]
    truth, truth_test = x[:, 0] > 0, x_test[:, 0] > 0
    assert SVC(kernel="precomputed").fit(train, truth).score(cross, truth_test) > 0.8
    ridge = KernelRidge(kernel="precomputed", alpha=0.1).fit(train, x[:, 1])
    want = cross @ np.linalg.solve(train + 0.1 * np.eye(60), x[:, 1])
    np.testing.assert_allclose(ridge.predict(cross), want, rtol=1e-10)
