"""The Gram matrices of one run: each under a name, each computed once, and kept on the disk where that is wanted.

A matrix that is kept has a folder of tiles under its name, from which a killed run goes on; what is read from there
is what was written, to the last bit.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import jax
import numpy as np

from eqntk_cli.domains.samples import Samples, count
from eqntk_cli.kernels.gram.matrix import Engine, Kept, gram
from eqntk_cli.recursion.block import KernelBlock, PairKernel


class OnPairs(Protocol):
    """Told how many pairs of samples are done."""

    def __call__(self, done: int, total: int, kept: int) -> None:
        """`done` of `total` pairs are there, `kept` of them from an earlier session."""


class Grams:
    """Computes Gram matrices.

    `folder` is where tiles are kept, None for nowhere; `settings` all that they depend on besides the samples;
    `on_pairs` is told about the pairs of all matrices together.
    """

    def __init__(
        self, folder: Path | None = None, settings: Mapping[str, str] | None = None, on_pairs: OnPairs | None = None
    ) -> None:
        self._folder = folder
        self._settings = dict(settings or {})
        self._on_pairs = on_pairs
        self._expected = 0
        self._done: dict[str, int] = {}
        self._kept: dict[str, int] = {}

    @property
    def pairs_done(self) -> int:
        """The pairs of all matrices so far."""
        return sum(self._done.values())

    @property
    def pairs_kept(self) -> int:
        """How many of them were there already."""
        return sum(self._kept.values())

    @property
    def pairs_expected(self) -> int:
        """The pairs that all matrices have, as far as it is known."""
        return max(self._expected, self.pairs_done)

    def expect(self, pairs: int) -> None:
        """Announce how many pairs all matrices have."""
        self._expected = pairs

    def matrix(
        self,
        name: str,
        kernel: PairKernel,
        x1: Samples,
        x2: Samples | None = None,
        inverse: Sequence[int] | None = None,
        copies: Mapping[str, str] | None = None,
    ) -> KernelBlock:
        """The kernels of all pairs, see `kernels.gram.gram`; `name` is unique to this matrix.

        `copies` tells what a side is that holds copies, as in `kernels.gram.Kept`.
        """
        if count(x1) == 0:
            nothing = np.empty((0, 0 if x2 is None else count(x2)))
            return KernelBlock(nothing, nothing)
        kept = None
        if self._folder is not None:
            dtype = jax.tree.leaves(x1)[0].dtype
            kept = Kept(self._folder / name, {**self._settings, "matrix": name}, dtype, copies or {})
        return gram(kernel, x1, x2, Engine(progress=_Counted(self, name)), inverse, kept)

    def count(self, name: str, done: int) -> None:
        """Take note that `done` pairs of one matrix are there; the first time they are those that were kept."""
        self._kept.setdefault(name, done)
        self._done[name] = done
        if self._on_pairs is not None:
            self._on_pairs(self.pairs_done, self.pairs_expected, self.pairs_kept)


class _Counted:
    """The progress of one matrix among others."""

    def __init__(self, grams: Grams, name: str) -> None:
        self._grams = grams
        self._name = name

    def __call__(self, done: int, total: int) -> None:
        del total
        self._grams.count(self._name, done)
