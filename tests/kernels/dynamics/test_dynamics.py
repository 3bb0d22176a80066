"""Mean and covariance over time, against step-by-step iteration, matrix exponentials, samples and a library."""

import numpy as np
import pytest
import scipy.linalg

from eqntk_cli.errors import ConfigError, DataError, NumericalError
from eqntk_cli.kernels.dynamics.prediction import fit
from eqntk_cli.kernels.dynamics.spectrum import Schedule
from eqntk_cli.kernels.pair.base import KernelBlock

TRAIN, TEST, OUTPUTS = 7, 4, 2


def joint_kernels(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """K and T on training and test points together; different matrices, both positive."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, TRAIN + TEST, 15))
    return a @ a.T / 15, a @ a.T / 15 + b @ b.T / 10


def split(nngp: np.ndarray, ntk: np.ndarray) -> tuple[KernelBlock, KernelBlock, KernelBlock]:
    train, test = slice(0, TRAIN), slice(TRAIN, None)
    return tuple(KernelBlock(nngp[i, j], ntk[i, j]) for i, j in ((train, train), (test, train), (test, test)))


def targets(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(TRAIN, OUTPUTS))


def iterate(start: np.ndarray, driving: np.ndarray, y: np.ndarray, steps: int, step_size: float, ridge: float):
    """Linearised gradient descent in function space on all points; (..., point) values, (..., train) targets.

    The weights moved by J^T a, so f = f_0 + T a, and the decay towards the start pulls a back by ridge * a.
    """
    moved = np.zeros_like(start[..., :TRAIN])
    for _ in range(steps):
        values = start + moved @ driving[:TRAIN]
        moved = moved - step_size / TRAIN * (values[..., :TRAIN] - y + ridge * moved)
    return start + moved @ driving[:TRAIN]


@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
@pytest.mark.parametrize("ridge", [0.0, 0.4])
@pytest.mark.parametrize("fraction", [0.3, 0.9])
def test_mean_equals_gradient_descent_step_by_step(kernel, ridge, fraction):
    nngp, ntk = joint_kernels()
    train, cross, _ = split(nngp, ntk)
    ensemble = fit(train, targets(), kernel, ridge)
    step_size = fraction * ensemble.spectrum.stability_limit
    got = ensemble.mean(cross, Schedule((0, 1, 2, 37), step_size))
    driving = ntk if kernel == "ntk" else nngp
    for row, steps in zip(got, (0, 1, 2, 37), strict=True):
        want = iterate(np.zeros((OUTPUTS, TRAIN + TEST)), driving, targets().T, steps, step_size, ridge)
        np.testing.assert_allclose(row, want[:, TRAIN:].T, rtol=1e-11, atol=1e-13)


def test_mean_under_flow_equals_the_matrix_exponential():
    train, cross, _ = split(*joint_kernels())
    got = fit(train, targets()).mean(cross, Schedule((0.0, 0.7, 30.0, np.inf)))
    for row, time in zip(got, (0.0, 0.7, 30.0), strict=False):
        rest = scipy.linalg.expm(-time * train.ntk / TRAIN)
        want = cross.ntk @ np.linalg.solve(train.ntk, (np.eye(TRAIN) - rest) @ targets())
        np.testing.assert_allclose(row, want, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(got[3], cross.ntk @ np.linalg.solve(train.ntk, targets()), rtol=1e-10)


@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
@pytest.mark.parametrize("ridge", [0.0, 0.4])
def test_covariance_equals_propagated_starts(kernel, ridge):
    # Every member is linear in its start, so the covariance follows exactly from the response to unit starts.
    nngp, ntk = joint_kernels()
    train, cross, test = split(nngp, ntk)
    ensemble = fit(train, targets(), kernel, ridge)
    step_size = 0.8 * ensemble.spectrum.stability_limit
    got = ensemble.covariance(cross, test, Schedule((0, 1, 5, 60), step_size))
    driving = ntk if kernel == "ntk" else nngp
    np.testing.assert_allclose(got[0], test.nngp, rtol=1e-14)
    for row, steps in zip(got, (0, 1, 5, 60), strict=True):
        response = iterate(np.eye(TRAIN + TEST), driving, np.zeros(TRAIN), steps, step_size, ridge)[:, TRAIN:]
        np.testing.assert_allclose(row, response.T @ nngp @ response, rtol=1e-10, atol=1e-12)


def test_covariance_equals_the_spread_of_sampled_members():
    nngp, ntk = joint_kernels()
    train, cross, test = split(nngp, ntk)
    ensemble = fit(train, targets()[:, :1], ridge=0.1, target_noise=0.3)
    step_size, steps, members = 0.5 * ensemble.spectrum.stability_limit, 12, 40000
    rng = np.random.default_rng(3)
    starts = rng.multivariate_normal(np.zeros(TRAIN + TEST), nngp, size=members)
    noisy = targets()[:, 0] + np.sqrt(0.3) * rng.normal(size=(members, TRAIN))
    ends = iterate(starts, ntk, noisy, steps, step_size, 0.1)[:, TRAIN:]
    schedule = Schedule((steps,), step_size)
    want = ensemble.covariance(cross, test, schedule)[0]
    spread = np.sqrt(np.outer(np.diag(want), np.diag(want)) + want**2)
    assert np.max(np.abs(np.cov(ends.T) - want) / spread) < 5 / np.sqrt(members)
    error = np.abs(ends.mean(0) - ensemble.mean(cross, schedule)[0, :, 0])
    assert np.max(error / np.sqrt(np.diag(want))) < 5 / np.sqrt(members)


def test_readout_training_with_noise_ends_in_the_posterior():
    train, cross, test = split(*joint_kernels())
    noise = 0.2
    ensemble = fit(train, targets(), "nngp", ridge=noise, target_noise=noise)
    gain = cross.nngp @ np.linalg.inv(train.nngp + noise * np.eye(TRAIN))
    forever = Schedule((np.inf,))
    np.testing.assert_allclose(ensemble.mean(cross, forever)[0], gain @ targets(), rtol=1e-11)
    want = test.nngp - gain @ cross.nngp.T
    np.testing.assert_allclose(ensemble.covariance(cross, test, forever)[0], want, rtol=1e-10, atol=1e-12)


def test_training_points_are_fitted_in_the_end_without_spread():
    train, _, _ = split(*joint_kernels())
    ensemble = fit(train, targets())
    forever = Schedule((np.inf,), 0.9 * ensemble.spectrum.stability_limit)
    np.testing.assert_allclose(ensemble.mean(train, forever)[0], targets(), rtol=1e-10)
    np.testing.assert_allclose(ensemble.covariance(train, train, forever)[0], 0.0, atol=1e-12)


@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
@pytest.mark.parametrize("time", ["0.5", "5.0", "50.0", "inf"])
def test_values_of_an_independent_library(reference_root, kernel, time):
    # The library's time is divided by N * outputs = 24 where ours is divided by N = 12.
    values = np.load(reference_root / "planar_kernels.npz")
    x, x_test = (values[f"dyn/{name}"].reshape(-1, 36) for name in ("x", "x_test"))
    everything = relu_kernels(np.concatenate([x, x_test]), 1.4, 0.1)
    train, cross, test = (
        KernelBlock(*(part[i, j] for part in everything))
        for i, j in ((slice(12), slice(12)), (slice(12, None), slice(12)), (slice(12, None), slice(12, None)))
    )
    np.testing.assert_allclose(train.nngp, values["dyn/K"], rtol=1e-12)
    np.testing.assert_allclose(train.ntk, values["dyn/T"], rtol=1e-12)
    ensemble = fit(KernelBlock(values["dyn/K"], values["dyn/T"]), values["dyn/y"], kernel)
    schedule = Schedule((float(time) * 12 / 24,))
    stem = f"dyn/{kernel}/t={time}"
    np.testing.assert_allclose(ensemble.mean(cross, schedule)[0], values[f"{stem}/mean"], rtol=1e-8, atol=1e-9)
    got = ensemble.covariance(cross, test, schedule)[0]
    np.testing.assert_allclose(got, values[f"{stem}/cov"], rtol=1e-8, atol=1e-9)


def relu_kernels(x: np.ndarray, gain: float, bias: float, hidden: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """NNGP and NTK of a ReLU network, written out (Cho and Saul 2009)."""
    nngp = gain**2 * x @ x.T / x.shape[1] + bias**2
    ntk = nngp.copy()
    for _ in range(hidden):
        scale = np.sqrt(np.outer(np.diag(nngp), np.diag(nngp)))
        cosine = np.clip(nngp / scale, -1, 1)
        np.fill_diagonal(cosine, 1.0)
        angle = np.arccos(cosine)
        activated = scale / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * cosine)
        nngp, old = gain**2 * activated + bias**2, ntk
        ntk = nngp + gain**2 * old * (np.pi - angle) / (2 * np.pi)
    return nngp, ntk


def test_mismatched_inputs_are_named():
    train, cross, test = split(*joint_kernels())
    good = fit(train, targets())
    flow = Schedule((1.0,))
    with pytest.raises(ConfigError, match="kernel=both"):
        fit(train, targets(), "both")
    with pytest.raises(ConfigError, match="target_noise=-1"):
        fit(train, targets(), target_noise=-1.0)
    with pytest.raises(DataError, match="rows of targets"):
        fit(train, targets()[:-1])
    with pytest.raises(DataError, match="targets holds? NaN|targets holds"):
        fit(train, np.full((TRAIN, 1), np.nan))
    with pytest.raises(DataError, match="square"):
        fit(cross, targets())
    with pytest.raises(DataError, match="not symmetric"):
        fit(KernelBlock(train.nngp, np.triu(train.ntk)), targets())
    with pytest.raises(DataError, match="4 columns.*transpose"):
        good.mean(KernelBlock(cross.nngp.T, cross.ntk.T), flow)
    with pytest.raises(DataError, match="test x test has shape"):
        good.covariance(cross, train, flow)
    with pytest.raises(NumericalError, match="NaN"):
        fit(KernelBlock(train.nngp, train.ntk * np.nan), targets())
