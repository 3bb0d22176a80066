"""Rules for the mean over a group of rotations: nodes and weights.

For SO(3) under Haar measure: Gauss-Legendre in cos(beta) times uniform nodes in alpha and gamma.

With Euler angles the normalised measure is d(alpha) d(cos beta) d(gamma) / (8 pi^2). N + 1 uniform nodes in
alpha and gamma and ceil((N + 1)/2) Gauss nodes integrate every D^l_mn with l <= N exactly: e^{i m alpha} sums to
zero unless m = 0, and D^l_00 = P_l(cos beta) has degree l. N is the degree of the rule; even N is the better buy
(N = 6 and N = 7 were seen to have the same error on kernels, with 196 and 256 nodes). The nodes in gamma are
shifted by pi: then the inverse of a node is a node, and kernels are exactly symmetric. The angles turn about y, x
and y again, each about the axis as it lies then, as in `eqntk_cli.domains.harmonics`. The mean over a finite group is
the rule of equal weights on its elements.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class Quadrature:
    """Rotations u_q and weights w_q, sum of w_q = 1; `degree` is None for a finite group (exact for that group).

    Examples:
        >>> rule = gauss_quadrature(2)
        >>> float(rule.weights.sum().round(12)), rule.rotations.shape
        (1.0, (18, 3, 3))
    """

    rotations: Float[np.ndarray, "node 3 3"]
    weights: Float[np.ndarray, " node"]
    degree: int | None = None

    @property
    def nodes(self) -> int:
        """The number of rotations."""
        return len(self.weights)


def gauss_quadrature(degree: int) -> Quadrature:
    """The product rule that is exact for l <= degree; (degree + 1)^2 ceil((degree + 1)/2) nodes.

    Examples:
        >>> rule = gauss_quadrature(2)
        >>> float((rule.weights @ rule.rotations[:, 2, 2] ** 2).round(12))  # the mean of (z . R z)^2 is 1/3
        0.333333333333
    """
    from scipy.spatial.transform import Rotation  # slow to import, and groups are named before anything is computed

    cosines, gauss = np.polynomial.legendre.leggauss((degree + 2) // 2)
    turns = 2 * np.pi * np.arange(degree + 1) / (degree + 1)
    beta = np.arccos(cosines)
    angles = np.stack(np.meshgrid(turns, beta, turns + np.pi, indexing="ij"), axis=-1)
    rotations = Rotation.from_euler("YXY", angles.reshape(-1, 3)).as_matrix()
    weights = np.broadcast_to(gauss[None, :, None] / 2 / (degree + 1) ** 2, angles.shape[:-1])
    return Quadrature(rotations, weights.reshape(-1).copy(), degree)


def identity_only() -> Quadrature:
    """The single node e: what a plain network has in place of the group.

    Examples:
        >>> identity_only().nodes
        1
    """
    return Quadrature(np.eye(3)[None], np.ones(1))
