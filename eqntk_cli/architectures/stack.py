"""The part of an architecture that plain and group networks share: which linear layers, in which order.

hidden_layers times (linear, nonlinearity), then pooling and a dense read-out. With skip=true the hidden layers
after the first are residual on the pre-activations, h_l = h_{l-1} + linear_l(sigma(h_{l-1})). With
readout=flatten the read-out reads all positions before the group is pooled; pooling and a linear read-out
commute, so the parameters keep their shapes in both networks.
"""

from collections.abc import Sequence

import flax.linen as nn

from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.support import Support, everywhere
from eqntk_cli.layers.average_pooling import AveragePool
from eqntk_cli.layers.linear import Linear
from eqntk_cli.layers.nonlinear import Nonlinear
from eqntk_cli.layers.pooling import Pool
from eqntk_cli.layers.residual import Residual
from eqntk_cli.recursion.activations.registry import get_activation


def stack(
    config: ArchitectureConfig,
    hidden: list[Support],
    flat_readout: Support | None,
    width: int,
    outputs: int,
    windows: Sequence[Support] = (),
) -> tuple[nn.Module, ...]:
    """The layers of a network from the supports of its hidden linear layers.

    `flat_readout` is the support of a read-out before pooling (readout=flatten), None for pooling first; `windows`
    are averaged over after each hidden activation (none: no pooling inside).
    """
    activation = Nonlinear(get_activation(config.activation))
    layers: list[nn.Module] = []
    for index, support in enumerate(hidden):
        linear = Linear(support, width, config.gains[index], config.biases[index])
        if config.skip and index > 0:
            layers[-1:] = [Residual((activation, linear)), activation]
        else:
            layers += [linear, activation]
        if windows:
            layers.append(AveragePool(windows[index]))
    readout = Linear(flat_readout or everywhere(1), outputs, config.gains[-1], config.biases[-1])
    return (*layers, *((Pool(), readout) if flat_readout is None else (readout, Pool())))
