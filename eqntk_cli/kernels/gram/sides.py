"""The samples along the rows and along the columns of a Gram matrix, read tile by tile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from eqntk_cli.domains.samples import Samples, count, take
from eqntk_cli.errors import DataError
from eqntk_cli.files.digest import array_digest
from eqntk_cli.kernels.gram.tiles import Tile, TileGrid


@dataclass(frozen=True)
class Sides:
    """Two sets of samples on the host; an array may be a file, of which only the tile in work is read.

    Attributes:
        x1: along the rows.
        x2: along the columns; `x1` itself if symmetric.
        symmetric: whether both sides hold the same samples, or x2 their copies.
        precision: to which floating numbers are cast when read; None: as they are.
        inverse: of the elements of the group under which x2 holds copies; the one element 0 where it holds none.
    """

    x1: Samples
    x2: Samples
    symmetric: bool
    precision: str | None
    inverse: tuple[int, ...] = (0,)

    @classmethod
    def of(
        cls, x1: Samples, x2: Samples | None, precision: str | None, inverse: Sequence[int] | None = None
    ) -> "Sides":
        """Both sides, `x2` None for a symmetric matrix; with `inverse`, `x2` holds the copies of `x1` under a group.

        Raises:
            DataError: a side is empty.
        """
        host1 = jax.tree.map(_on_host, x1)
        host2 = host1 if x2 is None else jax.tree.map(_on_host, x2)
        if count(host1) == 0 or count(host2) == 0:
            raise DataError(
                f"a Gram matrix of {count(host1)} x {count(host2)} samples is empty; expected at least one."
            )
        elements = (0,) if inverse is None else tuple(int(element) for element in inverse)
        symmetric = x2 is None or inverse is not None
        assert not symmetric or count(host2) == count(host1) * len(elements), "the columns are no copies of the rows"
        return cls(host1, host2, symmetric, precision, elements)

    @property
    def rows(self) -> int:
        """Samples along the rows."""
        return count(self.x1)

    @property
    def columns(self) -> int:
        """Samples along the columns, their copies not counted."""
        return count(self.x2) // len(self.inverse)

    def identity(self, copies: Mapping[str, str]) -> dict[str, str]:
        """What tells these samples from others; `copies` says it for the sides that hold copies of other samples."""
        sides = {"x1": self.x1} if self.x2 is self.x1 else {"x1": self.x1, "x2": self.x2}
        digests = {name: copies[name] if name in copies else samples_digest(side) for name, side in sides.items()}
        return {"x2": "x1", **digests, "inverse": str(self.inverse)}

    def tile(self, grid: TileGrid, tile: Tile) -> tuple[Samples, Samples]:
        """The samples of a full tile."""
        return self._read(self.x1, grid.row_samples(tile)), self._read(self.x2, grid.column_samples(tile))

    def single(self) -> tuple[Samples, Samples]:
        """One sample of each side, to ask a kernel for its needs."""
        return self._read(self.x1, np.zeros(1, int)), self._read(self.x2, np.zeros(1, int))

    def _read(self, x: Samples, index: np.ndarray) -> Samples:
        return jax.tree.map(self._cast, take(x, index))

    def _cast(self, leaf: np.ndarray) -> np.ndarray:
        floating = np.issubdtype(leaf.dtype, np.floating)
        return np.asarray(leaf, self.precision if floating and self.precision else leaf.dtype)


def samples_digest(x: Samples) -> str:
    """The sha256 of all leaves: their types, shapes and bytes."""
    return array_digest(jax.tree.leaves(x))


def _on_host(leaf: Any) -> np.ndarray:
    return leaf if isinstance(leaf, np.ndarray) else np.asarray(leaf)
