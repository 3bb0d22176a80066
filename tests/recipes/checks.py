"""What was added by the recipes is used, in a copy of the package that followed them: one check per recipe.

Run as a program by `tests/recipes`, with the copy first on the path; prints what became of each check as JSON.
"""

import json
import traceback

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np  # noqa: E402

from eqntk_cli.config.compose import compose  # noqa: E402


def group() -> None:
    """It has as many elements as it should, is closed, and its kernel is the full recursion's."""
    from eqntk_cli.architectures.registry import pair_kernel
    from eqntk_cli.domains.sphere import Sphere
    from eqntk_cli.groups.registry import get_group

    config = compose(["dataset=molecules", "architecture=spherical_mlp", "group=tetrahedral"])
    tetrahedral = get_group(config.group)
    assert len(tetrahedral.elements) == 12
    assert sorted(tetrahedral.product[5]) == list(range(12))
    x = np.random.default_rng(0).normal(size=(2, 4, 1))
    config.architecture.bandlimit = 2
    config.architecture.hidden_layers = 1
    fast, full = (pair_kernel(config.architecture, tetrahedral, Sphere(2, 1), route) for route in ("auto", "recursion"))
    np.testing.assert_allclose(jax.jit(fast.block)(x, x).ntk, jax.jit(full.block)(x, x).ntk, rtol=1e-10)


def layer() -> None:
    """Its finite kernel is the recursion's, exactly for one linear layer per branch."""
    from eqntk_cli.domains.lattice import Lattice, Window
    from eqntk_cli.domains.pixels import PixelGrid
    from eqntk_cli.domains.support import convolution, pointwise
    from eqntk_cli.layers.linear import Linear
    from eqntk_cli.layers.network import Sequential
    from eqntk_cli.layers.parallel import Parallel
    from eqntk_cli.layers.pooling import Pool
    from eqntk_cli.recursion.table import InputState

    grid = PixelGrid(4, 4, 2)
    window = convolution(Lattice.of_image(4, 4), Window((3, 3), "same"))
    branches = ((Linear(window, 1, 1.7, 0.6),), (Linear(pointwise(16), 1, 0.9, 0.3),))
    network = Sequential(grid, (Parallel(branches), Pool()))
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 2))
    params = jax.jit(network.init)(jax.random.key(0), x)
    gradient = jax.jit(jax.jacobian(lambda p: network.apply(p, x)[:, 0]))(params)
    rows = np.concatenate([np.asarray(leaf).reshape(2, -1) for leaf in jax.tree.leaves(gradient)], axis=1)
    state = network.kernel(InputState(grid.sites(x), grid.sites(x)))
    np.testing.assert_allclose(rows @ rows.T, state.ntk, rtol=1e-12)


def architecture() -> None:
    """Its settings compose, and shuffling the pixels changes nothing."""
    from eqntk_cli.architectures.registry import pair_kernel
    from eqntk_cli.domains.pixels import PixelGrid
    from eqntk_cli.groups.registry import get_group

    config = compose(["architecture=pixelwise", "group=c4"])
    kernel = pair_kernel(config.architecture, get_group(config.group), PixelGrid(4, 4, 1))
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 1))
    shuffled = np.random.default_rng(1).permutation(x.reshape(2, 16, 1), axis=1).reshape(x.shape)
    block = jax.jit(kernel.block)
    np.testing.assert_allclose(block(x, x).ntk, block(shuffled, shuffled).ntk, rtol=1e-12)


def data_set() -> None:
    """It is listed, and is loaded as a run would."""
    from eqntk_cli.data.registry import entries, load_data

    config = compose(["dataset=stripes", "dataset.n_train=6", "dataset.n_test=4", "dataset.n_ood=2"])
    bundle = load_data(config.dataset, config.architecture)
    assert bundle.train_x.shape == (6, 8, 8, 1)
    assert "stripes" in {entry.name for entry in entries()}


def statistic() -> None:
    """It is in the report's tables, with its heading."""
    from eqntk_cli.report.findings.base import table_of
    from eqntk_cli.report.findings.catalogue import ON_PAIRS
    from eqntk_cli.report.findings.largest import Largest

    assert Largest in ON_PAIRS
    (sheet,) = Largest.SHEETS
    table = table_of(Largest, sheet, [({}, Largest("gcnn_ensemble", (0, 5), (1.0, 2.0)))], ())
    assert [one.heading for one in table.columns] == ["Model", "Step", "Largest"]
    assert table.rows == (("gcnn_ensemble", 0, 1.0), ("gcnn_ensemble", 5, 2.0))


def representation() -> None:
    """Augmented targets turn with their copies."""
    from eqntk_cli.config.schema import GroupConfig
    from eqntk_cli.domains.sphere import Sphere
    from eqntk_cli.groups.registry import get_group
    from eqntk_cli.models.augmentation import Orbit
    from eqntk_cli.targets.vector import Vector

    turns = get_group(GroupConfig("octahedral"))
    y = np.random.default_rng(0).normal(size=(3, 3))
    moved = np.asarray(Orbit(turns, Sphere(2, 1), Vector()).targets(y)).reshape(3, 24, 3)
    np.testing.assert_allclose(moved, np.einsum("gij,nj->ngi", turns.matrices, y), rtol=1e-12)


def device() -> None:
    """The block is computed on the last device, with the values of the first."""
    from eqntk_cli.architectures.registry import plain_kernel
    from eqntk_cli.domains.pixels import PixelGrid

    kernel = plain_kernel(
        compose(["architecture=mlp", "architecture.hidden_layers=0"]).architecture, PixelGrid(3, 3, 1)
    )
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 1))
    placed, original = kernel.block(x, x).ntk, kernel.kernel.block(x, x).ntk
    assert placed.devices() == {jax.devices()[-1]} != original.devices()
    np.testing.assert_allclose(placed, original, rtol=1e-12)


CHECKS = (group, layer, architecture, data_set, statistic, representation, device)

if __name__ == "__main__":
    outcome = {}
    for check in CHECKS:
        try:
            check()
            outcome[check.__name__] = "done"
        except Exception:
            outcome[check.__name__] = traceback.format_exc()
    print(json.dumps(outcome))  # noqa: T201
