"""A kernel as a function of two blocks of samples: what the Gram engine, the models and the commands share.

NNGP K(x, x') is the covariance of the network's outputs at initialisation, NTK T(x, x') the inner product of
their parameter gradients, both in the limit of infinite width and per output.
"""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from jaxtyping import Float

from eqntk_cli.domains.samples import Samples


class KernelBlock(NamedTuple):
    """NNGP and NTK between two blocks of samples: jax arrays inside a compiled function, numpy arrays outside.

    Examples:
        >>> import numpy as np
        >>> block = KernelBlock(nngp=np.eye(2), ntk=2 * np.eye(2))
        >>> block.ntk.trace()
        np.float64(4.0)
    """

    nngp: Float[Any, "sample1 sample2"]
    ntk: Float[Any, "sample1 sample2"]


class PairKernel(ABC):
    """The kernel of one infinitely wide network.

    `route` says by which recursion it is computed (collapsed, recursion or augmented); `notes` says what a
    reader must know of it (exactness that is lost, the error of a quadrature). `collapses` says whether it is the
    mean over the group of a plain kernel that is unchanged when both samples move.

    Examples:
        >>> import numpy as np
        >>> from eqntk_cli.architectures.registry import plain_kernel
        >>> from eqntk_cli.config.schema import ArchitectureConfig
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> linear = plain_kernel(ArchitectureConfig("mlp", hidden_layers=0, W_std=1.0, b_std=0.0), PixelGrid(1, 2, 1))
        >>> x1, x2 = np.array([[[[1.0], [3.0]]]]), np.array([[[[2.0], [0.0]]], [[[1.0], [1.0]]]])
        >>> np.asarray(linear.block(x1, x2).ntk).round(5).tolist()  # <x, x'> / 2
        [[1.0, 2.0]]
    """

    route: str
    notes: tuple[str, ...] = ()
    collapses: bool = False

    @abstractmethod
    def block(self, x1: Samples, x2: Samples) -> KernelBlock:
        """NNGP and NTK of all pairs; pure, so that it can be compiled."""

    @abstractmethod
    def bytes_per_pair(self, x1: Samples, x2: Samples) -> int:
        """Working memory for one pair of samples; the engine chooses its tiles by it."""
