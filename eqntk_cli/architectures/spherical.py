"""architecture=spherical_mlp: dense networks on harmonic coefficients, and their group networks on rotations.

Dense on the coefficients corresponds to lifting to the group, hidden dense layers to group convolutions. Finite
groups of rotations are summed over, SO(3) is integrated: finite networks evaluate it on a quadrature grid, kernels
take as many nodes as `architecture.quadrature_tolerance` asks for. On molecules, atoms are summed over.
"""

from eqntk_cli.architectures.so3 import band_limited_kernel, so3_network
from eqntk_cli.architectures.stack import stack
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.molecules import Molecules
from eqntk_cli.domains.quadrature import Quadrature, group_average, identity_only
from eqntk_cli.domains.sphere import Sphere, finite_rotations
from eqntk_cli.domains.support import Support, global_group_convolution, pointwise
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.groups.so3 import SO3
from eqntk_cli.kernels.pair.accuracy import sufficient_quadrature
from eqntk_cli.kernels.pair.molecule import MoleculeKernel
from eqntk_cli.kernels.pair.network import NetworkKernel
from eqntk_cli.kernels.pair.spherical import SphericalKernel
from eqntk_cli.layers.molecule_network import MoleculeNetwork
from eqntk_cli.layers.network import Network
from eqntk_cli.layers.rotated_copies import RotatedCopies
from eqntk_cli.recursion.block import PairKernel

SphericalDomain = Sphere | Molecules


def plain_network(
    config: ArchitectureConfig, domain: SphericalDomain, width: int, outputs: int
) -> Network | MoleculeNetwork:
    """Dense layers on the coefficients of each signal."""
    return _on_domain(config, domain, _plain_atom(config, _sphere(domain), width, outputs))


def group_network(
    config: ArchitectureConfig, group: FiniteGroup | SO3, domain: SphericalDomain, width: int, outputs: int
) -> Network | MoleculeNetwork:
    """Lifting with filters on the whole sphere, then group convolutions."""
    sphere = _sphere(domain)
    if isinstance(group, SO3):
        return _on_domain(config, domain, so3_network(config, sphere, width, outputs))
    rotations = finite_rotations(group)
    convolution = global_group_convolution(None, group, config.group_support)
    layers = _stack(config, pointwise(group.order), convolution, width, outputs)
    return _on_domain(config, domain, Network(sphere, (RotatedCopies(rotations), *layers)))


def plain_kernel(config: ArchitectureConfig, domain: SphericalDomain) -> PairKernel:
    """The kernel of the plain network: the single node u = e."""
    return _kernel(config, domain, identity_only(), ())


def pair_kernel(
    config: ArchitectureConfig, group: FiniteGroup | SO3, domain: SphericalDomain, route: str
) -> PairKernel:
    """The kernel of the group network.

    Raises:
        ConfigError: a group that does not rotate the sphere, or the full recursion over SO(3), which has no end.
    """
    if isinstance(group, SO3):
        if route == "recursion":
            raise ConfigError("model.route=recursion needs a finite group; use model.route=collapsed with group=so3.")
        if config.band_limited:
            return _summed(config, domain, band_limited_kernel(config, _sphere(domain)))
        recursion = _plain_atom(config, _sphere(domain), width=1, outputs=1).kernel
        rule, note = sufficient_quadrature(recursion, _sphere(domain).bandlimit, config.quadrature_tolerance)
        return _kernel(config, domain, rule, (note,))
    finite_rotations(group)  # refuses a group of the plane
    if route == "recursion":
        network = group_network(config, group, domain, width=1, outputs=1)
        atom = network.atom if isinstance(network, MoleculeNetwork) else network
        return _summed(config, domain, NetworkKernel(atom, "recursion"))
    return _kernel(config, domain, group_average(group), ())


def inexact(config: ArchitectureConfig, group: FiniteGroup | SO3, domain: SphericalDomain) -> str | None:
    """Why the kernel does not collapse onto the relative rotation: with global filters it always does."""
    del config, domain
    if not isinstance(group, SO3):
        finite_rotations(group)
    return None


def equivariant(config: ArchitectureConfig, group: FiniteGroup | SO3, domain: SphericalDomain) -> bool:
    """Whether the group networks are exactly equivariant: with global filters they are."""
    return inexact(config, group, domain) is None


def _plain_atom(config: ArchitectureConfig, sphere: Sphere, width: int, outputs: int) -> Network:
    layers = _stack(config, pointwise(1), pointwise(1), width, outputs)
    return Network(sphere, (RotatedCopies(identity_only().rotations), *layers))


def _stack(config: ArchitectureConfig, first: Support, others: Support, width: int, outputs: int) -> tuple:
    if config.hidden_layers == 0:  # a linear network: lifting, then pooling
        return stack(config, [], first, width, outputs)
    return stack(config, [first] + [others] * (config.hidden_layers - 1), None, width, outputs)


def _kernel(
    config: ArchitectureConfig, domain: SphericalDomain, rule: Quadrature, notes: tuple[str, ...]
) -> PairKernel:
    sphere = _sphere(domain)
    recursion = _plain_atom(config, sphere, width=1, outputs=1).kernel
    return _summed(config, domain, SphericalKernel(recursion, sphere.bandlimit, rule, notes))


def _summed(config: ArchitectureConfig, domain: SphericalDomain, kernel: PairKernel) -> PairKernel:
    return MoleculeKernel(kernel, config.per_atom) if isinstance(domain, Molecules) else kernel


def _on_domain(config: ArchitectureConfig, domain: SphericalDomain, atom: Network) -> Network | MoleculeNetwork:
    return MoleculeNetwork(domain, atom, config.per_atom) if isinstance(domain, Molecules) else atom


def _sphere(domain: SphericalDomain) -> Sphere:
    """The sphere on which the signals live.

    Raises:
        ConfigError: the domain has none.
    """
    if isinstance(domain, Molecules):
        return domain.sphere
    if isinstance(domain, Sphere):
        return domain
    raise ConfigError(
        "architecture=spherical_mlp needs signals on the sphere; expected dataset=qm9 | molecules, "
        "or architecture=mlp | cnn for images."
    )
