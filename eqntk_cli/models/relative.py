"""Kernels between samples and moved samples, in three parts, so that each pair of samples is computed once.

Training samples with themselves, the other samples with the training samples, and the other samples with themselves
(only the covariance needs those). Where the plain kernel is unchanged when both samples move, all kernels between
copies follow from T(x_i, u x_j): T(g x_i, h x_j) = T(x_i, g^-1 h x_j), and T(x_j, u x_i) = T(x_i, u^-1 x_j), so that
N training and n other samples cost (N^2 / 2 + N n) |G| evaluations, and n^2 |G| / 2 more for the covariance.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from eqntk_cli.domains.samples import Samples, count
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel
from eqntk_cli.models.augmentation import Orbit
from eqntk_cli.models.grams import Grams


class Parts(NamedTuple):
    """The kernels of training and other samples: train x train, rest x train, and rest x rest where it is wanted."""

    train: KernelBlock
    cross: KernelBlock
    rest: KernelBlock | None

    def with_train(self) -> KernelBlock:
        """All samples x training samples."""
        return KernelBlock(*(np.concatenate(pair) for pair in zip(self.train, self.cross, strict=True)))

    def every(self) -> KernelBlock | None:
        """All samples x all samples, for a symmetric kernel; None where the last part is missing."""
        if self.rest is None:
            return None
        parts = zip(self.train, self.cross, self.rest, strict=True)
        return KernelBlock(*(np.block([[train, cross.T], [cross, rest]]) for train, cross, rest in parts))


@dataclass(frozen=True, eq=False)
class RelativeKernels:
    """The plain kernel between the samples x_i and the copies u x_j; blocks have the axes (i, j, u).

    `train_x` and `rest_x` are the samples; `invariant` says that the kernel is unchanged when both samples move.
    """

    plain: PairKernel
    orbit: Orbit
    train_x: Samples
    rest_x: Samples
    invariant: bool
    grams: Grams

    @cached_property
    def augmented(self) -> KernelBlock:
        """All copies of the training samples with each other, N|G| x N|G|."""
        if not self.invariant:
            moved, copies = self.orbit.samples(self.train_x), {"x1": self.orbit.identity(self.train_x)}
            return self.grams.matrix("augmented", self.plain, moved, copies=copies)
        return KernelBlock(*(over_orbits(values, self.orbit.group) for values in self.train))

    @cached_property
    def train(self) -> KernelBlock:
        """Training samples with moved training samples."""
        if not self.invariant:
            rows = KernelBlock(*(values[:: self.orbit.copies] for values in self.augmented))
            return self._by_element(rows, count(self.train_x))
        return self._moved("train", self.train_x)

    @cached_property
    def cross(self) -> KernelBlock:
        """The other samples with moved training samples."""
        moved, copies = self.orbit.samples(self.train_x), {"x2": self.orbit.identity(self.train_x)}
        block = self.grams.matrix("cross", self.plain, self.rest_x, moved, copies=copies)
        return self._by_element(block, count(self.train_x))

    @cached_property
    def rest(self) -> KernelBlock:
        """The other samples with themselves, moved; for an invariant kernel."""
        return self._moved("rest", self.rest_x)

    def means(self, covariance: bool) -> Parts:
        """The mean over u of T(x_i, u x_j): the group kernel, where the plain one is invariant."""
        train, cross = _symmetric(_over_elements(self.train)), _over_elements(self.cross)
        return Parts(train, cross, _symmetric(_over_elements(self.rest)) if covariance else None)

    def unmoved(self, covariance: bool, with_means: bool) -> Parts:
        """The plain kernel of the samples as they are; `with_means`: those that are moved are needed anyway."""
        parts = Parts(_at_identity(self.train), _at_identity(self.cross), None)
        if not covariance:
            return parts
        rest = _at_identity(self.rest) if with_means else self.grams.matrix("unmoved", self.plain, self.rest_x)
        return parts._replace(rest=rest)

    def to_copies(self) -> KernelBlock:
        """All samples as they are x all copies of the training samples."""
        parts = zip(self.train, self.cross, strict=True)
        return KernelBlock(*(np.concatenate(pair).reshape(-1, self._copies) for pair in parts))

    def augmented_pairs(self) -> int:
        """How many pairs the engine counts for `augmented` and `train`."""
        return _own(count(self.train_x)) * self.orbit.copies if self.invariant else _own(self._copies)

    def other_pairs(self, covariance: bool, with_means: bool) -> int:
        """How many it counts for everything else."""
        rest = count(self.rest_x)
        own = _own(rest) * (self.orbit.copies if with_means else 1)
        return rest * self._copies + (own if covariance else 0)

    @property
    def _copies(self) -> int:
        return count(self.train_x) * self.orbit.copies

    def _moved(self, name: str, x: Samples) -> KernelBlock:
        inverse, copies = self.orbit.group.inverse.tolist(), {"x2": self.orbit.identity(x)}
        block = self.grams.matrix(name, self.plain, x, self.orbit.samples(x) if count(x) else None, inverse, copies)
        return self._by_element(block, count(x))

    def _by_element(self, block: KernelBlock, columns: int) -> KernelBlock:
        return KernelBlock(*(values.reshape(len(values), columns, self.orbit.copies) for values in block))


def direct(pair: PairKernel, train_x: Samples, rest_x: Samples, covariance: bool, grams: Grams) -> Parts:
    """The parts of a kernel that is not put together from another one."""
    return Parts(
        grams.matrix("group_train", pair, train_x),
        grams.matrix("group_cross", pair, rest_x, train_x),
        grams.matrix("group_rest", pair, rest_x) if covariance else None,
    )


def direct_pairs(train: int, rest: int, covariance: bool) -> int:
    """How many pairs the engine will count for `direct`."""
    return _own(train) + rest * train + (_own(rest) if covariance else 0)


def over_orbits(values: Float[np.ndarray, "left right element"], group: FiniteGroup) -> Float[np.ndarray, "row copy"]:
    """T(g x_i, h x_j) for all g, h from values[i, j, u] = T(x_i, u x_j), with u = g^-1 h; rows (i, g)."""
    relative = group.product[group.inverse]  # [g, h] -> g^-1 h
    left, right = values.shape[:2]
    full = values[:, :, relative]  # (i, j, g, h)
    return full.transpose(0, 2, 1, 3).reshape(left * group.order, right * group.order)


def _own(samples: int) -> int:
    return samples * (samples + 1) // 2


def _over_elements(block: KernelBlock) -> KernelBlock:
    return KernelBlock(*(values.mean(axis=-1) for values in block))


def _symmetric(block: KernelBlock) -> KernelBlock:
    # the mean is summed in another order for (j, i) than for (i, j)
    return KernelBlock(*((values + values.T) / 2 for values in block))


def _at_identity(block: KernelBlock) -> KernelBlock:
    return KernelBlock(*(values[:, :, 0] for values in block))
