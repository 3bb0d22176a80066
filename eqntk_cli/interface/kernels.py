"""`eqntk_cli.kernel` and `eqntk_cli.predict`: Gram matrices, and what follows from them, as function calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from eqntk_cli.errors import ConfigError
from eqntk_cli.interface.inputs import from_arrays
from eqntk_cli.interface.network import Network, network_config
from eqntk_cli.kernels.dynamics.prediction import fit
from eqntk_cli.kernels.dynamics.spectrum import Schedule, describe
from eqntk_cli.kernels.pair.base import KernelBlock

_GIB = 1 << 30

Times = float | Sequence[float]


def kernel(
    x1: Shaped[np.ndarray, "sample1 height width channel"],
    x2: Shaped[np.ndarray, "sample2 height width channel"] | None = None,
    *,
    group: str = "c1",
    architecture: str = "mlp",
    group_order: int | None = None,
    route: str = "auto",
    precision: str = "float64",
    memory: float | None = None,
    **settings: Any,
) -> KernelBlock:
    """NNGP and NTK of all pairs of samples, K(x, x') and T(x, x'), as arrays (sample1, sample2) in float64.

    The kernels are those of `eqntk kernel`: of the network that is equivariant under `group`, which where the collapse
    holds are E_u K(x, u x') and E_u T(x, u x'), u uniform on the group (Misof, Kessel, Gerken, arXiv 2406.06504). The
    setting of jax's precision is not changed.

    Args:
        x1: images (n1, H, W, C), or signals on the equiangular grid (n1, 2L, 2L-1, C) for spherical_mlp.
        x2: samples along the columns; None: those of `x1`, and the matrices are exactly symmetric.
        group: c1 c2 c4 d1 d2 d4 for images; so3 octahedral icosahedral cn on the sphere.
        architecture: mlp, cnn or spherical_mlp.
        group_order: group="cn": its number of rotations.
        route: auto, collapsed or recursion.
        precision: float32 or float64, of the computation.
        memory: GiB for one tile on each device; None: chosen by the device.
        settings: of the architecture, as after `architecture.` on the command line; others are as in conf/.

    Returns:
        The named pair (nngp, ntk).

    Raises:
        ConfigError: an unknown name, or settings that do not go together.
        DataError: arrays that are no samples.
        NumericalError: an entry is not finite.

    Examples:
        >>> import numpy as np, eqntk_cli
        >>> x = np.random.default_rng(0).normal(size=(5, 4, 4, 1))
        >>> block = eqntk_cli.kernel(x, group="c4", hidden_layers=1, W_std=[1.3, 1.1], b_std=[0.2, 0.1])
        >>> block.ntk.shape
        (5, 5)
        >>> turned = eqntk_cli.kernel(x, np.rot90(x, axes=(1, 2)), group="c4", hidden_layers=1, W_std=[1.3, 1.1],
        ...                           b_std=[0.2, 0.1])
        >>> bool(np.allclose(block.ntk, turned.ntk))
        True
    """
    if memory is not None and not memory > 0:
        raise ConfigError(f"memory={memory:g} is not possible; expected a positive number of GiB.")
    config = network_config(group, architecture, settings, group_order, route, precision)
    inputs = from_arrays(config, np.asarray(x1), None if x2 is None else np.asarray(x2))
    tile = None if memory is None else int(memory * _GIB)
    return Network.of(inputs).gram(inputs.x1, inputs.x2, tile)


@dataclass(frozen=True)
class Prediction:
    """The infinite ensemble at some points and times.

    Attributes:
        times: steps, or times of gradient flow.
        mean: mu_t(x).
        covariance: S_t(x, x') over the initialisations, None where it was not asked for.
        spectrum: condition_number, lambda_max, lambda_min, stability_limit, resolution and ridge of the kernel.

    Examples:
        >>> import numpy as np, eqntk_cli
        >>> one = eqntk_cli.kernel(np.ones((1, 1, 1, 1)), hidden_layers=0, W_std=1.0, b_std=0.0)  # T = 1
        >>> told = eqntk_cli.predict(one, one, np.array([3.0]), test=one, time=[0, np.log(2), np.inf])
        >>> told.mean[:, 0, 0].round(9).tolist()  # 3 (1 - exp(-t))
        [0.0, 1.5, 3.0]
        >>> told.covariance[:, 0, 0].round(9).tolist()  # exp(-2t)
        [1.0, 0.25, 0.0]
    """

    times: Float[np.ndarray, " time"]
    mean: Float[np.ndarray, "time test output"]
    covariance: Float[np.ndarray, "time test test"] | None
    spectrum: dict[str, float]


def predict(
    train: KernelBlock,
    cross: KernelBlock,
    targets: Shaped[np.ndarray, "train *output"],
    *,
    test: KernelBlock | None = None,
    time: Times | None = None,
    steps: Times | None = None,
    step_size: float | None = None,
    kernel: str = "ntk",
    ridge: float = 0.0,
) -> Prediction:
    """Mean, and with `test` covariance, of the infinite ensemble after training on 1/(2N) sum_i |f(x_i) - y_i|^2.

    mu_t(x) = T(x, X) phi_t(T(X, X) + R) Y with phi_t(lambda) = (1 - exp(-t lambda / N)) / lambda for gradient flow and
    (1 - (1 - eta lambda / N)^t) / lambda after t steps of size eta (Lee et al., arXiv 1902.06720, eqs. 14-16).

    Args:
        train: kernels of the training samples with themselves, as `kernel` returns them.
        cross: of the test samples (rows) with the training samples (columns).
        targets: Y, (train,) or (train, output).
        test: kernels of the test samples with themselves, for the covariance.
        time: times of gradient flow, infinity included; or:
        steps: numbers of steps of `step_size`.
        step_size: eta.
        kernel: ntk (all weights are trained) or nngp (only the read-out).
        ridge: R, in units of the kernel: a weight decay R/(2N) |theta - theta_0|^2; with kernel="nngp" also the
            variance of noise on the targets, so that time=inf is the posterior of the Gaussian process.

    Raises:
        ConfigError: neither or both of time and steps, or numbers that are not possible.
        DataError: matrices that do not belong together.
        NumericalError: an unstable step size, or a kernel too singular for the time.

    Examples:
        >>> import numpy as np, eqntk_cli
        >>> x = np.random.default_rng(0).normal(size=(6, 3, 3, 1))
        >>> train, cross = eqntk_cli.kernel(x[:4], group="c4"), eqntk_cli.kernel(x[4:], x[:4], group="c4")
        >>> eqntk_cli.predict(train, cross, np.array([0.0, 1.0, 0.0, 1.0]), time=[1, np.inf]).mean.shape
        (2, 2, 1)
    """
    schedule = _schedule(time, steps, step_size)
    values = np.asarray(targets)
    noise = ridge if kernel == "nngp" else 0.0
    ensemble = fit(train, values[:, None] if values.ndim == 1 else values, kernel, ridge, target_noise=noise)
    mean = ensemble.mean(cross, schedule)
    covariance = None if test is None else ensemble.covariance(cross, test, schedule)
    return Prediction(np.asarray(schedule.times), mean, covariance, describe(ensemble.spectrum))


def _schedule(time: Times | None, steps: Times | None, step_size: float | None) -> Schedule:
    if (time is None) == (steps is None):
        raise ConfigError("give either time, or steps with step_size; for example time=[1, inf].")
    if (steps is None) != (step_size is None):
        raise ConfigError("steps and step_size belong together; leave both out with time, which is gradient flow.")
    chosen = time if steps is None else steps
    return Schedule(tuple(float(number) for number in np.atleast_1d(np.asarray(chosen, np.float64))), step_size)
