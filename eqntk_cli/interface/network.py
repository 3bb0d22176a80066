"""Which infinitely wide network a kernel belongs to, from words and numbers, with its compiled programs.

The kernel of a network, and the programs compiled for it, are kept as long as the process lives, so that a second
call with samples of about as many rows costs no compiling.
"""

import dataclasses
import difflib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import numpy as np
import yaml
from jaxtyping import Float

from eqntk_cli.architectures.registry import pair_kernel
from eqntk_cli.config.schema import ArchitectureConfig, Config, GroupConfig, ModelConfig
from eqntk_cli.config.yaml_files import conf_dir
from eqntk_cli.domains.base import Domain
from eqntk_cli.domains.samples import Samples
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.registry import get_group
from eqntk_cli.interface.inputs import KernelInputs
from eqntk_cli.kernels.gram.diagonal import diagonal
from eqntk_cli.kernels.gram.matrix import Engine, gram
from eqntk_cli.kernels.gram.program import Programs
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel

_PROGRAMS = Programs()
_ROUTES = ("auto", "collapsed", "recursion")
_KINDS: dict[Any, tuple[tuple[type, ...], str]] = {
    int: ((int, np.integer), "a whole number"),
    bool: ((bool, np.bool_), "true or false"),
    str: ((str,), "a word"),
}


@dataclass(frozen=True)
class Network:
    """A network on a domain; equal ones share their kernel and its programs."""

    group: str
    group_order: int | None
    architecture: tuple[tuple[str, Any], ...]
    route: str
    precision: str
    domain: Domain

    @classmethod
    def of(cls, inputs: KernelInputs) -> "Network":
        """The network of the settings, on the domain of the samples."""
        config = inputs.config
        settings = dataclasses.asdict(config.architecture)
        frozen = tuple((key, tuple(value) if isinstance(value, list) else value) for key, value in settings.items())
        return cls(config.group.name, config.group.order, frozen, config.model.route, config.precision, inputs.domain)

    def gram(self, x1: Samples, x2: Samples | None = None, memory: int | None = None) -> KernelBlock:
        """NNGP and NTK of all pairs; without `x2` of `x1` with itself, exactly symmetric."""
        with jax.enable_x64(self.precision == "float64"):
            return gram(_pair_kernel(self), x1, x2, self._engine(memory))

    def variances(self, x: Samples) -> Float[Any, " sample"]:
        """The NNGP kernel of each sample with itself: the variance of f(x) at initialisation."""
        with jax.enable_x64(self.precision == "float64"):
            return diagonal(_pair_kernel(self), x, self._engine()).nngp

    def _engine(self, memory: int | None = None) -> Engine:
        return Engine(memory=memory, precision=self.precision, programs=_PROGRAMS)


def network_config(
    group: str,
    architecture: str,
    settings: dict[str, Any],
    group_order: int | None = None,
    route: str = "auto",
    precision: str = "float64",
) -> Config:
    """The settings of a kernel; what is not said of the architecture is as in conf/architecture/NAME.yaml.

    Raises:
        ConfigError: an unknown name or setting, or a value that is not possible.
    """
    if route not in _ROUTES:
        raise ConfigError(f"route={route} is not possible for one kernel; expected {' | '.join(_ROUTES)}.")
    known = {entry.name: entry.type for entry in dataclasses.fields(ArchitectureConfig) if entry.name != "name"}
    for key, value in settings.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"the nearest is {near[0]}" if near else f"expected one of {', '.join(sorted(known))}"
            raise ConfigError(f"{key} is no setting of an architecture; {hint}.")
        if known[key] in _KINDS:  # on the command line Hydra looks after the kinds
            right, word = _KINDS[known[key]]
            if not isinstance(value, right) or (isinstance(value, bool) and known[key] is int):
                raise ConfigError(f"{key}={value!r} is not possible; expected {word}.")
    file = conf_dir() / "architecture" / f"{architecture}.yaml"
    if not file.is_file():
        legal = " | ".join(sorted(path.stem for path in file.parent.glob("*.yaml")))
        raise ConfigError(f"architecture={architecture} is not known; expected {legal}.")
    values = {**yaml.safe_load(file.read_text(encoding="utf-8")), **settings}
    return Config(
        group=GroupConfig(group, group_order),
        architecture=ArchitectureConfig(**values),
        model=ModelConfig(name="ntk", route=route),
        precision=precision,
    )


@lru_cache(maxsize=16)
def _pair_kernel(network: Network) -> PairKernel:
    architecture = ArchitectureConfig(**dict(network.architecture))
    group = get_group(GroupConfig(network.group, network.group_order))
    return pair_kernel(architecture, group, network.domain, network.route)
