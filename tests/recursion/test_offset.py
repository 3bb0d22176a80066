"""The planar stream against the full recursion, a loop written out in numpy, and values of an independent library."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqntk_cli.architectures.cnn import Cnn
from eqntk_cli.architectures.mlp import Mlp
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.planar import cyclic, dihedral
from eqntk_cli.kernels.pair.network import StreamKernel
from eqntk_cli.recursion.table import InputState

GAINS, BIASES = [1.3, 1.1, 0.9], [0.2, 0.1, 0.05]


def network(shape, **settings):
    given = {"name": "cnn", "hidden_layers": 2, "W_std": GAINS, "b_std": BIASES, **settings}
    return Cnn(ArchitectureConfig(**given)).plain_network(PixelGrid(*shape), width=1, outputs=1)


def images(shape, precision=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(jnp.asarray(rng.normal(size=(n, *shape)), precision) for n in (2, 3))


def compiled(function, *arrays):
    """The function's value; compiled in haste, since these programs run for milliseconds."""
    return jax.jit(function).lower(*arrays).compile({"xla_backend_optimization_level": 0})(*arrays)


def full_recursion(net, x1, x2):
    state = net.kernel(InputState(net.domain.sites(x1), net.domain.sites(x2))).pool()
    return state.nngp, state.ntk


def assert_agrees(net, x1, x2, tolerance=1e-12):
    got = compiled(StreamKernel(net).block, x1, x2)
    for ours, judge in zip(got, compiled(partial(full_recursion, net), x1, x2), strict=True):
        np.testing.assert_allclose(ours, judge, rtol=tolerance)


WINDOWS = [{"filter": 3}, {"filter": [2, 4]}, {"filter": 3, "stride": 2}, {"filter": [1, 2], "stride": 2}]
MORE_WINDOWS = [{"filter": 2}, {"filter": [3, 2]}, {"filter": 2, "stride": 2}, {"filter": [4, 3], "stride": 3}]
CASES = [(window, "pool") for window in WINDOWS] + [({"filter": [3, 2], "stride": 2}, "flatten")]
MORE_CASES = [(window, "pool") for window in MORE_WINDOWS] + [(w, "flatten") for w in WINDOWS + MORE_WINDOWS]
MARKED = [pytest.param(*case, id=str(case)) for case in CASES]
MARKED += [pytest.param(*case, id=str(case), marks=pytest.mark.slow) for case in MORE_CASES]


@pytest.mark.parametrize(("window", "readout"), MARKED)
@pytest.mark.parametrize("padding", ["valid", "same", "circular"])
def test_stream_is_the_full_recursion(padding, window, readout):
    sides = {"valid": (11, 13), "same": (7, 8), "circular": (8, 12)}[padding]
    if window.get("stride") == 3:
        sides = (22, 18) if padding == "valid" else (9, 18)
    shape = (*sides, 2)
    assert_agrees(network(shape, padding=padding, readout=readout, **window), *images(shape))


@pytest.mark.parametrize("activation", ["leaky_relu", "erf", "gelu", "tanh"])
def test_stream_is_the_full_recursion_for_every_activation(activation):
    shape = (6, 7, 1)
    assert_agrees(network(shape, activation=activation), *images(shape))


@pytest.mark.parametrize("padding", ["same", "circular"])
def test_skip_connections(padding):
    shape = (5, 6, 1)
    net = network(shape, padding=padding, skip=True, hidden_layers=3, W_std=[1.3, 1.1, 0.8, 0.9], b_std=0.1)
    assert_agrees(net, *images(shape))


@pytest.mark.parametrize("shape", [(5, 5, 1), (6, 5, 1)])
def test_a_single_final_position(shape):
    """Two valid 3x3 convolutions leave one position of five: no second branch along that axis."""
    assert_agrees(network(shape), *images(shape))


@pytest.mark.parametrize("depth", [1, 3])
def test_depth(depth):
    shape = (9, 8, 1)
    net = network(shape, hidden_layers=depth, W_std=[*[1.2] * depth, 0.9], b_std=[*[0.1] * depth, 0.05])
    assert_agrees(net, *images(shape))


def naive_positions(count, size, stride, padding):
    """For each output position and tap of one axis the input position, None outside."""
    if padding == "valid":
        outputs, low = (count - size) // stride + 1, 0
    elif padding == "same":
        outputs = -(-count // stride)
        low = max((outputs - 1) * stride + size - count, 0) // 2
    else:
        outputs, low = count // stride, (size - 1) // 2
    read = [[o * stride - low + tap for tap in range(size)] for o in range(outputs)]
    if padding == "circular":
        return [[i % count for i in taps] for taps in read]
    return [[i if 0 <= i < count else None for i in taps] for taps in read]


def naive_average(kernel, size, stride, padding):
    """out[t, t'] = mean over taps y of kernel[t + y, t' + y], zero outside, one entry after the other."""
    rows, columns = (naive_positions(kernel.shape[axis], size[axis], stride, padding) for axis in (0, 1))
    out = np.zeros((len(rows), len(columns)) * 2)
    for i, j, k, m in itertools.product(range(len(rows)), range(len(columns)), repeat=2):
        for down, across in itertools.product(range(size[0]), range(size[1])):
            entry = (rows[i][down], columns[j][across], rows[k][down], columns[m][across])
            if None not in entry:
                out[i, j, k, m] += kernel[entry] / (size[0] * size[1])
    return out


def naive_relu(kernel, first, second):
    """The arc-cosine kernels of order 1 and 0."""
    q11, q22 = (np.einsum("ijij->ij", variance) for variance in (first, second))
    scale = np.sqrt(q11[:, :, None, None] * q22[None, None])
    angle = np.arccos(np.clip(kernel / scale, -1, 1))
    return scale / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * np.cos(angle)), (np.pi - angle) / (2 * np.pi)


def naive_kernels(x1, x2, size, stride, padding):
    """NNGP and NTK of one pair of images, two convolutions with ReLU, average pooling and dense read-out."""
    inputs = {"12": (x1, x2), "11": (x1, x1), "22": (x2, x2)}
    kernels = {key: np.einsum("ijc,klc->ijkl", a, b) / a.shape[-1] for key, (a, b) in inputs.items()}
    tangent = np.zeros_like(kernels["12"])
    for gain, bias in zip(GAINS[:2], BIASES[:2], strict=True):
        average = {key: gain**2 * naive_average(k, size, stride, padding) + bias**2 for key, k in kernels.items()}
        tangent = average["12"] + gain**2 * naive_average(tangent, size, stride, padding)
        kernels = {key: naive_relu(average[key], average[2 * key[0]], average[2 * key[1]])[0] for key in average}
        tangent = tangent * naive_relu(average["12"], average["11"], average["22"])[1]
    nngp = GAINS[2] ** 2 * kernels["12"].mean() + BIASES[2] ** 2
    return nngp, nngp + GAINS[2] ** 2 * tangent.mean()


@pytest.mark.parametrize(("padding", "size", "stride"), [("valid", 3, 1), ("same", 2, 2), ("circular", 3, 2)])
def test_stream_is_a_loop_over_all_pairs_of_positions(padding, size, stride):
    shape = (7, 6, 2) if padding == "valid" else (4, 8, 2)
    x1, x2 = images(shape)
    net = network(shape, padding=padding, filter=size, stride=stride)
    got = compiled(StreamKernel(net).block, x1, x2)
    wanted = naive_kernels(np.asarray(x1[1]), np.asarray(x2[2]), (size, size), stride, padding)
    np.testing.assert_allclose([values[1, 2] for values in got], wanted, rtol=1e-12)


GROUPS = {"c1": cyclic(1), "c4": cyclic(4), "d4": dihedral(4)}
REFERENCES = [("relu", "valid", "c4"), ("relu", "same", "d4")]  # tests/models/test_reference.py has all of them
REFERENCES += [
    pytest.param(*case, marks=pytest.mark.slow)
    for case in [*itertools.product(["relu"], ["valid", "same", "circular"], GROUPS), ("erf", "valid", "c4")]
    if case not in REFERENCES
]


@pytest.mark.parametrize(("activation", "padding", "group"), REFERENCES)
def test_stream_reproduces_an_independent_library(reference_root, activation, padding, group):
    """Its kernels of plain networks, averaged over the images moved by the group."""
    name = f"cnn_{activation}_{padding}_{group}"
    reference = np.load(reference_root / "planar_kernels.npz")
    x1, x2 = reference["x1"], reference["x2"]
    net = network(x1.shape[1:], activation=activation, padding=padding)
    precisions = [(np.float64, 1e-10), (np.float32, 1e-4)] if group == "c4" else [(np.float64, 1e-10)]
    for precision, tolerance in precisions:
        moved = GROUPS[group].orbit(net.domain, jnp.asarray(x2, precision)).reshape(-1, *x2.shape[1:])
        got = compiled(StreamKernel(net).block, jnp.asarray(x1, precision), moved)
        for values, kind in zip(got, ("nngp", "ntk"), strict=True):
            assert values.dtype == precision
            mean = values.reshape(len(x1), len(x2), -1).mean(axis=-1)
            np.testing.assert_allclose(mean, reference[f"{name}/{kind}"], rtol=tolerance)


def test_float32_sums_do_not_drift():
    """In equal images all entries are equal: many positions must give what a single one gives, but for rounding.

    The worst case, since every addition rounds the same way: 30 roundings are seen when all cells are summed in one
    go, which is why they are summed row by row.
    """
    single, many = (
        compiled(StreamKernel(network((side, side, 1))).block, *[jnp.ones((1, side, side, 1), jnp.float32)] * 2)
        for side in (5, 28)
    )
    for got, wanted in zip(many, single, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=8 * np.finfo(np.float32).eps)


def test_memory_does_not_grow_with_the_square_of_the_image():
    sizes = []
    for side in (16, 32):
        x = jax.ShapeDtypeStruct((4, side, side, 1), jnp.float32)
        program = jax.jit(StreamKernel(network((side, side, 1))).block).lower(x, x).compile()
        sizes.append(program.memory_analysis().temp_size_in_bytes)
    assert sizes[1] / sizes[0] < 6, sizes  # four times the pixels; the table of all pairs would be sixteen times


def test_layers_that_do_not_stream_are_refused():
    shape = (6, 6, 1)
    x1, x2 = images(shape)
    settings = ArchitectureConfig(name="mlp", hidden_layers=1, W_std=1.0, b_std=0.1)
    dense = Mlp(settings).plain_network(PixelGrid(*shape), width=1, outputs=1)
    with pytest.raises(ConfigError, match="model.route=recursion"):
        StreamKernel(dense).block(x1, x2)
