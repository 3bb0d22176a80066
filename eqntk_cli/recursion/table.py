"""The full recursion over sites, for any index table: slow, general, the judge of every fast form.

Arrays are (sample1, sample2, site, site'): for a group network a site is (g, t), so this is the recursion over
(g, g') of the theory with nothing collapsed; for a plain network it is the kernel over pairs of positions, and
for a dense one there is a single site. A linear layer with taps `table[o, j]` gives
K[o, o'] = mean_j K[table[o, j], table[o', j]], where a tap outside counts as zero. The first linear layer is
taken straight from the features, K[o, o'] = mean_j <f(table[o, j]), f'(table[o', j])> / C, which spares the
array over all pairs of pixels. Memory per pair grows with the square of the number of sites.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqntk_cli.domains.support import Support
from eqntk_cli.recursion.state import KernelState


@dataclass(frozen=True)
class TableState(KernelState):
    """K and T over all pairs of sites; the variances over single sites."""

    def average(
        self, values: Float[Array, "sample1 sample2 site1 site2"], support: Support
    ) -> Float[Array, "sample1 sample2 out1 out2"]:
        """Mean over the taps, both sites moved by the same tap."""
        padded = jnp.pad(values, [(0, 0), (0, 0), (0, 1), (0, 1)])  # index -1 reads these zeros
        table = jnp.asarray(support.table)
        outputs = len(support.table)

        def add_tap(tap: Array, total: Array) -> Array:
            sites = table[:, tap]
            return total + padded[:, :, sites][:, :, :, sites]

        start = jnp.zeros((*values.shape[:2], outputs, outputs), values.dtype)
        return jax.lax.fori_loop(0, support.taps, add_tap, start) / support.taps

    def average_variance(
        self, values: Float[Array, "sample site"], support: Support, which: int
    ) -> Float[Array, "sample out"]:
        """Mean over the taps of the variance at one site."""
        del which
        return jnp.pad(values, [(0, 0), (0, 1)])[:, support.table].mean(axis=-1)

    def across(
        self, variance1: Float[Array, "sample1 site1"], variance2: Float[Array, "sample2 site2"]
    ) -> tuple[Float[Array, "sample1 1 site1 1"], Float[Array, "1 sample2 1 site2"]]:
        """Variances of the first sample along axes 0 and 2, of the second along 1 and 3."""
        return variance1[:, None, :, None], variance2[None, :, None, :]

    def pool(self) -> "TableState":
        """Mean over all pairs of sites."""
        assert self.ntk is not None, "pooling before the first linear layer"
        nngp, ntk = (values.mean(axis=(2, 3), keepdims=True) for values in (self.nngp, self.ntk))
        return TableState(nngp, ntk, None, None)


@dataclass(frozen=True)
class InputState:
    """Two blocks of samples before the first linear layer: features with sites, and T = 0."""

    features1: Float[Array, "sample1 site channel"]
    features2: Float[Array, "sample2 site channel"]

    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> TableState:
        """The first linear layer; there T = K."""
        read1, read2 = (read_taps(features, support) for features in (self.features1, self.features2))
        fan_in = read1.shape[-1]
        nngp = jnp.einsum("aoj,bpj->abop", read1, read2) / fan_in
        variances = [jnp.einsum("aoj,aoj->ao", read, read) / fan_in for read in (read1, read2)]
        nngp, variance1, variance2 = (weight_variance * values + bias_variance for values in (nngp, *variances))
        return TableState(nngp, nngp, variance1, variance2)


def read_taps(features: Float[Array, "sample site channel"], support: Support) -> Float[Array, "sample out read"]:
    """What each output site reads, taps and channels in one axis; outside is zero."""
    padded = jnp.pad(features, [(0, 0), (0, 1), (0, 0)])
    return padded[:, support.table].reshape(len(features), len(support.table), -1)
