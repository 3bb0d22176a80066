"""Networks on SO(3) itself, which has no list of elements: features live on the nodes of a quadrature.

group_support=identity: a dense layer at each node is a group convolution with its filter on the identity; exact up
to the quadrature in the final mean. group_support=full: filters on all of SO(3) need band-limited features, so the
convolutions work in Fourier space, l < bandlimit, and `band_limited=true` makes the kernel follow suit. The rule has
degree 2 (L - 1), the lowest that is exact on products of band-limited functions, or more if asked for.
"""

from eqntk_cli.architectures.stack import lifted_stack, linears, stack
from eqntk_cli.config.schema import ArchitectureConfig, require
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.domains.support import pointwise
from eqntk_cli.groups.quadrature import Quadrature, gauss_quadrature
from eqntk_cli.kernels.pair.spherical import BandLimitedKernel
from eqntk_cli.layers.base import Layer
from eqntk_cli.layers.network import Sequential
from eqntk_cli.layers.pooling import NodePool
from eqntk_cli.layers.so3 import BandLimit, FourierGroupConv
from eqntk_cli.recursion.sphere.band_limit import Projection

_EXTRA_DEGREE = 4  # nonlinear features are not band-limited; this much more holds aliasing below a per mille


def so3_network(config: ArchitectureConfig, sphere: Sphere, width: int, outputs: int) -> Sequential:
    """Lifting to the nodes, then convolutions at the nodes or in Fourier space, then the mean over SO(3).

    Raises:
        ConfigError: filters on the whole group without band_limited=true, or a band limit with skip connections.
    """
    check_so3(config)
    rule, projection = _grid(sphere)
    hidden = linears(config, [pointwise(rule.nodes)] * config.hidden_layers, width)
    after: list[Layer] = []
    if config.group_support == "full":
        inner = zip(config.gains[1:-1], config.biases[1:-1], strict=True)
        hidden[1:] = [FourierGroupConv(projection, sphere.bandlimit, width, gain, bias) for gain, bias in inner]
    elif config.band_limited:
        after = [BandLimit(projection)] * (config.hidden_layers - 1)
    layers = lifted_stack(config, rule.rotations, width, hidden[1:], outputs, after, NodePool(rule.weights))
    return Sequential(sphere, layers)


def band_limited_kernel(config: ArchitectureConfig, sphere: Sphere) -> BandLimitedKernel:
    """The kernel of the network that is projected on l < bandlimit after every nonlinearity."""
    check_so3(config)
    rule, projection = _grid(sphere)
    hidden = linears(config, [pointwise(1)] * config.hidden_layers, width=1)
    after = [BandLimit(projection)] * config.hidden_layers
    flat = pointwise(1) if config.hidden_layers == 0 else None
    network = Sequential(sphere, stack(config, hidden, 1, flat, after))
    return BandLimitedKernel(network.kernel, sphere.bandlimit, rule)


def check_so3(config: ArchitectureConfig) -> None:
    """Filters on the whole group need a band limit, and a band limit has no skip connections.

    Raises:
        ConfigError: names the key and what would be legal.
    """
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


def _grid(sphere: Sphere) -> tuple[Quadrature, Projection]:
    """The nodes on which features live, and the projection of functions on them."""
    rule = gauss_quadrature(2 * (sphere.bandlimit - 1) + _EXTRA_DEGREE)
    return rule, Projection.of(rule, sphere.bandlimit)
