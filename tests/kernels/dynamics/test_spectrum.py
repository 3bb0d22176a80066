"""The factors of training along each eigenvector, against extended precision and direct iteration."""

from decimal import Decimal, getcontext

import numpy as np
import pytest

from eqntk_cli.errors import ConfigError, NumericalError
from eqntk_cli.kernels.dynamics.spectrum import Schedule, Spectrum, decompose, describe, stability_limit


def with_eigenvalues(values: list[float], seed: int = 0) -> np.ndarray:
    basis, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))
    matrix = basis @ np.diag(values) @ basis.T
    return 0.5 * (matrix + matrix.T)


def exact_progress(eigenvalue: float, samples: int, steps: int, step_size: float) -> float:
    getcontext().prec = 60
    value = Decimal(eigenvalue)
    rest = (1 - Decimal(step_size) * value / samples) ** steps
    return float((1 - rest) / value)


@pytest.mark.parametrize("steps", [1, 2, 7, 100, 100001])
@pytest.mark.parametrize("step_size", [0.3, 1.0, 1.9999999])
def test_steps_are_exact_to_rounding_for_every_size_of_eigenvalue(steps, step_size):
    # eta lambda / N runs from 1e-14 (cancels in 1 - r) over 1 (sign change) to just below 2 (hardly shrinks)
    eigenvalues = np.array([1e-14, 1e-7, 1.0, 2.2, 3.999999])
    spectrum = Spectrum(eigenvalues, np.eye(len(eigenvalues)), resolution=0.0)
    step_size *= spectrum.samples / 4
    got = spectrum.progress(Schedule((steps,), step_size))[0]
    want = [exact_progress(value, spectrum.samples, steps, step_size) for value in eigenvalues]
    np.testing.assert_allclose(got[:3], want[:3], rtol=1e-14)
    # near 2 the factor itself is only known to a rounding per step, whatever the formula
    np.testing.assert_allclose(got, want, rtol=1e-14, atol=4e-16 * steps)


def test_flow_is_exact_for_tiny_eigenvalues_and_has_the_right_limits():
    spectrum = Spectrum(np.array([0.0, 1e-13, 0.5]), np.eye(3), resolution=0.0)
    got = spectrum.progress(Schedule((0.0, 6.0)))
    np.testing.assert_array_equal(got[0], 0.0)
    np.testing.assert_allclose(got[1], [2.0, 2.0, (1 - np.exp(-1.0)) / 0.5], rtol=1e-13)


def test_many_small_steps_become_the_flow():
    spectrum = decompose(with_eigenvalues([0.1, 0.7, 2.0]))
    steps = spectrum.progress(Schedule((10**6,), 5e-6))
    flow = spectrum.progress(Schedule((5.0,)))
    np.testing.assert_allclose(steps, flow, rtol=1e-5)


def test_the_end_of_training_is_the_inverse_with_the_ridge():
    kernel = with_eigenvalues([0.3, 1.0, 2.0])
    spectrum = decompose(kernel, ridge=0.25)
    progress = spectrum.progress(Schedule((np.inf,)))[0]
    inverse = spectrum.eigenvectors @ np.diag(progress) @ spectrum.eigenvectors.T
    np.testing.assert_allclose(inverse, np.linalg.inv(kernel + 0.25 * np.eye(3)), rtol=1e-13, atol=1e-14)


def test_reported_numbers():
    spectrum = decompose(with_eigenvalues([0.5, 1.0, 4.0]), ridge=0.5)
    report = describe(spectrum)
    assert report["condition_number"] == pytest.approx(4.5, rel=1e-13)
    assert report["lambda_max"] == pytest.approx(4.5, rel=1e-13)
    assert report["stability_limit"] == pytest.approx(2 * 3 / 4.5, rel=1e-13)


@pytest.mark.parametrize("samples", [3, 700])  # all eigenvalues at once, and the largest alone
def test_the_stability_limit_needs_no_whole_spectrum(samples):
    kernel = np.eye(samples) + np.full((samples, samples), 3 / samples)
    assert stability_limit(kernel) == pytest.approx(2 * samples / 4, rel=1e-12)


@pytest.mark.parametrize(("factor", "diverges"), [(0.999, False), (1.0, True), (1.5, True)])
def test_a_step_size_from_the_stability_limit_on_is_refused(factor, diverges):
    spectrum = decompose(with_eigenvalues([0.5, 1.0, 4.0]))
    schedule = Schedule((3,), factor * spectrum.stability_limit)
    if diverges:
        with pytest.raises(NumericalError, match=r"stability limit .* = 1\.5 .*smaller step size"):
            spectrum.progress(schedule)
    else:
        assert np.isfinite(spectrum.progress(schedule)).all()


def test_a_singular_kernel_is_refused_only_where_it_matters():
    spectrum = decompose(with_eigenvalues([0.0, 1.0, 4.0]))
    assert np.isfinite(spectrum.progress(Schedule((0.0, 1.0, 1e6)))).all()
    with pytest.raises(NumericalError, match="1 of its 3 eigenvalues.*add a ridge.*float64"):
        spectrum.progress(Schedule((1.0, np.inf)))
    assert np.isfinite(decompose(with_eigenvalues([0.0, 1.0, 4.0]), ridge=1e-3).progress(Schedule((np.inf,)))).all()


def test_float32_kernels_are_known_less_well():
    kernel = with_eigenvalues([1e-6, 1.0, 4.0])
    assert np.isfinite(decompose(kernel).progress(Schedule((np.inf,)))).all()
    with pytest.raises(NumericalError, match="singular"):
        decompose(kernel.astype(np.float32)).progress(Schedule((np.inf,)))
    with pytest.raises(NumericalError, match="singular"):
        decompose(kernel, relative_error=1e-5).progress(Schedule((np.inf,)))


@pytest.mark.parametrize(
    ("times", "step_size", "message"),
    [
        ((), None, "empty"),
        ((-1.0,), None, "times=-1"),
        ((float("nan"),), None, "times=nan"),
        ((1.5,), 0.1, "steps=1.5.*whole numbers"),
        ((1,), 0.0, "step_size=0"),
        ((1,), float("inf"), "step_size=inf"),
    ],
)
def test_impossible_schedules_are_refused(times, step_size, message):
    with pytest.raises(ConfigError, match=message):
        Schedule(times, step_size)


def test_impossible_kernels_are_refused():
    with pytest.raises(ConfigError, match="ridge=-1"):
        decompose(np.eye(2), ridge=-1.0)
    with pytest.raises(NumericalError, match="NaN"):
        decompose(np.full((2, 2), np.nan))
