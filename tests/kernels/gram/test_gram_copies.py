"""Gram matrices with the copies of samples under a group, and those whose tiles are kept and found again."""

import numpy as np
import pytest

from eqntk_cli.errors import StorageError
from eqntk_cli.kernels.gram.matrix import Engine, Kept, gram
from tests.kernels.gram.toy_kernel import ToyKernel, samples

SETTINGS = {"kernel": "toy"}
ROUNDING = 20 * np.finfo(np.float64).eps  # of entries of size 1; sums over nine features in another order
INVERSE = [0, 2, 1]  # of the turns of nine features by 0, 3 and 6 places


def turned(x):
    """All copies of all samples, those of one sample beside each other."""
    return np.stack([np.roll(x, 3 * turn, axis=1) for turn in range(3)], axis=1).reshape(-1, x.shape[1])


@pytest.mark.parametrize(("count", "memory"), [(13, 1), (40, 50 * 48), (40, 1 << 26)])
def test_copies_need_only_the_pairs_above_the_diagonal(count, memory):
    seen = []
    engine = Engine(memory=memory, progress=lambda done, total: seen.append((done, total)))
    got = gram(ToyKernel(), samples(count), turned(samples(count)), engine, INVERSE)
    want = gram(ToyKernel(), samples(count), turned(samples(count)))
    for values, direct in zip(got, want, strict=True):
        np.testing.assert_allclose(values, direct, rtol=1e-7)
        cube = values.reshape(count, count, 3)
        np.testing.assert_array_equal(cube, cube.transpose(1, 0, 2)[:, :, INVERSE])
        off = ~np.eye(count, dtype=bool)
        np.testing.assert_allclose(cube[off], direct.reshape(cube.shape)[off], rtol=ROUNDING, atol=ROUNDING)
    pairs = 3 * count * (count + 1) // 2
    assert seen[-1] == (pairs, pairs)


@pytest.mark.parametrize("inverse", [None, INVERSE])
def test_kept_tiles_are_found_again(tmp_path, inverse):
    x, engine = samples(40), Engine(memory=50 * 48)
    x2 = None if inverse is None else turned(x)
    want = gram(ToyKernel(), x, x2, engine, inverse)
    kept = Kept(tmp_path / "k", SETTINGS)
    first = gram(ToyKernel(), x, x2, engine, inverse, kept)
    tiles = sorted((tmp_path / "k").glob("tile-*"))
    for tile in tiles[3:]:
        tile.unlink()
    before = {tile: tile.stat().st_mtime_ns for tile in tiles[:3]}
    seen = []
    other = Engine(memory=1 << 26, progress=lambda done, total: seen.append((done, total)))  # keeps to the old tiles
    second = gram(ToyKernel(), x, x2, other, inverse, kept)
    assert before == {tile: tile.stat().st_mtime_ns for tile in tiles[:3]}
    assert 0 < seen[0][0] < seen[0][1] == seen[-1][0]
    third = gram(None, x, x2, engine, inverse, kept)  # nothing is left to compute
    for block in (first, second, third):
        np.testing.assert_array_equal(block.nngp, want.nngp)
        np.testing.assert_array_equal(block.ntk, want.ntk)
    with pytest.raises(StorageError, match=r"holds tiles of another computation .*remove that folder to start anew\.$"):
        gram(ToyKernel(), samples(40, seed=3), None, engine, None, kept)
