"""Networks on SO(3) itself, which has no list of elements: features live on the nodes of a quadrature.

group_support=identity: a dense layer at each node is a group convolution with its filter on the identity; exact up
to the quadrature in the final mean. group_support=full: filters on all of SO(3) need band-limited features, so the
convolutions work in Fourier space, l < bandlimit, and `band_limited=true` makes the kernel follow suit. The rule has
degree 2 (L - 1), the lowest that is exact on products of band-limited functions, or more if asked for.
"""

import flax.linen as nn

from eqntk_cli.architectures.stack import stack
from eqntk_cli.config.schema import ArchitectureConfig, require
from eqntk_cli.domains.quadrature import Quadrature, gauss_quadrature
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.domains.support import pointwise
from eqntk_cli.kernels.pair.band_limit import BandLimitedKernel
from eqntk_cli.layers.linear import Linear
from eqntk_cli.layers.network import Network
from eqntk_cli.layers.node_pooling import NodePool
from eqntk_cli.layers.nonlinear import Nonlinear
from eqntk_cli.layers.pooling import Pool
from eqntk_cli.layers.rotated_copies import RotatedCopies
from eqntk_cli.layers.so3_band_limit import BandLimit
from eqntk_cli.layers.so3_fourier_conv import FourierGroupConv
from eqntk_cli.recursion.sphere.band_limit import Projection

_EXTRA_DEGREE = 4  # nonlinear features are not band-limited; this much more holds aliasing below a per mille


def grid(sphere: Sphere) -> Quadrature:
    """The nodes on which features live."""
    return gauss_quadrature(2 * (sphere.bandlimit - 1) + _EXTRA_DEGREE)


def so3_network(config: ArchitectureConfig, sphere: Sphere, width: int, outputs: int) -> Network:
    """Lifting to the nodes, then convolutions at the nodes or in Fourier space, then the mean over SO(3).

    Raises:
        ConfigError: filters on the whole group without band_limited=true, or a band limit with skip connections.
    """
    _check(config)
    rule = grid(sphere)
    projection = Projection.of(rule, sphere.bandlimit)
    layers: list[nn.Module] = [RotatedCopies(rule.rotations)]
    linear = 0
    for layer in _pointwise_stack(config, rule.nodes, width, outputs):
        inner = isinstance(layer, Linear) and 0 < linear < config.hidden_layers
        linear += isinstance(layer, Linear)
        if inner and config.group_support == "full":
            layers.append(FourierGroupConv(projection, sphere.bandlimit, width, layer.W_std, layer.b_std))
        elif inner and config.band_limited:
            layers += [BandLimit(projection), layer]
        else:
            layers.append(NodePool(rule.weights) if isinstance(layer, Pool) else layer)
    return Network(sphere, tuple(layers))


def band_limited_kernel(config: ArchitectureConfig, sphere: Sphere) -> BandLimitedKernel:
    """The kernel of the network that is projected on l < bandlimit after every nonlinearity."""
    _check(config)
    rule = grid(sphere)
    projection = Projection.of(rule, sphere.bandlimit)
    layers: list[nn.Module] = []
    for layer in _pointwise_stack(config, 1, 1, 1):
        layers += [layer, BandLimit(projection)] if isinstance(layer, Nonlinear) else [layer]
    network = Network(sphere, tuple(layers))
    return BandLimitedKernel(network.kernel, sphere.bandlimit, rule)


def _check(config: ArchitectureConfig) -> None:
    full = config.group_support == "full" and config.hidden_layers > 1
    require(
        config.band_limited or not full,
        "architecture.group_support",
        "full",
        "identity with group=so3, or architecture.band_limited=true (for filters on all of SO(3))",
    )
    require(
        not (config.band_limited and config.skip),
        "architecture.skip",
        True,
        "false with architecture.band_limited=true",
    )


def _pointwise_stack(config: ArchitectureConfig, nodes: int, width: int, outputs: int) -> tuple[nn.Module, ...]:
    if config.hidden_layers == 0:
        return stack(config, [], pointwise(nodes), width, outputs)
    return stack(config, [pointwise(nodes)] * config.hidden_layers, None, width, outputs)
