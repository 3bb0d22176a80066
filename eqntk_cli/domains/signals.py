r"""The surroundings of an atom as a signal on the sphere, directly in harmonic coefficients.

For each element e and power p (Misof, Kessel, Gerken, arXiv 2406.06504)
    f_i^{e,p}(n) = sum_{j != i, z_j = e} z_i z_j / r_ij^p  w(n . r_ij/|r_ij|),    w(t) = exp(-(t - 1)^2/beta),
with beta = (cos(pi/4) - 1)^2 / -ln 0.05, so that w is 5 % at an angle of pi/4. w depends on the angle to r_ij
alone, hence by the addition theorem f_lm = sum_j z_i z_j / r_ij^p w_l Y_lm(r_ij) with
w_l = 2 pi int_{-1}^{1} w(t) P_l(t) dt. r is in Angstrom, z the atomic number; no grid is needed.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.domains.harmonics import degrees, spherical_harmonics
from eqntk_cli.errors import DataError

WINDOW_BETA = (math.cos(math.pi / 4) - 1) ** 2 / -math.log(0.05)
CLOSEST = 0.3  # Angstrom; two nuclei nearer than this are one atom given twice (H2: 0.74)


def atom_signals(
    numbers: Int[np.ndarray, " atom"],
    positions: Float[np.ndarray, "atom 3"],
    elements: Sequence[int],
    powers: Sequence[int],
    bandlimit: int,
    name: str,
) -> Float[np.ndarray, "atom coefficient channel"]:
    """Coefficients of every atom's signal; channels are ordered (element, power). `name` is used in errors.

    Raises:
        DataError: no atoms, an element that is not in `elements`, or overlapping atoms.

    Examples:
        >>> hydrogen, places = np.array([1, 1]), [np.array([[0, 0, 0], [0, 0, r]]) for r in (0.75, 1.5)]
        >>> near, far = (atom_signals(hydrogen, place, (1,), (2,), 4, "H2") for place in places)
        >>> near.shape, (near[:, 0, 0] / far[:, 0, 0]).round(9).tolist()  # 1/r^2
        ((2, 16, 1), [4.0, 4.0])
    """
    numbers, positions = np.asarray(numbers), np.asarray(positions, np.float64)
    check_molecule(numbers, positions, elements, name)
    offsets = positions[None, :, :] - positions[:, None, :]  # from i to j
    distances = np.linalg.norm(offsets, axis=-1)
    pairs = distances > 0
    i, j = np.nonzero(pairs)
    harmonics = spherical_harmonics(bandlimit, offsets[i, j])
    zonal = legendre_coefficients(bandlimit)[degrees(bandlimit)]
    charges = (numbers[i] * numbers[j]).astype(float)
    signals = np.zeros((len(numbers), bandlimit**2, len(elements), len(powers)))
    column = np.searchsorted(np.asarray(elements), numbers[j])
    for index, power in enumerate(powers):
        amplitudes = charges / distances[i, j] ** power
        np.add.at(signals[..., index].transpose(0, 2, 1), (i, column), amplitudes[:, None] * harmonics * zonal)
    return signals.reshape(len(numbers), bandlimit**2, -1)


def check_molecule(
    numbers: Int[np.ndarray, " atom"], positions: Float[np.ndarray, "atom 3"], elements: Sequence[int], name: str
) -> None:
    """Refuse a molecule for which the signals mean nothing.

    Raises:
        DataError: no atoms, a position that is no number, an unknown element, or overlapping atoms.
    """
    if len(numbers) == 0:
        raise DataError(f"{name} has no atoms; expected at least one.")
    if not np.isfinite(positions).all():
        raise DataError(f"{name} has a position that is not a finite number; expected Angstrom.")
    strange = sorted(set(numbers.tolist()) - set(elements))
    if strange:
        raise DataError(
            f"{name} has an atom of atomic number {strange[0]}; the channels are for {', '.join(map(str, elements))}."
        )
    distances = np.linalg.norm(positions[None] - positions[:, None], axis=-1) + np.diag(np.full(len(numbers), np.inf))
    if distances.min() < CLOSEST:
        i, j = np.unravel_index(distances.argmin(), distances.shape)
        raise DataError(
            f"{name}: atoms {i} and {j} overlap ({distances.min():.3f} Angstrom apart, expected at least {CLOSEST}); "
            "are the positions in Angstrom?"
        )


@cache
def legendre_coefficients(bandlimit: int) -> Float[np.ndarray, " degree"]:
    """w_l for l < bandlimit by Gauss-Legendre quadrature (the window is smooth: 200 nodes are converged)."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    window = np.exp(-((nodes - 1) ** 2) / WINDOW_BETA)
    polynomials = np.polynomial.legendre.legvander(nodes, bandlimit - 1)
    return 2 * np.pi * (weights * window) @ polynomials
