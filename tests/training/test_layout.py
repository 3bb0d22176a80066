"""How work is laid out: from what a member keeps, never from how many members there are."""

import jax
import jax.numpy as jnp
import pytest

from eqntk_cli.architectures.cnn import Cnn
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.training.footprint import Footprint
from eqntk_cli.training.layout import MACHINES, layout
from tests.cases import planar_group

MIB = 2**20


@pytest.mark.parametrize(("fixed", "originals"), [(0, 3), (4 * MIB, 8), (100 * MIB, 16)])
def test_a_micro_batch_outweighs_what_does_not_grow_with_it(fixed, originals, monkeypatch):
    """Weights are turned once per micro-batch, so wide group networks have larger ones."""
    monkeypatch.setitem(MACHINES, jax.default_backend(), MACHINES["cpu"])
    footprint = Footprint(parameters=MIB, activations=MIB // 4, operations=1e6, fixed=fixed)
    assert layout(footprint, originals=16, copies=4).originals == originals


def test_the_turned_weights_of_a_group_network_are_fixed_bytes():
    architecture, domain, width = Cnn(ArchitectureConfig(name="cnn", padding="same")), PixelGrid(5, 5, 1), 8
    network = architecture.group_network(planar_group("c4"), domain, width, 1)
    footprint = Footprint.of(network, jnp.zeros((1, 5, 5, 1), jnp.float32))
    turned = 9 * 4 * width * 4 * width * 4  # taps of all elements, channels, features of all elements, bytes each
    assert turned <= footprint.fixed < 1.5 * turned
