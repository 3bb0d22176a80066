"""Tiles for which a device has too little memory are computed in parts, and it is said."""

import jax
import numpy as np
import pytest

from eqntk_cli.errors import DeviceMemoryError
from eqntk_cli.kernels.gram import program
from eqntk_cli.kernels.gram.matrix import Engine, Kept, gram, gram_file
from eqntk_cli.kernels.gram.program import TileProgram
from tests.kernels.gram.test_gram_copies import INVERSE, turned
from tests.kernels.gram.toy_kernel import ToyKernel, samples

SETTINGS = {"kernel": "toy"}
ONE_TILE = 1 << 26
EXHAUSTED = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 4096 bytes.")
MOST = 40  # pairs of a tile that the memory of these tests holds


class Late:
    """A promise that fails when it is fetched."""

    def __array__(self, *_, **__):
        raise EXHAUSTED


def at_start(start, runner, pairs):
    if pairs[0][0].shape[0] * pairs[0][1].shape[0] > MOST:
        raise EXHAUSTED
    return start(runner, pairs)


def at_the_fetch(start, runner, pairs):
    large = pairs[0][0].shape[0] * pairs[0][1].shape[0] > MOST
    return (Late(), Late()) if large else start(runner, pairs)


@pytest.fixture(params=[at_start, at_the_fetch, "while compiling"])
def short_of_memory(request, monkeypatch):
    if request.param == "while compiling":
        compiled = program.compile_tiles

        def compile_tiles(kernel, x1, x2, devices=None):
            if x1.shape[0] * x2.shape[0] > MOST:
                raise DeviceMemoryError("one tile does not fit")
            return compiled(kernel, x1, x2, devices)

        monkeypatch.setattr(program, "compile_tiles", compile_tiles)
    else:
        start = TileProgram.start
        monkeypatch.setattr(TileProgram, "start", lambda runner, pairs: request.param(start, runner, pairs))


@pytest.mark.parametrize(
    ("count", "other", "inverse"), [(17, None, None), (7, 23, None), (1, 90, None), (9, 9, INVERSE)]
)
def test_parts_make_the_tile(short_of_memory, monkeypatch, count, other, inverse):
    del short_of_memory
    said = []
    x1 = samples(count)
    x2 = None if other is None else turned(x1) if inverse else samples(other, seed=1)
    got = gram(ToyKernel(), x1, x2, Engine(memory=ONE_TILE, say=said.append), inverse)
    monkeypatch.undo()
    want = gram(ToyKernel(), x1, x2, Engine(memory=ONE_TILE), inverse)
    for values, direct in zip(got, want, strict=True):
        np.testing.assert_allclose(values, direct, rtol=1e-7)  # arccos loses half of the digits on the diagonal
    assert "a device ran out of memory" in said[-1]
    assert "alike to whole ones up to rounding" in said[-1]
    assert len(said) == len(set(said))


@pytest.fixture
def begun(tmp_path):
    """Tiles of a matrix on the disk, most of them lost again, and what the matrix is."""
    kept = Kept(tmp_path / "k.npz.partial", SETTINGS)
    whole = gram(ToyKernel(), samples(40), None, Engine(memory=48 * 100), kept=kept)
    sizes = {file: file.stat().st_size for file in kept.folder.glob("tile-*")}
    for file in sorted(sizes)[2:]:
        file.unlink()
    return kept, sizes, whole


def test_tiles_on_the_disk_keep_their_grid(begun, short_of_memory, tmp_path):
    del short_of_memory
    (kept, sizes, whole), x, said = begun, samples(40), []
    engine = Engine(memory=48 * 100, say=said.append)
    got = gram(ToyKernel(), x, None, engine, kept=kept)
    assert sizes == {file: file.stat().st_size for file in kept.folder.glob("tile-*")}
    np.testing.assert_allclose(got.ntk, whole.ntk, rtol=1e-7)
    report = gram_file(ToyKernel(), x, None, tmp_path / "other.npz", SETTINGS, engine=engine)
    assert report.notes == (said[-1],)


@pytest.mark.parametrize("count", [3, 5, 6])
def test_single_pairs_are_tried_before_giving_up(monkeypatch, count):
    start = TileProgram.start

    def one_pair_at_a_time(runner, pairs):
        if pairs[0][0].shape[0] * pairs[0][1].shape[0] > 1:
            raise EXHAUSTED
        return start(runner, pairs)

    x = samples(count)
    want = gram(ToyKernel(), x, engine=Engine(memory=ONE_TILE))
    monkeypatch.setattr(TileProgram, "start", one_pair_at_a_time)
    got = gram(ToyKernel(), x, engine=Engine(memory=ONE_TILE, say=str))
    np.testing.assert_allclose(got.ntk, want.ntk, rtol=1e-7)


def test_not_even_one_pair(monkeypatch):
    def start(*_):
        raise EXHAUSTED

    monkeypatch.setattr(TileProgram, "start", start)
    with pytest.raises(DeviceMemoryError, match="one pair of samples does not fit"):
        gram(ToyKernel(), samples(3), engine=Engine(say=str))


def test_another_failure_is_none_of_memory(monkeypatch):
    def start(*_):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")

    monkeypatch.setattr(TileProgram, "start", start)
    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        gram(ToyKernel(), samples(3))
