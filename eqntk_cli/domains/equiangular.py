"""Signals sampled on an equiangular grid of the sphere, turned into harmonic coefficients.

The grid of band limit L has 2L polar angles theta_j = pi (2j + 1)/(4L) and 2L - 1 azimuths phi_k =
2 pi k/(2L - 1); the point is (sin th cos ph, sin th sin ph, cos th). With the weights of Driscoll and Healy
(Computing Fourier transforms and convolutions on the 2-sphere, 1994) the sum over the grid integrates products
of two harmonics with l < L exactly, so coefficients of band-limited signals are exact.
"""

import numpy as np
from jaxtyping import Float

from eqntk_cli.domains.harmonics import spherical_harmonics
from eqntk_cli.errors import DataError


def to_coefficients(
    samples: Float[np.ndarray, "sample theta phi channel"],
) -> Float[np.ndarray, "sample coefficient channel"]:
    """f_lm = sum_jk w_j Y_lm(n_jk) f(n_jk), l < L.

    Raises:
        DataError: the array has not the shape (n, 2L, 2L-1, C).

    Examples:
        >>> constant = to_coefficients(np.ones((1, 4, 3, 1)))[0, :, 0]  # f = 1 is sqrt(4 pi) Y_00
        >>> (constant**2 / (4 * np.pi)).round(12).tolist()
        [1.0, 0.0, 0.0, 0.0]
    """
    samples = np.asarray(samples)
    if samples.ndim != 4 or samples.shape[1] % 2 or samples.shape[2] != samples.shape[1] - 1:
        raise DataError(
            f"an array of shape {samples.shape} is no set of signals on the equiangular grid; expected "
            "(n, 2L, 2L-1, C), e.g. (n, 8, 7, C) for band limit 4."
        )
    bandlimit = samples.shape[1] // 2
    harmonics = spherical_harmonics(bandlimit, grid_directions(bandlimit))
    weighted = harmonics * grid_weights(bandlimit)[:, None, None]
    return np.einsum("jkm,njkc->nmc", weighted, samples).astype(samples.dtype)


def from_coefficients(
    coefficients: Float[np.ndarray, "sample coefficient channel"],
) -> Float[np.ndarray, "sample theta phi channel"]:
    """The values on the grid.

    Examples:
        >>> signal = np.random.default_rng(0).normal(size=(2, 9, 1))
        >>> bool(np.allclose(to_coefficients(from_coefficients(signal)), signal))
        True
    """
    bandlimit = round(coefficients.shape[1] ** 0.5)
    harmonics = spherical_harmonics(bandlimit, grid_directions(bandlimit))
    return np.einsum("jkm,nmc->njkc", harmonics, coefficients)


def grid_directions(bandlimit: int) -> Float[np.ndarray, "theta phi 3"]:
    """The points of the grid."""
    theta = np.pi * (2 * np.arange(2 * bandlimit) + 1) / (4 * bandlimit)
    phi = 2 * np.pi * np.arange(2 * bandlimit - 1) / (2 * bandlimit - 1)
    theta, phi = np.meshgrid(theta, phi, indexing="ij")
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)


def grid_weights(bandlimit: int) -> Float[np.ndarray, " theta"]:
    """w_j, exact for polynomials in cos(theta) of degree below 2L; the sum over the grid is 4 pi."""
    theta = np.pi * (2 * np.arange(2 * bandlimit) + 1) / (4 * bandlimit)
    odd = 2 * np.arange(bandlimit) + 1
    polar = 2 / bandlimit * np.sin(theta) * (np.sin(np.outer(theta, odd)) / odd).sum(axis=1)
    return polar * 2 * np.pi / (2 * bandlimit - 1)
