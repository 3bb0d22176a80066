"""Finite networks against the recursion, over widths.

At width n the empirical NTK and NNGP fluctuate between members by O(n^(-1/2)) and their mean is off by O(1/n).
For each width this module reports both, with standard errors: the fluctuation (RMS over pairs of the standard
deviation over members) with a fitted exponent, and the bias (mean over members minus recursion) in units of its
standard error.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from eqntk_cli.architectures.registry import get_architecture
from eqntk_cli.config.schema import Config
from eqntk_cli.domains.base import Domain
from eqntk_cli.domains.samples import Samples
from eqntk_cli.groups.registry import get_group
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel
from eqntk_cli.layers.network import Network
from eqntk_cli.models.empirical import empirical_nngp, empirical_ntk, method_that_fits
from eqntk_cli.models.ensemble import member_key

OUTPUTS = 8  # of one network: independent samples of the same NNGP
_BLOCK = 8  # members at a time


@dataclass(frozen=True)
class Convergence:
    """What was seen of one kernel of one network at one width.

    `fluctuation` and `bias` are RMS over pairs of samples relative to the RMS of the recursion's values,
    `standard_error` is that of the mean over members in the same unit, `worst` the largest deviation of the mean
    in its own standard errors. `bias` contains the standard error; where the two are equal nothing is seen.
    """

    network: str
    kernel: str
    width: int
    members: int
    fluctuation: float
    bias: float
    standard_error: float
    worst: float


@dataclass(frozen=True)
class Fit:
    """Fluctuation = constant · width^exponent, fitted on a log-log scale."""

    network: str
    kernel: str
    exponent: float
    error: float


@dataclass(frozen=True)
class Study:
    """All widths of a convergence study, and the fitted exponents."""

    rows: list[Convergence] = field(default_factory=list)
    fits: list[Fit] = field(default_factory=list)


def study(
    config: Config, domain: Domain, x: Samples, widths: tuple[int, ...], on_progress: Callable[[float], None]
) -> Study:
    """Empirical kernels of group and plain networks at all widths against their recursions."""
    group = get_group(config.group)
    architecture = get_architecture(config.architecture, domain.dimension)
    kernels: dict[str, PairKernel] = {
        "group": architecture.group_kernel(group, domain, config.model.route),
        "plain": architecture.plain_kernel(domain),
    }
    rows: list[Convergence] = []
    for name, kernel in kernels.items():
        block = KernelBlock(*(np.asarray(values) for values in jax.jit(kernel.block)(x, x)))
        for width in widths:
            if name == "group":
                network = architecture.group_network(group, domain, width, OUTPUTS)
            else:
                network = architecture.plain_network(domain, width, OUTPUTS)
            samples = _empirical(network, x, config.model.members, config.seed, stream=width)
            rows += [
                _compare(name, kernel, width, samples[kernel], values) for kernel, values in block._asdict().items()
            ]
            on_progress(len(rows) / (2 * len(kernels) * len(widths)))
    return Study(rows, _fits(rows))


def _empirical(network: Network, x: Samples, members: int, seed: int, stream: int) -> dict[str, np.ndarray]:
    """Both kernels of every member: arrays (member, sample, sample)."""
    method = method_that_fits(network, x)
    keys = jnp.stack([member_key(seed, stream, member) for member in range(members)])
    compiled = jax.jit(partial(_member_kernels, network, x, method))
    parts = [compiled(keys[start : start + _BLOCK]) for start in range(0, members, _BLOCK)]
    names = KernelBlock._fields
    return {name: np.concatenate([np.asarray(part[i], np.float64) for part in parts]) for i, name in enumerate(names)}


def _member_kernels(network: Network, x: Samples, method: str, keys: jax.Array) -> KernelBlock:
    params = jax.vmap(partial(network.init, x=x))(keys)
    nngp = jax.vmap(partial(empirical_nngp, network, x=x))(params)
    return KernelBlock(nngp, jax.vmap(partial(empirical_ntk, network, x=x, method=method))(params))


def _compare(
    network: str,
    kernel: str,
    width: int,
    samples: Float[np.ndarray, "member sample sample"],
    values: Float[np.ndarray, "sample sample"],
) -> Convergence:
    upper = np.triu_indices(len(values))
    seen, truth = samples[:, *upper], values[upper]
    scale = float(np.sqrt(np.mean(truth**2)))
    spread = seen.std(axis=0, ddof=1)
    error = spread / np.sqrt(len(seen))
    deviation = seen.mean(axis=0) - truth
    floor = 1e-12 * scale  # a kernel that does not fluctuate (one linear layer) is compared to rounding
    return Convergence(
        network=network,
        kernel=kernel,
        width=width,
        members=len(seen),
        fluctuation=float(np.sqrt(np.mean(spread**2))) / scale,
        bias=float(np.sqrt(np.mean(deviation**2))) / scale,
        standard_error=float(np.sqrt(np.mean(error**2))) / scale,
        worst=float(np.max(np.abs(deviation) / np.maximum(error, floor))),
    )


def _fits(rows: list[Convergence]) -> list[Fit]:
    """The exponents of the NTK's fluctuation; the NNGP's products f f' keep a spread at any width."""
    fits = []
    for name in sorted({row.network for row in rows}):
        points = [(row.width, row.fluctuation) for row in rows if row.network == name and row.kernel == "ntk"]
        if len(points) >= 3 and min(value for _, value in points) > 0:
            fits.append(_fitted(name, np.log(np.array(points, float))))
    return fits


def _fitted(name: str, points: Float[np.ndarray, "width 2"]) -> Fit:
    design = np.column_stack([np.ones(len(points)), points[:, 0]])
    solution, residual, *_ = np.linalg.lstsq(design, points[:, 1])
    variance = float(residual[0]) / (len(points) - 2) if len(residual) else 0.0
    error = np.sqrt(variance * np.linalg.inv(design.T @ design)[1, 1])
    return Fit(name, "ntk", float(solution[1]), float(error))
