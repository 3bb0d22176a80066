"""The spectrum of a training kernel, and how far gradient descent gets along each of its directions.

Under the loss 1/(2N) sum_i |f(x_i) - y_i|^2 the error along an eigenvector of the N x N kernel T with eigenvalue
lambda shrinks by the factor

    r_t = (1 - eta lambda / N)^t    after t steps of size eta,    r_t = exp(-t lambda / N)    under gradient flow,

so predictions need phi_t(lambda) = (1 - r_t) / lambda, whose limits are t eta / N for lambda -> 0 and 1 / lambda for
t -> infinity (Lee et al., Wide neural networks of any depth evolve as linear models, arXiv 1902.06720). Discrete
steps are stable for eta < 2 N / lambda_max. A ridge R is added to every eigenvalue; it is the weight decay
R/(2N) |theta - theta_0|^2 towards the initialisation, in the units of the kernel itself (an absolute number).
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
import scipy.sparse.linalg
from jaxtyping import Float, Shaped

from eqntk_cli.errors import ConfigError, NumericalError

_ROUNDINGS = 10.0  # rounding errors that add up in one entry of a kernel and in one eigenvalue, generously
_ZERO = 1e-300  # below this an eigenvalue is treated by its limit
_DENSE = 600  # samples; below this all eigenvalues are as quick as the largest one
_ALMOST = 1.0 - 1e-12  # a step size within rounding of the stability limit counts as beyond it


@dataclass(frozen=True)
class Schedule:
    """At which times predictions are wanted: numbers of steps of `step_size`, or times of the flow.

    `times` may hold infinity. `step_size` None means gradient flow, df/dt = -(T/N) (f - y).

    Examples:
        >>> Schedule((0, 10, float("inf")), step_size=0.5).clock.tolist()
        [0.0, 5.0, inf]
    """

    times: tuple[float, ...]
    step_size: float | None = None

    def __post_init__(self) -> None:
        key = "times" if self.step_size is None else "steps"
        if not self.times:
            raise ConfigError(f"{key} is empty; expected at least one number such as 1,10,inf.")
        for time in self.times:
            if not time >= 0:
                raise ConfigError(f"{key}={time:g} is not possible; expected numbers of at least 0, or inf.")
            if self.step_size is not None and np.isfinite(time) and time != int(time):
                raise ConfigError(f"steps={time:g} is not possible; expected whole numbers (use a flow time instead).")
        if self.step_size is not None and not 0 < self.step_size < np.inf:
            raise ConfigError(f"step_size={self.step_size:g} is not possible; expected a positive number.")

    @property
    def clock(self) -> Float[np.ndarray, "time"]:
        """Step size times steps, or the time of the flow: what multiplies lambda / N."""
        return np.asarray(self.times, dtype=np.float64) * (1.0 if self.step_size is None else self.step_size)


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues (ascending, ridge included) and eigenvectors (columns) of a kernel on the training set.

    Examples:
        >>> spectrum = decompose(np.diag([1.0, 4.0]))
        >>> spectrum.condition_number, spectrum.stability_limit  # 2 N / lambda_max
        (4.0, 1.0)
        >>> spectrum.progress(Schedule((float("inf"),))).tolist()  # 1 / lambda
        [[1.0, 0.25]]
        >>> spectrum.progress(Schedule((1,), step_size=0.5)).round(12).tolist()  # eta / N, whatever lambda
        [[0.25, 0.25]]
    """

    eigenvalues: Float[np.ndarray, "train"]
    eigenvectors: Float[np.ndarray, "train train"]
    resolution: float  # eigenvalues are known up to this absolute error
    ridge: float = 0.0

    @property
    def samples(self) -> int:
        """The number N of training samples."""
        return len(self.eigenvalues)

    @property
    def lambda_max(self) -> float:
        """The largest eigenvalue, ridge included."""
        return float(self.eigenvalues[-1])

    @property
    def condition_number(self) -> float:
        """Largest over smallest eigenvalue, ridge included; infinite where the smallest is not positive."""
        smallest = float(self.eigenvalues[0])
        return self.lambda_max / smallest if smallest > 0 else float("inf")

    @property
    def stability_limit(self) -> float:
        """The step size 2 N / lambda_max from which gradient descent diverges."""
        return 2.0 * self.samples / self.lambda_max if self.lambda_max > 0 else float("inf")

    @property
    def horizon(self) -> float:
        """The clock time up to which directions that the rounding hides have not begun to move (infinite: none)."""
        if self.eigenvalues[0] > self.resolution:
            return float("inf")
        return self.samples / max(self.resolution, -float(self.eigenvalues[0]), _ZERO)

    def with_ridge(self, ridge: float) -> "Spectrum":
        """The spectrum of the same kernel with another ridge, without another decomposition.

        Raises:
            ConfigError: the ridge is negative.
        """
        _check_ridge(ridge)
        return replace(self, eigenvalues=self.eigenvalues + (ridge - self.ridge), ridge=float(ridge))

    def progress(self, schedule: Schedule) -> Float[np.ndarray, "time train"]:
        """phi_t(lambda) = (1 - r_t) / lambda of every time and eigenvalue.

        Raises:
            NumericalError: the step size is beyond the stability limit, or a time is so long that it depends on
                eigenvalues smaller than the error with which the kernel is known.
        """
        self._check_step(schedule)
        self._check_times(schedule)
        rows = [_progress(self.eigenvalues, self.samples, time, schedule.step_size) for time in schedule.times]
        return np.stack(rows)

    def _check_step(self, schedule: Schedule) -> None:
        if schedule.step_size is not None and schedule.step_size >= self.stability_limit * _ALMOST:
            raise NumericalError(
                f"step size {schedule.step_size:.6g} makes gradient descent diverge; expected less than the stability "
                f"limit 2 N / lambda_max = {self.stability_limit:.6g} (N = {self.samples}); take a smaller step size."
            )

    def _check_times(self, schedule: Schedule) -> None:
        late = schedule.clock > self.horizon
        if not late.any():
            return
        hidden = int(np.sum(self.eigenvalues <= self.resolution))
        factor = 1.0 if schedule.step_size is None else schedule.step_size
        raise NumericalError(
            f"the kernel is numerically singular for time {schedule.times[int(np.argmax(late))]:g}: {hidden} of its "
            f"{self.samples} eigenvalues (smallest {self.eigenvalues[0]:.3g}, largest {self.lambda_max:.3g}) are not "
            f"above its rounding error {self.resolution:.3g}; add a ridge of that size or more, compute the kernel "
            f"with precision=float64, or stay below time {self.horizon / factor:.3g}."
        )


def decompose(
    kernel: Shaped[np.ndarray, "train train"], ridge: float = 0.0, relative_error: float | None = None
) -> Spectrum:
    """Eigendecomposition of a kernel plus ridge, in float64.

    Args:
        kernel: symmetric matrix in the precision it was computed in (float32 or float64).
        ridge: number R >= 0 added to the diagonal, in the units of the kernel.
        relative_error: error of the entries relative to the largest diagonal one, for instance that of a
            quadrature; by default the rounding unit of the kernel's own precision.

    Raises:
        ConfigError: the ridge is negative.
        NumericalError: an entry is not finite, or the eigensolver does not converge.

    Examples:
        >>> decompose(np.array([[2.0, 1.0], [1.0, 2.0]]), ridge=0.5).eigenvalues.round(12).tolist()
        [1.5, 3.5]
    """
    _check_ridge(ridge)
    if not np.isfinite(kernel).all():
        raise NumericalError("the kernel of the training set holds NaN or infinite entries; expected finite ones only.")
    epsilon = np.finfo(kernel.dtype).eps if relative_error is None else relative_error
    try:
        values, vectors = scipy.linalg.eigh(kernel.astype(np.float64), overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError as error:
        raise NumericalError(f"the eigendecomposition of the kernel failed ({error}); add a ridge.") from error
    entries = float(epsilon) * float(np.max(np.diagonal(kernel), initial=0.0)) * np.sqrt(len(values))
    solver = float(np.finfo(np.float64).eps) * float(np.max(np.abs(values), initial=0.0))
    return Spectrum(values + ridge, vectors, resolution=_ROUNDINGS * (entries + solver), ridge=float(ridge))


def stability_limit(kernel: Float[np.ndarray, "sample sample"]) -> float:
    """The step size 2 N / lambda_max alone, without the cost of a whole spectrum.

    Examples:
        >>> round(stability_limit(4 * np.eye(6)), 12)
        3.0
    """
    samples = len(kernel)
    symmetric = (kernel + kernel.T) / 2
    if samples <= _DENSE:
        return 2 * samples / float(np.linalg.eigvalsh(symmetric)[-1])
    start = np.ones(samples)  # a fixed start vector: the same answer every time
    return 2 * samples / float(scipy.sparse.linalg.eigsh(symmetric, k=1, v0=start, return_eigenvectors=False)[0])


def describe(spectrum: Spectrum) -> dict[str, float]:
    """What a record or a report says of the kernel matrix."""
    return {
        "condition_number": spectrum.condition_number,
        "lambda_max": spectrum.lambda_max,
        "lambda_min": float(spectrum.eigenvalues[0]),
        "stability_limit": spectrum.stability_limit,
        "resolution": spectrum.resolution,
        "ridge": spectrum.ridge,
    }


def _check_ridge(ridge: float) -> None:
    if not 0 <= ridge < np.inf:
        raise ConfigError(f"ridge={ridge:g} is not possible; expected a number of at least 0.")


def _progress(
    eigenvalues: Float[np.ndarray, "train"], samples: int, time: float, step_size: float | None
) -> Float[np.ndarray, "train"]:
    step = 1.0 if step_size is None else step_size
    flat = np.abs(eigenvalues) < _ZERO
    safe = np.where(flat, 1.0, eigenvalues)
    if np.isinf(time):
        return 1.0 / safe  # no flat direction reaches this line: the horizon forbids it
    decrease = step * safe / samples
    done = -np.expm1(-time * decrease) if step_size is None else _done_in_steps(decrease, time)
    return np.where(flat, time * step / samples, done / safe)


def _done_in_steps(decrease: Float[np.ndarray, "train"], steps: float) -> Float[np.ndarray, "train"]:
    # 1 - (1 - z)^t without cancellation: for z > 1 the error changes sign every step, |1 - z| = 1 - (2 - z).
    if steps == 0:
        return np.zeros_like(decrease)
    overshoots = decrease > 1.0
    shrinkage = np.where(overshoots, 2.0 - decrease, decrease)
    exponent = np.full_like(decrease, -np.inf)
    np.log1p(-shrinkage, out=exponent, where=shrinkage < 1.0)
    odd = overshoots & (steps % 2 == 1)
    return np.where(odd, 1.0 + np.exp(steps * exponent), -np.expm1(steps * exponent))
