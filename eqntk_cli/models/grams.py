"""The Gram matrices of one run: each under a name, each computed once, and kept on the disk where that is wanted.

A matrix that is kept has a folder of tiles under its name, from which a killed run goes on; what is read from there
is what was written, to the last bit.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import jax
import numpy as np

from eqntk_cli.domains.samples import Samples, count
from eqntk_cli.kernels.gram.loop import Say
from eqntk_cli.kernels.gram.matrix import Engine, Kept, gram
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel


class OnPairs(Protocol):
    """Told how many pairs of samples are done."""

    def __call__(self, done: int, total: int, kept: int) -> None:
        """`done` of `total` pairs are there, `kept` of them from an earlier session."""


class Grams:
    """Computes Gram matrices.

    `folder` is where tiles are kept, None for nowhere; `settings` all that they depend on besides the samples;
    `on_pairs` is told about the pairs of all matrices together, `say` what a reader of the results must know.
    """

    def __init__(
        self,
        folder: Path | None = None,
        settings: Mapping[str, str] | None = None,
        on_pairs: OnPairs | None = None,
        say: Say = warnings.warn,
    ) -> None:
        self._folder = folder
        self._settings = dict(settings or {})
        self._say = say
        self._prefix = ""
        self._pairs = _Pairs(on_pairs)

    def within(self, part: str) -> "Grams":
        """The same under names of their own, for matrices that would clash; their pairs are counted together."""
        grams = Grams(self._folder, self._settings, say=self._say)
        grams._prefix, grams._pairs = f"{self._prefix}{part}_", self._pairs
        return grams

    @property
    def pairs_done(self) -> int:
        """The pairs of all matrices so far."""
        return sum(self._pairs.done.values())

    @property
    def pairs_kept(self) -> int:
        """How many of them were there already."""
        return sum(self._pairs.kept.values())

    @property
    def pairs_expected(self) -> int:
        """The pairs that all matrices have, as far as it is known."""
        return self._pairs.total

    def expect(self, pairs: int) -> None:
        """Announce how many pairs all matrices have."""
        self._pairs.expected = pairs

    def matrix(
        self,
        name: str,
        kernel: PairKernel,
        x1: Samples,
        x2: Samples | None = None,
        inverse: Sequence[int] | None = None,
        copies: Mapping[str, str] | None = None,
    ) -> KernelBlock:
        """The kernels of all pairs, see `kernels.gram.matrix.gram`; `name` is unique to this matrix.

        `copies` tells what a side is that holds copies, as in `kernels.gram.matrix.Kept`.
        """
        if count(x1) == 0:
            nothing = np.empty((0, 0 if x2 is None else count(x2)))
            return KernelBlock(nothing, nothing)
        name = self._prefix + name
        kept = None
        if self._folder is not None:
            dtype = jax.tree.leaves(x1)[0].dtype
            kept = Kept(self._folder / name, {**self._settings, "matrix": name}, dtype, copies or {})
        return gram(kernel, x1, x2, Engine(progress=_Counted(self._pairs, name), say=self._say), inverse, kept)


class _Pairs:
    """How many pairs there are of every matrix, by its name."""

    def __init__(self, on_pairs: OnPairs | None) -> None:
        self.expected = 0
        self.done: dict[str, int] = {}
        self.kept: dict[str, int] = {}
        self._on_pairs = on_pairs

    @property
    def total(self) -> int:
        return max(self.expected, sum(self.done.values()))

    def count(self, name: str, done: int) -> None:
        """Take note that `done` pairs of one matrix are there; the first time they are those that were kept."""
        self.kept.setdefault(name, done)
        self.done[name] = done
        if self._on_pairs is not None:
            self._on_pairs(sum(self.done.values()), self.total, sum(self.kept.values()))


class _Counted:
    """The progress of one matrix among others."""

    def __init__(self, pairs: _Pairs, name: str) -> None:
        self._pairs = pairs
        self._name = name

    def __call__(self, done: float, total: float | None) -> None:
        del total
        self._pairs.count(self._name, int(done))
