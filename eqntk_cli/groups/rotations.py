"""Finite groups of rotations of space: octahedral (24), icosahedral (60) and C_n about the z axis.

Each is a `FiniteGroup` whose matrices are 3x3 rotations of (x, y, z), written in closed form (no products of
generators, so no rounding builds up). A rotation R moves a signal on the sphere by (rho(R) f)(n) = f(R^-1 n).
The rotations that keep a cube are the signed permutation matrices of determinant 1; those that keep an
icosahedron are the 120 icosians (unit quaternions) up to sign; see Conway and Smith, On Quaternions and
Octonions (2003), chapter 3.
"""

import itertools
import math

import numpy as np
from jaxtyping import Float

from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.finite import FiniteGroup


def cyclic_about_z(order: int) -> FiniteGroup:
    """C_n: rotations about the z axis by multiples of 360/n degrees.

    Raises:
        ConfigError: the order is smaller than 1.
    """
    if order < 1:
        raise ConfigError(f"group.order={order} is not possible; expected a whole number of at least 1.")
    angles = 2 * math.pi * np.arange(order) / order
    return _group(f"c{order}_z", np.stack([_about_z(angle) for angle in angles]))


def octahedral() -> FiniteGroup:
    """The 24 rotations that map a cube with faces across the axes to itself."""
    signed = [
        np.diag(signs) @ np.eye(3)[list(order)]
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]
    return _group("octahedral", np.stack([matrix for matrix in signed if np.linalg.det(matrix) > 0]))


def icosahedral() -> FiniteGroup:
    """The 60 rotations of an icosahedron that has 2-fold axes along x, y and z."""
    golden = (1 + math.sqrt(5)) / 2
    units = [np.eye(4)[i] for i in range(4)]
    halves = [np.array(signs) / 2 for signs in itertools.product((1.0, -1.0), repeat=4)]
    mixed = [
        np.array([signs[0] * golden, signs[1], signs[2] / golden, 0.0])[list(order)] / 2
        for order in itertools.permutations(range(4))
        if _is_even(order)
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]
    one_of_each_pair = [q for q in [*units, *halves, *mixed] if q[np.flatnonzero(q)[0]] > 0]
    return _group("icosahedral", np.stack([rotation_from_quaternion(q) for q in one_of_each_pair]))


def rotation_from_quaternion(quaternion: Float[np.ndarray, " 4"]) -> Float[np.ndarray, "3 3"]:
    """The rotation v -> q v q* of a unit quaternion q = (w, x, y, z)."""
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _about_z(angle: float) -> np.ndarray:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _is_even(order: tuple[int, ...]) -> bool:
    return np.linalg.det(np.eye(len(order))[list(order)]) > 0


def _group(name: str, matrices: np.ndarray) -> FiniteGroup:
    """The group with the identity first, the others by angle; names are angle (degrees) and axis."""
    traces = np.trace(matrices, axis1=1, axis2=2)
    matrices = matrices[np.argsort(-np.round(traces, 9), kind="stable")]
    return FiniteGroup(name, tuple(_element_name(matrix) for matrix in matrices), matrices)


def _element_name(matrix: np.ndarray) -> str:
    angle = math.acos(min(1.0, max(-1.0, (np.trace(matrix) - 1) / 2)))
    if angle < 1e-6:
        return "e"
    # R + R^T - (tr R - 1) 1 = 2 (1 - cos) axis axis^T also holds at 180 degrees, where R - R^T vanishes
    outer = matrix + matrix.T - (np.trace(matrix) - 1) * np.eye(3)
    axis = outer[:, np.argmax(np.diag(outer))]
    axis = axis / np.linalg.norm(axis)
    turn = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]])
    axis = (-axis if turn @ axis < -1e-9 else axis) + 0.0
    return f"r{math.degrees(angle):.4g}({','.join(f'{part:.3g}' for part in np.round(axis, 3) + 0.0)})"
