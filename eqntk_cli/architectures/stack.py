"""The part of an architecture that plain and group networks share: which layers, in which order.

hidden_layers times (linear, nonlinearity), then pooling and a dense read-out. With skip=true the hidden layers
after the first are residual on the pre-activations, h_l = h_{l-1} + linear_l(sigma(h_{l-1})). With
readout=flatten the read-out reads all positions before the group is pooled; pooling and a linear read-out
commute, so the parameters keep their shapes in both networks.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.support import Support, everywhere, pointwise
from eqntk_cli.layers.base import Layer
from eqntk_cli.layers.lifting import Lifting, Unmoved
from eqntk_cli.layers.linear import Linear
from eqntk_cli.layers.pointwise import Nonlinear, Residual
from eqntk_cli.layers.pooling import Pool
from eqntk_cli.layers.so3 import RotatedCopies
from eqntk_cli.recursion.activations.registry import get_activation


def stack(
    config: ArchitectureConfig,
    hidden: Sequence[Layer],
    outputs: int,
    flat_readout: Support | None = None,
    after: Sequence[Layer] = (),
    pool: Layer | None = None,
) -> tuple[Layer, ...]:
    """The layers of a network from its hidden linear layers.

    `flat_readout` is the support of a read-out before pooling (readout=flatten), None for pooling first; `after` are
    the layers behind the hidden activations, one each (none beyond its end); `pool` is the mean over all sites.
    """
    activation = Nonlinear(get_activation(config.activation))
    layers: list[Layer] = []
    for index, linear in enumerate(hidden):
        if config.skip and index > 0:
            layers[-1:] = [Residual((activation, linear)), activation]
        else:
            layers += [linear, activation]
        layers += after[index : index + 1]
    readout = Linear(flat_readout or everywhere(1), outputs, config.gains[-1], config.biases[-1])
    pool = pool or Pool()
    return (*layers, *((pool, readout) if flat_readout is None else (readout, pool)))


def lifted_stack(
    config: ArchitectureConfig,
    rotations: Float[np.ndarray, "element 3 3"],
    width: int,
    hidden: Sequence[Layer],
    outputs: int,
    after: Sequence[Layer] = (),
    pool: Layer | None = None,
) -> tuple[Layer, ...]:
    """The layers of a network that lifts signals to rotations; `hidden` are the linear layers behind the lifting."""
    if config.hidden_layers == 0:  # a linear network: the read-out itself reads the copies
        return (RotatedCopies(rotations), *stack(config, [], outputs, pointwise(len(rotations)), after, pool))
    lifting = Lifting(rotations, width, config.gains[0], config.biases[0])
    return (Unmoved(), *stack(config, [lifting, *hidden], outputs, None, after, pool))


def linears(config: ArchitectureConfig, supports: Sequence[Support], width: int) -> list[Layer]:
    """Hidden linear layers with these taps and the gains of the settings."""
    return [
        Linear(support, width, gain, bias)
        for support, gain, bias in zip(supports, config.gains[:-1], config.biases[:-1], strict=True)
    ]
