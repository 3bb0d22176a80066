"""How many quadrature nodes an accuracy needs, found by trying, before any data are seen.

The kernel as a function on SO(3) is smooth for two different signals (the error falls by an order of magnitude for
each step in degree), but has a kink at u = e for a signal with itself, since arccos c does at c = 1: there the
error falls only like a power of the degree. The degree is chosen for different signals; what it leaves for equal
ones is measured too and said in the note. Probes are random band-limited signals of one channel and of variances
from 0.2 to 3; real signals of many channels are smoother.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise, takewhile

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.sphere import dense_fan_in
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.quadrature import Quadrature
from eqntk_cli.kernels.pair.base import KernelBlock
from eqntk_cli.kernels.pair.spherical import Recursion, mean_over_nodes
from eqntk_cli.recursion.sphere.state import (
    NodeInput,
    channel_products,
    inner_by_products,
    mean_squares,
    packed_wigner,
)

_CHUNK = 256  # nodes per call of one compiled program
_PROBES = 6
_MOST_NODES = 60_000


def sufficient_quadrature(
    recursion: Recursion, bandlimit: int, tolerance: float, rules: Iterator[Quadrature]
) -> tuple[Quadrature, str]:
    """The first of ever finer rules that reaches the relative tolerance, and a note with its errors.

    The error of a rule is the change to the next one (degree N to N + 2), relative to the kernel.

    Raises:
        ConfigError: the tolerance is beyond 60,000 nodes.
    """
    best = np.inf
    for now, following in pairwise(_ladder(recursion, bandlimit, rules)):
        (rule, value), (_, finer) = now, following
        change = np.abs(value / finer - 1).max(axis=0)  # the worse of NNGP and NTK
        apart = ~np.eye(_PROBES, dtype=bool)
        different, same = change[apart].max(), change[~apart].max()
        best = min(best, different)
        if different <= tolerance:
            note = (
                f"SO(3) quadrature of degree {rule.degree}, {rule.nodes} nodes: relative error {different:.0e} for "
                f"pairs of different signals, {same:.0e} for a signal with itself (random probes)"
            )
            return rule, note
    raise ConfigError(
        f"architecture.quadrature_tolerance={tolerance:g} is not reached with {_MOST_NODES} nodes; "
        f"expected at least {best:.0e} for this architecture and band limit."
    )


def probe_signals(bandlimit: int) -> Float[np.ndarray, "probe coefficient 1"]:
    """Random signals of one channel with mean squares from 0.2 to 3."""
    signals = np.random.default_rng(0).normal(size=(_PROBES, bandlimit**2, 1))
    size = np.sqrt(np.sum(signals**2, axis=(1, 2)) / dense_fan_in(1) / np.geomspace(0.2, 3, _PROBES))
    return signals / size[:, None, None]


def _ladder(
    recursion: Recursion, bandlimit: int, rules: Iterator[Quadrature]
) -> Iterator[tuple[Quadrature, Float[np.ndarray, "2 probe probe"]]]:
    """The rules with NNGP and NTK of the probes, (2, probe, probe), in double precision."""
    with jax.enable_x64(True):
        x = jnp.asarray(probe_signals(bandlimit))
        program = jax.jit(partial(_chunk_sum, recursion, channel_products(x, x), mean_squares(x)))
    for rule in takewhile(lambda rule: rule.nodes <= _MOST_NODES, rules):
        with jax.enable_x64(True):
            value = _evaluate(program, bandlimit, rule)
        yield rule, value


def _evaluate(program: Callable[..., Array], bandlimit: int, rule: Quadrature) -> Float[np.ndarray, "2 probe probe"]:
    fill = -rule.nodes % _CHUNK
    wigner = np.pad(packed_wigner(bandlimit, rule.rotations), [(0, fill), (0, 0)], mode="edge")
    weights = np.pad(rule.weights, (0, fill))
    chunks = zip(wigner.reshape(-1, _CHUNK, wigner.shape[1]), weights.reshape(-1, _CHUNK), strict=True)
    return np.sum([np.asarray(program(*chunk)) for chunk in chunks], axis=0)


def _chunk_sum(
    recursion: Recursion,
    products: Float[Array, "lmn probe probe"],
    norms: Float[Array, " probe"],
    wigner: Float[Array, "node lmn"],
    weights: Float[Array, " node"],
) -> Float[Array, "2 probe probe"]:
    share = weights.sum()
    nodes = NodeInput(inner_by_products(wigner, products), norms, norms, weights / share)
    block: KernelBlock = mean_over_nodes(recursion, nodes)
    return share * jnp.stack(block)
