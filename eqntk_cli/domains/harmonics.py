"""Real spherical harmonics and Wigner matrices: the one place that knows e3nn's conventions.

Harmonics Y_lm are real and orthonormal over the sphere, in the order l*l + l + m; at l = 1 they are
sqrt(3/4 pi) (x, y, z). A signal is f(n) = sum_lm f_lm Y_lm(n). With Y(R n) = D(R) Y(n) the rotated signal
(rho(R) f)(n) = f(R^-1 n) has the coefficients D(R) f, and D(R) D(S) = D(R S). e3nn's Euler angles turn about y,
x and y; only rotation matrices cross the border of this file. Geiger and Smidt, e3nn: Euclidean neural
networks, arXiv 2207.09453. Tables are made once, in double precision, whatever precision the run has.
"""

import math
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.errors import ConfigError

_CHUNK = 1024  # directions per call of the compiled harmonics


def coefficient_count(bandlimit: int) -> int:
    """The number L^2 of harmonics with l < L.

    Examples:
        >>> coefficient_count(4)
        16
    """
    return bandlimit * bandlimit


def degrees(bandlimit: int) -> Int[np.ndarray, " coefficient"]:
    """The degree l of every coefficient.

    Examples:
        >>> degrees(3).tolist()
        [0, 1, 1, 1, 2, 2, 2, 2, 2]
    """
    return np.concatenate([np.full(2 * degree + 1, degree) for degree in range(bandlimit)])


def spherical_harmonics(
    bandlimit: int, directions: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch coefficient"]:
    """Y_lm of every direction (of any length but zero), l < bandlimit.

    Examples:
        >>> values = spherical_harmonics(2, np.array([0.6, 0.0, 0.8]))
        >>> round(float(values[0] ** 2 * 4 * np.pi), 6), round(float((values[1:] ** 2).sum() * 4 * np.pi), 6)  # 2l + 1
        (1.0, 3.0)
    """
    flat = np.asarray(directions, np.float64).reshape(-1, 3)
    padded = np.concatenate([flat, np.ones((-len(flat) % _CHUNK, 3))])  # one compiled shape for any number
    with jax.enable_x64(True):
        harmonics = _compiled_harmonics(bandlimit)
        parts = [np.asarray(harmonics(part)) for part in padded.reshape(-1, _CHUNK, 3)]
    table = np.concatenate([np.zeros((0, bandlimit**2)), *parts])[: len(flat)]
    return table.reshape(*directions.shape[:-1], bandlimit**2)


def wigner_matrices(
    bandlimit: int, rotations: Float[np.ndarray, "*batch 3 3"]
) -> Float[np.ndarray, "*batch coefficient coefficient"]:
    """D(R) on all coefficients with l < bandlimit, block diagonal in l.

    Examples:
        >>> from eqntk_cli.groups.rotations import octahedral
        >>> rotations = octahedral().matrices
        >>> traces = wigner_matrices(2, rotations).trace(axis1=1, axis2=2)
        >>> bool(np.allclose(traces, 1 + rotations.trace(axis1=1, axis2=2)))  # l = 1 turns as vectors do
        True
    """
    rotations = np.asarray(rotations, np.float64)
    angles = euler_angles(rotations)
    table = np.zeros((*rotations.shape[:-2], bandlimit**2, bandlimit**2))
    for degree in range(bandlimit):
        block = slice(degree * degree, (degree + 1) ** 2)
        table[..., block, block] = wigner_block(degree, angles)
    return table


def rotated_signals(
    rotations: Float[np.ndarray, "element 3 3"], x: Float[jax.Array, "sample coefficient channel"]
) -> Float[jax.Array, "sample element feature"]:
    """rho(g^-1) f for every rotation g, coefficients and channels in one axis: what a lifting layer reads."""
    inverse = wigner_matrices(math.isqrt(x.shape[1]), rotations).transpose(0, 2, 1)
    copies = jnp.einsum("gij,sjc->sgic", jnp.asarray(inverse, x.dtype), x)
    return copies.reshape(*copies.shape[:2], -1)


def wigner_block(degree: int, angles: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch m n"]:
    """D^l of the rotations with these angles: D_y(alpha) J D_y(beta) J D_y(gamma), J the swap of x and y."""
    swap = _swap_of_axes(degree)
    alpha, beta, gamma = (_turn_about_y(degree, angle) for angle in np.moveaxis(angles, -1, 0))
    return alpha @ (swap @ beta @ swap) @ gamma


def euler_angles(rotations: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3"]:
    """(alpha, beta, gamma) with R = R_y(alpha) R_x(beta) R_y(gamma), by atan2, exact near beta = 0 and pi too.

    Raises:
        ConfigError: a matrix is not a rotation of space.

    Examples:
        >>> quarter = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # about y
        >>> np.degrees(euler_angles(quarter)).round(6).tolist()
        [0.0, 0.0, 90.0]
    """
    if rotations.shape[-2:] != (3, 3):
        raise ConfigError(
            f"matrices of shape {rotations.shape[-2:]} do not act on the sphere; expected 3x3 rotations: "
            "group=so3 | octahedral | icosahedral | cn."
        )
    top = rotations[..., :, 1]  # R y
    alpha = np.arctan2(top[..., 0], top[..., 2])
    beta = np.arctan2(np.hypot(top[..., 0], top[..., 2]), top[..., 1])
    # undo alpha: the rest turns about x and then has gamma in its first row
    cos, sin = np.cos(alpha), np.sin(alpha)
    first_row = cos[..., None] * rotations[..., 0, :] - sin[..., None] * rotations[..., 2, :]
    gamma = np.arctan2(first_row[..., 2], first_row[..., 0])
    return np.stack([alpha, beta, gamma], axis=-1)


def rotation_matrices(angles: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """The inverse of `euler_angles`.

    Examples:
        >>> (rotation_matrices(np.array([0.0, np.pi, 0.0])).round(6) + 0.0).tolist()  # half a turn about x
        [[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]]
    """
    alpha, beta, gamma = np.moveaxis(angles, -1, 0)
    return _about_y(alpha) @ _about_x(beta) @ _about_y(gamma)


def _about_y(angle: np.ndarray) -> np.ndarray:
    zero, one, cos, sin = np.zeros_like(angle), np.ones_like(angle), np.cos(angle), np.sin(angle)
    return np.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], axis=-1).reshape(*angle.shape, 3, 3)


def _about_x(angle: np.ndarray) -> np.ndarray:
    zero, one, cos, sin = np.zeros_like(angle), np.ones_like(angle), np.cos(angle), np.sin(angle)
    return np.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], axis=-1).reshape(*angle.shape, 3, 3)


def _turn_about_y(degree: int, angle: np.ndarray) -> np.ndarray:
    """In the real basis a turn about the axis of the harmonics mixes m and -m only."""
    index = np.arange(2 * degree + 1)
    frequency = degree - index
    table = np.zeros((*angle.shape, 2 * degree + 1, 2 * degree + 1))
    table[..., index, 2 * degree - index] = np.sin(angle[..., None] * frequency)
    table[..., index, index] = np.cos(angle[..., None] * frequency)
    return table


@cache
def _swap_of_axes(degree: int) -> np.ndarray:
    """D^l of the half turn about (1, 1, 0), which takes a turn about y to the same turn about x."""
    import e3nn_jax as e3nn  # seconds to import, so only where the sphere is used

    with jax.enable_x64(True), jax.ensure_compile_time_eval():  # a network may ask for it while it is traced
        half_turn = euler_angles(np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]]))
        return np.asarray(e3nn.Irrep(degree, 1).D_from_angles(*(np.float64(angle) for angle in half_turn)))


@cache
def _compiled_harmonics(bandlimit: int) -> Any:
    import e3nn_jax as e3nn

    irreps = e3nn.Irreps.spherical_harmonics(bandlimit - 1)
    return jax.jit(partial(_harmonics, e3nn.spherical_harmonics, irreps))


def _harmonics(function: Any, irreps: Any, directions: jax.Array) -> jax.Array:
    return function(irreps, directions, True, normalization="integral").array
