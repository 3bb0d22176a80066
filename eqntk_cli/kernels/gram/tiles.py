"""A Gram matrix cut into equal tiles: which samples belong to which tile, and how large a tile may be.

All tiles have one shape, so that one compiled program serves them all; the last tile of a row or column repeats
the last sample and the repeated pairs are cut off again. A symmetric matrix (train x train) needs only the tiles on
and above the diagonal. The shape follows from the memory allowed per tile and is spread evenly, so that little is
repeated: 1000 samples at no more than 300 per tile become 4 x 250.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

_LARGEST_SIDE = 4096  # samples; beyond this nothing is gained and progress becomes coarse
_SYMMETRIC_SPLIT = 4  # rows of tiles at least, since a diagonal tile computes its pairs twice
_FEWEST, _FEW = 8, 64  # samples; between them tiles of a shared program double in size
_WORTH_SPLITTING = 32  # samples; smaller symmetric matrices are one tile


class Tile(NamedTuple):
    """Position of a tile in the grid."""

    row: int
    column: int


@dataclass(frozen=True)
class TileGrid:
    """The tiles of a matrix of `rows` x `columns` pairs; `symmetric` ones have the same samples on both sides.

    With copies, each of the `columns` stands for as many columns of the matrix as `inverse` has entries: column
    j·|G| + u is sample j under element u, and inverse[u] is u^-1. Without them there is the one element 0.
    """

    rows: int
    columns: int
    tile_rows: int
    tile_columns: int
    symmetric: bool
    inverse: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inverse", tuple(int(element) for element in self.inverse))  # a manifest has lists

    def __iter__(self) -> Iterator[Tile]:
        """The tiles to be computed, row by row."""
        for row in range(math.ceil(self.rows / self.tile_rows)):
            first = row if self.symmetric else 0
            for column in range(first, math.ceil(self.columns / self.tile_columns)):
                yield Tile(row, column)

    def __len__(self) -> int:
        across = math.ceil(self.columns / self.tile_columns)
        if self.symmetric:
            return across * (across + 1) // 2
        return math.ceil(self.rows / self.tile_rows) * across

    @property
    def copies(self) -> int:
        """Columns of the matrix per sample."""
        return len(self.inverse)

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return self.columns * self.copies

    def row_slice(self, tile: Tile) -> slice:
        """The matrix rows that a tile holds."""
        return slice(tile.row * self.tile_rows, min((tile.row + 1) * self.tile_rows, self.rows))

    def column_slice(self, tile: Tile) -> slice:
        """The matrix columns that a tile holds."""
        last = min((tile.column + 1) * self.tile_columns, self.columns)
        return slice(tile.column * self.tile_columns * self.copies, last * self.copies)

    def row_samples(self, tile: Tile) -> Int[np.ndarray, "tile_row"]:
        """The samples of a full tile along the rows, the last one repeated beyond the end."""
        return np.minimum(tile.row * self.tile_rows + np.arange(self.tile_rows), self.rows - 1)

    def column_samples(self, tile: Tile) -> Int[np.ndarray, "tile_width"]:
        """The columns of a full tile, those of the last sample repeated beyond the end."""
        samples = np.minimum(tile.column * self.tile_columns + np.arange(self.tile_columns), self.columns - 1)
        return (samples[:, None] * self.copies + np.arange(self.copies)).ravel()

    def shape(self, tile: Tile) -> tuple[int, int]:
        """Rows and columns of the matrix that a tile holds, without the repeated samples."""
        rows, columns = self.row_slice(tile), self.column_slice(tile)
        return rows.stop - rows.start, columns.stop - columns.start

    def pairs(self, tile: Tile) -> int:
        """The pairs of samples that a tile adds to the matrix; those of a diagonal one count once."""
        rows, columns = self.shape(tile)
        on_diagonal = self.symmetric and tile.row == tile.column
        return rows * (rows + 1) // 2 * self.copies if on_diagonal else rows * columns

    def as_dict(self) -> dict[str, Any]:
        """For a manifest; `TileGrid(**d)` is the way back."""
        return asdict(self)


def plan(
    rows: int,
    columns: int,
    symmetric: bool,
    bytes_per_pair: int,
    memory: int,
    at_least: int = 1,
    inverse: Sequence[int] = (0,),
) -> TileGrid:
    """The tiles of which one needs no more than `memory` bytes.

    Args:
        rows: number of samples along the rows.
        columns: number of samples along the columns (the same ones, if symmetric).
        symmetric: whether the two sides hold the same samples.
        bytes_per_pair: working memory of one entry of the matrix.
        memory: bytes allowed for one tile.
        at_least: tiles wanted where there are pairs enough (one per device).
        inverse: the inverse of each element whose copies are the columns of a sample.
    """
    pairs = max(1, memory // max(1, bytes_per_pair * len(inverse)))
    grid = _fit(rows, columns, symmetric, pairs)
    if symmetric and rows >= _WORTH_SPLITTING:
        grid = _fit(rows, columns, symmetric, min(pairs, math.ceil(rows / _SYMMETRIC_SPLIT) ** 2))
    while len(grid) < at_least and grid.tile_rows * grid.tile_columns > 1:
        pairs = grid.tile_rows * grid.tile_columns // 2
        grid = _fit(rows, columns, symmetric, pairs)
    return replace(grid, inverse=tuple(inverse))


def rounded_up(samples: int) -> int:
    """The next of few numbers that is at least `samples`: powers of two up to 64, then eight per doubling."""
    if samples <= _FEW:
        return max(_FEWEST, 1 << (samples - 1).bit_length())
    step = 1 << ((samples - 1).bit_length() - 4)
    return -(-samples // step) * step


def reflected(values: Float[np.ndarray, "row column"], inverse: Sequence[int]) -> Float[np.ndarray, "row2 column2"]:
    """What the pairs (x_i, u x_j) say of the pairs (x_j, u^-1 x_i); the transpose where there are no copies."""
    rows, width = values.shape
    cube = values.reshape(rows, width // len(inverse), len(inverse))
    return cube[:, :, list(inverse)].transpose(1, 0, 2).reshape(-1, rows * len(inverse))


def mirrored(values: Float[np.ndarray, "row column"], inverse: Sequence[int]) -> Float[np.ndarray, "row column"]:
    """A tile on the diagonal made exactly symmetric, by what stands above (rounding may make the two sides differ)."""
    row = np.arange(len(values))[:, None]
    sample, element = np.divmod(np.arange(values.shape[1]), len(inverse))
    first = (row < sample) | ((row == sample) & (element <= np.asarray(inverse)[element]))
    return np.where(first, values, reflected(values, inverse))


def _fit(rows: int, columns: int, symmetric: bool, pairs: int) -> TileGrid:
    side = min(math.isqrt(pairs), _LARGEST_SIDE)
    if symmetric:
        tile_rows = tile_columns = _even(rows, side)
    elif rows <= columns:  # the shorter side may leave room on the longer one
        tile_rows = _even(rows, side)
        tile_columns = _even(columns, min(pairs // tile_rows, _LARGEST_SIDE))
    else:
        tile_columns = _even(columns, side)
        tile_rows = _even(rows, min(pairs // tile_columns, _LARGEST_SIDE))
    return TileGrid(rows, columns, tile_rows, tile_columns, symmetric)


def _even(count: int, at_most: int) -> int:
    return math.ceil(count / math.ceil(count / max(1, min(at_most, count))))
