"""architecture=spherical_mlp: dense networks on harmonic coefficients, and their group networks on rotations.

Dense on the coefficients corresponds to lifting to the group, hidden dense layers to group convolutions. Finite
groups of rotations are summed over, SO(3) is integrated: finite networks evaluate it on a quadrature grid, kernels
take as many nodes as `architecture.quadrature_tolerance` asks for. On molecules, atoms are summed over.
"""

from dataclasses import dataclass
from typing import ClassVar

from eqntk_cli.architectures.base import Architecture
from eqntk_cli.architectures.so3 import band_limited_kernel, so3_network
from eqntk_cli.architectures.stack import lifted_stack, linears, stack
from eqntk_cli.config.schema import require
from eqntk_cli.domains.molecules import Molecules
from eqntk_cli.domains.sphere import Sphere
from eqntk_cli.domains.support import global_group_convolution, pointwise
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.base import Group
from eqntk_cli.groups.quadrature import Quadrature, identity_only
from eqntk_cli.kernels.pair.accuracy import sufficient_quadrature
from eqntk_cli.kernels.pair.base import PairKernel
from eqntk_cli.kernels.pair.molecule import MoleculeKernel
from eqntk_cli.kernels.pair.network import NetworkKernel
from eqntk_cli.kernels.pair.spherical import SphericalKernel
from eqntk_cli.layers.network import Network, Sequential, SumOverAtoms
from eqntk_cli.layers.so3 import RotatedCopies

SphericalDomain = Sphere | Molecules


@dataclass(frozen=True)
class SphericalMlp(Architecture[SphericalDomain]):
    """Dense layers on the coefficients of each signal.

    Examples:
        >>> from eqntk_cli.config.schema import ArchitectureConfig
        >>> from eqntk_cli.domains.sphere import Sphere
        >>> from eqntk_cli.groups.rotations import icosahedral
        >>> config = ArchitectureConfig("spherical_mlp", bandlimit=4)
        >>> SphericalMlp(config).equivariant(icosahedral(), Sphere(4, 1))
        True
    """

    dimension: ClassVar[int] = 3
    foreign: ClassVar[dict[str, object]] = {"average_pool": 1, "readout": "pool"}

    def plain_network(self, domain: SphericalDomain, width: int, outputs: int) -> Network:
        """Dense layers."""
        return self._on_domain(domain, self.plain_atom(domain.sphere, width, outputs))

    def plain_atom(self, sphere: Sphere, width: int, outputs: int) -> Sequential:
        """The plain network on a single signal."""
        hidden = linears(self.config, [pointwise(1)] * self.config.hidden_layers, width)
        flat = pointwise(1) if self.config.hidden_layers == 0 else None
        layers = stack(self.config, hidden, outputs, flat)
        return Sequential(sphere, (RotatedCopies(identity_only().rotations), *layers))

    def group_network(self, group: Group, domain: SphericalDomain, width: int, outputs: int) -> Network:
        """Lifting with filters on the whole sphere, then group convolutions."""
        group.require_action(domain)
        return self._on_domain(domain, self._group_atom(group, domain.sphere, width, outputs))

    def plain_kernel(self, domain: SphericalDomain) -> PairKernel:
        """The single node u = e."""
        return self._kernel(domain, identity_only(), ())

    def group_kernel(self, group: Group, domain: SphericalDomain, route: str) -> PairKernel:
        """The kernel of the group network; with global filters it always collapses onto the relative rotation.

        Raises:
            ConfigError: a group that does not rotate the sphere, or the full recursion over SO(3), which has no end.
        """
        group.require_action(domain)
        if route == "recursion":
            if not group.finite:
                raise ConfigError(
                    f"model.route=recursion needs a finite group; use model.route=collapsed with group={group.name}."
                )
            atom = self._group_atom(group, domain.sphere, width=1, outputs=1)
            return self._summed(domain, NetworkKernel(atom, "recursion"))
        if group.finite:
            return self._kernel(domain, group.listed().mean, ())
        sphere = domain.sphere
        if self.config.band_limited:
            return self._summed(domain, band_limited_kernel(self.config, sphere))
        recursion = self.plain_atom(sphere, width=1, outputs=1).kernel
        rules = group.rules(max(2, sphere.bandlimit))
        rule, note = sufficient_quadrature(recursion, sphere.bandlimit, self.config.quadrature_tolerance, rules)
        return self._kernel(domain, rule, (note,))

    def check(self, group: Group) -> None:
        """A band limit of the signals, and one of the features over a continuous group only."""
        limit = self.config.bandlimit
        require(limit is not None and limit >= 1, "architecture.bandlimit", _shown(limit), "1 or more")
        if group.finite:
            legal = f"false with the finite group {group.name}, which needs no band limit"
            require(not self.config.band_limited, "architecture.band_limited", self.config.band_limited, legal)

    def _group_atom(self, group: Group, sphere: Sphere, width: int, outputs: int) -> Sequential:
        if not group.finite:
            return so3_network(self.config, sphere, width, outputs)
        finite = group.listed()
        convolution = global_group_convolution(None, finite, self.config.group_support)
        hidden = linears(self.config, [convolution] * self.config.hidden_layers, width)
        return Sequential(sphere, lifted_stack(self.config, finite.matrices, width, hidden[1:], outputs))

    def _kernel(self, domain: SphericalDomain, rule: Quadrature, notes: tuple[str, ...]) -> PairKernel:
        sphere = domain.sphere
        recursion = self.plain_atom(sphere, width=1, outputs=1).kernel
        return self._summed(domain, SphericalKernel(recursion, sphere.bandlimit, rule, notes))

    def _summed(self, domain: SphericalDomain, kernel: PairKernel) -> PairKernel:
        return kernel if domain.atoms is None else MoleculeKernel(kernel, self.config.per_atom)

    def _on_domain(self, domain: SphericalDomain, atom: Sequential) -> Network:
        return atom if domain.atoms is None else SumOverAtoms(atom, self.config.per_atom)


def _shown(value: int | None) -> int | str:
    return "null" if value is None else value
