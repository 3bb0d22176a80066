"""How targets transform when a group element moves the sample that they belong to: y(g x) = rho_y(g) y(x).

Classes and energies are invariant, rho_y(g) = 1. A vector (a dipole, a force) has rho_y(R) = R; a tensor of rank l the
Wigner matrix D^l(R); several of them the direct sum. What has to hold for any of these, and where it is used:

    augmentation        the copy g x_i is trained on rho_y(g) y_i
    standardisation     only the part of the mean that rho_y leaves alone may be subtracted, mean over i and g of
                        rho_y(g) y_i (zero for a vector), and the divisor must commute with rho_y: one number for
                        all components of an irreducible part
    orbit mean          a prediction is moved back before it is averaged, mean over g of rho_y(g)^-1 f(g x)

A group element comes as its matrix on space, (d, d), from which rho_y follows.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from eqntk_cli.errors import DataError
from eqntk_cli.targets.scale import TargetScale


class Representation(Protocol):
    """The action of a group on targets.

    Examples:
        >>> INVARIANT.standard("energy", "eV", np.array([[1.0], [3.0]]))
        TargetScale(name='energy', unit='eV', mean=2.0, scale=1.0)
    """

    def moved(
        self, targets: Float[Any, "sample output"], matrices: Float[Any, "*row copy d d"]
    ) -> Float[Any, "sample copy output"]:
        """The targets rho_y(g) y_i of the copies g x_i, numpy or jax as they came.

        Args:
            targets: one per sample.
            matrices: the elements that move every sample, or a row of elements for each sample.
        """

    def standard(self, name: str, unit: str, targets: Float[np.ndarray, "sample output"]) -> TargetScale:
        """The scale on which the targets have mean 0 and mean square 1 over samples and group elements.

        Raises:
            DataError: all targets are the same.
        """


_LEAST_SHARE = 0.1  # of the common deviation: an output that scatters less would hardly be learnt


@dataclass(frozen=True)
class Invariant:
    """rho_y(g) = 1: every copy of a sample has its target.

    Examples:
        >>> from eqntk_cli.groups.planar import cyclic
        >>> Invariant().moved(np.array([[1.0], [3.0]]), cyclic(2).matrices).tolist()
        [[[1.0], [1.0]], [[3.0], [3.0]]]
    """

    def moved(
        self, targets: Float[Any, "sample output"], matrices: Float[Any, "*row copy d d"]
    ) -> Float[Any, "sample copy output"]:
        """Each target once per copy."""
        return targets[:, None].repeat(matrices.shape[-3], axis=1)

    def standard(self, name: str, unit: str, targets: Float[np.ndarray, "sample output"]) -> TargetScale:
        """Mean and standard deviation over the samples and outputs; a single sample has deviation 1.

        Raises:
            DataError: all targets are the same, or the outputs are on such different scales that one would vanish.
        """
        deviation = float(targets.std())
        apart = targets.std(axis=0)
        if targets.ndim == 2 and targets.shape[1] > 1 and len(targets) > 1 and apart.min() < _LEAST_SHARE * deviation:
            raise DataError(
                f"{name} and the other outputs have standard deviations from {apart.min():.3g} to {apart.max():.3g}, "
                f"{deviation:.3g} together, and share one scale; standardise every column, or take them one by one."
            )
        if deviation == 0 and len(targets) > 1:
            raise DataError(f"{name} is the same for all training samples; expected different values.")
        return TargetScale(name, unit, float(targets.mean()), deviation or 1.0)


INVARIANT = Invariant()
