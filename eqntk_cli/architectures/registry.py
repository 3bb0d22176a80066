"""All architectures by the name that `architecture=` takes, and their kernels."""

from typing import Any

from eqntk_cli.architectures.base import Architecture
from eqntk_cli.architectures.cnn import Cnn
from eqntk_cli.architectures.mlp import Mlp
from eqntk_cli.architectures.spherical import SphericalMlp
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.base import Domain
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.base import Group
from eqntk_cli.kernels.pair.base import PairKernel

ARCHITECTURES: dict[str, type[Architecture[Any]]] = {"mlp": Mlp, "cnn": Cnn, "spherical_mlp": SphericalMlp}


def get_architecture(config: ArchitectureConfig, dimension: int) -> Architecture[Any]:
    """The architecture of the settings, for domains of this dimension (2: images, 3: signals on the sphere).

    Raises:
        ConfigError: there is no such architecture, or it reads other domains.

    Examples:
        >>> type(get_architecture(ArchitectureConfig("cnn"), dimension=2)).__name__
        'Cnn'
    """
    if config.name not in ARCHITECTURES:
        raise ConfigError(f"architecture={config.name} is not known; expected {' | '.join(ARCHITECTURES)}")
    architecture = ARCHITECTURES[config.name](config)
    if architecture.dimension != dimension:
        kind = {2: "images", 3: "signals on the sphere"}
        legal = " | ".join(name for name, other in ARCHITECTURES.items() if other.dimension == dimension)
        raise ConfigError(
            f"architecture={config.name} needs {kind[architecture.dimension]}; expected {legal} for {kind[dimension]}."
        )
    return architecture


def plain_kernel(config: ArchitectureConfig, domain: Domain) -> PairKernel:
    """The kernel of the plain network.

    Examples:
        >>> import numpy as np
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> config = ArchitectureConfig("mlp", hidden_layers=1, W_std=1.0, b_std=0.0)
        >>> block = plain_kernel(config, PixelGrid(1, 1, 1)).block(np.ones((1, 1, 1, 1)), -np.ones((1, 1, 1, 1)))
        >>> block.nngp.round(5).item(), block.ntk.round(5).item()  # relu(z) relu(-z) = 0
        (0.0, 0.0)
    """
    return get_architecture(config, domain.dimension).plain_kernel(domain)


def pair_kernel(config: ArchitectureConfig, group: Group, domain: Domain, route: str = "auto") -> PairKernel:
    """The kernel of the group network.

    Raises:
        ConfigError: if the group does not act on the domain, or if `route=collapsed` is asked for where it does
            not hold.

    Examples:
        >>> import numpy as np
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> from eqntk_cli.groups.planar import cyclic
        >>> kernel = pair_kernel(ArchitectureConfig("mlp", hidden_layers=1), cyclic(4), PixelGrid(3, 3, 1))
        >>> x = np.random.default_rng(0).normal(size=(1, 3, 3, 1))
        >>> block = kernel.block(x, np.concatenate([x, np.rot90(x, axes=(1, 2))]))
        >>> kernel.route, bool(np.isclose(*block.ntk[0]))
        ('collapsed', True)
    """
    return get_architecture(config, domain.dimension).group_kernel(group, domain, route)
