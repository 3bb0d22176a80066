"""Tiles cover every pair exactly once and stay within their memory."""

import numpy as np
import pytest

from eqntk_cli.kernels.gram.tiles import TileGrid, plan

CASES = [
    (rows, columns, symmetric, pairs, at_least)
    for rows, columns, symmetric in [(1, 1, True), (7, 7, True), (100, 100, True), (5, 1000, False), (64, 3, False)]
    for pairs in (1, 6, 37, 900, 10**6)
    for at_least in (1, 8)
]


@pytest.mark.parametrize(("rows", "columns", "symmetric", "pairs", "at_least"), CASES)
def test_tiles_cover_each_pair_once_within_the_memory(rows, columns, symmetric, pairs, at_least):
    grid = plan(rows, columns, symmetric, bytes_per_pair=10, memory=10 * pairs, at_least=at_least)
    assert grid.tile_rows * grid.tile_columns <= pairs
    covered = np.zeros((rows, columns), int)
    for tile in grid:
        covered[grid.row_slice(tile), grid.column_slice(tile)] += 1
        if symmetric and tile.row != tile.column:
            covered[grid.column_slice(tile), grid.row_slice(tile)] += 1
        assert len(grid.row_samples(tile)) == grid.tile_rows
        assert len(grid.column_samples(tile)) == grid.tile_columns
        assert grid.row_samples(tile).max() == grid.row_slice(tile).stop - 1
        assert grid.column_samples(tile).max() == grid.column_slice(tile).stop - 1
    np.testing.assert_array_equal(covered, 1)
    assert len(grid) == len(list(grid))
    assert len(grid) >= min(at_least, rows * (columns + 1) // 2)
    want = rows * (rows + 1) // 2 if symmetric else rows * columns
    assert sum(grid.pairs(tile) for tile in grid) == want


def test_little_is_repeated():
    grid = plan(1000, 1000, True, bytes_per_pair=8, memory=8 * 300**2)
    assert (grid.tile_rows, grid.tile_columns, len(grid)) == (250, 250, 10)
    grid = plan(5, 1000, False, bytes_per_pair=8, memory=8 * 300**2)
    assert (grid.tile_rows, grid.tile_columns) == (5, 1000)


def test_a_symmetric_matrix_is_split_to_compute_little_twice():
    grid = plan(400, 400, True, bytes_per_pair=8, memory=10**12)
    computed = len(grid) * grid.tile_rows * grid.tile_columns
    assert computed <= 0.63 * 400**2


def test_a_grid_comes_back_from_its_dictionary():
    grid = plan(10, 20, False, 8, 800)
    assert TileGrid(**grid.as_dict()) == grid
