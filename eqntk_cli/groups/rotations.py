"""Finite groups of rotations of space: octahedral (24), icosahedral (60) and C_n about the z axis.

Each is a `FiniteGroup` whose matrices are 3x3 rotations of (x, y, z). A rotation R moves a signal on the sphere by
(rho(R) f)(n) = f(R^-1 n). The rotations that keep an icosahedron are the 120 icosians (unit quaternions) up to sign,
see Conway and Smith, On Quaternions and Octonions (2003), chapter 3; scipy's icosahedron stands a quarter turn about
z away from this one.
"""

import itertools
import math

import numpy as np
from scipy.spatial.transform import Rotation

from eqntk_cli.groups.finite import FiniteGroup


def cyclic_about_z(order: int) -> FiniteGroup:
    """C_n: rotations about the z axis by multiples of 360/n degrees, n of at least 1.

    Examples:
        >>> cyclic_about_z(2).matrices.trace(axis1=1, axis2=2).round(6).tolist()  # 1 + 2 cos of the angle
        [3.0, -1.0]
    """
    return _group(f"c{order}_z", Rotation.create_group(f"C{order}").as_matrix())


def octahedral() -> FiniteGroup:
    """The 24 rotations that map a cube with faces across the axes to itself: signed permutation matrices.

    Examples:
        >>> from collections import Counter
        >>> traces = octahedral().matrices.trace(axis1=1, axis2=2).round().astype(int)
        >>> sorted(Counter(traces.tolist()).items())  # 1 + 2 cos: 9 half turns, 8 of 120 degrees, 6 of 90, the identity
        [(-1, 9), (0, 8), (1, 6), (3, 1)]
    """
    matrices = list(Rotation.create_group("O").as_matrix().round() + 0.0)  # no -0
    matrices.sort(key=_permutation_and_signs)
    return _group("octahedral", np.stack(matrices))


def icosahedral() -> FiniteGroup:
    """The 60 rotations of an icosahedron that has 2-fold axes along x, y and z.

    Examples:
        >>> from collections import Counter
        >>> traces = icosahedral().matrices.trace(axis1=1, axis2=2).round(2)
        >>> sorted(Counter(traces.tolist()).items())  # 15 half turns, 12 + 12 of 144 and 72 degrees, 20 of 120
        [(-1.0, 15), (-0.62, 12), (0.0, 20), (1.62, 12), (3.0, 1)]
    """
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
    return _group("icosahedral", Rotation.from_quat(one_of_each_pair, scalar_first=True).as_matrix())


def _permutation_and_signs(matrix: np.ndarray) -> tuple[float, ...]:
    return (*np.abs(matrix).argmax(axis=1), *-matrix.sum(axis=1))


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
