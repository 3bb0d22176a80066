"""Mean and covariance of the infinite ensemble at any training time, from Gram matrices.

With A_t = T(x,X) V phi_t(lambda) V^T (V, lambda: eigenvectors and eigenvalues of the training kernel plus ridge;
phi_t in `spectrum`), Y the targets and K the NNGP kernel:

    mean        mu_t(x)   = A_t Y
    covariance  S_t(x,x') = K(x,x') + A_t (K(X,X) + s^2) A_t'^T - A_t K(X,x') - K(x,X) A_t'^T

over the random initialisations (Lee et al., arXiv 1902.06720, eqs. 14-16). s^2 is the variance of noise that every
member has on its own targets, zero unless asked for. `kernel` says which weights are trained: "ntk" all of them;
"nngp" the read-out only, where T is replaced by K. With "nngp", s^2 = ridge and t = infinity, mean and covariance
are those of the Bayesian posterior of the Gaussian process with noise variance s^2.
All outputs share the kernel and are independent, so the covariance is the one of each output.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from eqntk_cli.errors import ConfigError, DataError
from eqntk_cli.kernels.dynamics.spectrum import Schedule, Spectrum, decompose
from eqntk_cli.kernels.pair.base import KernelBlock

KERNELS = ("ntk", "nngp")
_SYMMETRIC = 1e-3  # a train kernel further from symmetric than this is no train x train kernel at all


@dataclass(frozen=True)
class InfiniteEnsemble:
    """The infinite ensemble on one training set: fitted once, then asked at any points and times.

    Attributes:
        spectrum: of the kernel that drives the training, ridge included.
        nngp: K(X, X).
        targets: Y.
        kernel: "ntk" or "nngp", the kernel that drives the training.
        target_noise: variance s^2 of independent noise on each member's targets.

    Examples:
        >>> one = KernelBlock(nngp=np.array([[2.0]]), ntk=np.array([[1.0]]))  # one sample, with the target 3
        >>> ensemble = fit(one, np.array([[3.0]]))
        >>> times = Schedule((0.0, np.log(2), np.inf))
        >>> ensemble.mean(one, times)[:, 0, 0].round(12).tolist()  # 3 (1 - exp(-t))
        [0.0, 1.5, 3.0]
        >>> ensemble.variance(one, np.array([2.0]), times)[:, 0].round(12).tolist()  # 2 exp(-2t)
        [2.0, 0.5, 0.0]
    """

    spectrum: Spectrum
    nngp: Float[np.ndarray, "train train"]
    targets: Float[np.ndarray, "train output"]
    kernel: str
    target_noise: float = 0.0

    def mean(self, cross: KernelBlock, schedule: Schedule) -> Float[np.ndarray, "time test output"]:
        """mu_t at the points of `cross` (test, train), for all times in one matrix product.

        Raises:
            DataError: `cross` does not belong to this training set.
            NumericalError: see `Spectrum.progress`.
        """
        progress = self.spectrum.progress(schedule)
        weights = np.einsum("te,eo->eto", progress, self.spectrum.eigenvectors.T @ self.targets)
        points = self._projected(cross)
        flat = points @ weights.reshape(self.spectrum.samples, -1)
        return flat.reshape(len(points), len(progress), -1).transpose(1, 0, 2)

    def covariance(
        self, cross: KernelBlock, test: KernelBlock, schedule: Schedule
    ) -> Float[np.ndarray, "time test test"]:
        """S_t between the points of `cross` (test, train); `test` holds their kernels with each other.

        Raises:
            DataError: the matrices do not belong together.
            NumericalError: see `Spectrum.progress`.
        """
        progress = self.spectrum.progress(schedule)
        points = self._projected(cross)
        prior = _matrix(test.nngp, "the NNGP kernel test x test")
        if prior.shape != (len(points), len(points)):
            raise DataError(
                f"the kernel test x test has shape {prior.shape}; expected {(len(points),) * 2}, "
                "one row per row of the kernel test x train."
            )
        start = self.spectrum.eigenvectors.T @ self._against_train(cross.nngp, "NNGP").T
        covariance = np.empty((len(progress), *prior.shape))
        for row, factors in enumerate(progress):
            response = points * factors
            moved = response @ start
            spread = response @ self._rotated_nngp @ response.T
            covariance[row] = prior + spread - moved - moved.T
            covariance[row] = 0.5 * (covariance[row] + covariance[row].T)
        return covariance

    def variance(
        self, cross: KernelBlock, prior: Float[np.ndarray, "test"], schedule: Schedule
    ) -> Float[np.ndarray, "time test"]:
        """S_t(x, x), the diagonal of `covariance`, without the matrix; `prior` is K(x, x).

        Raises:
            DataError: the kernels do not belong together.
            NumericalError: see `Spectrum.progress`.
        """
        progress = self.spectrum.progress(schedule)
        points = self._projected(cross)
        if np.shape(prior) != (len(points),):
            raise DataError(
                f"K(x, x) has shape {np.shape(prior)}; expected {(len(points),)}, one number per row of the kernel "
                "test x train."
            )
        start = self._against_train(cross.nngp, "NNGP") @ self.spectrum.eigenvectors
        variance = np.empty((len(progress), len(points)))
        for row, factors in enumerate(progress):
            response = points * factors
            spread = np.sum((response @ self._rotated_nngp) * response, axis=1)
            variance[row] = prior + spread - 2 * np.sum(response * start, axis=1)
        return np.maximum(variance, 0.0)  # rounding may leave a negative zero where everything is known

    @cached_property
    def _rotated_nngp(self) -> Float[np.ndarray, "train train"]:
        # V^T (K + s^2) V, once for all times and points
        vectors = self.spectrum.eigenvectors
        rotated = vectors.T @ self.nngp @ vectors
        rotated[np.diag_indices_from(rotated)] += self.target_noise
        return rotated

    def _projected(self, cross: KernelBlock) -> Float[np.ndarray, "test train"]:
        driving = self._against_train(getattr(cross, self.kernel), self.kernel.upper())
        return driving @ self.spectrum.eigenvectors

    def _against_train(self, kernel: Any, name: str) -> Float[np.ndarray, "test train"]:
        matrix = _matrix(kernel, f"the {name} kernel test x train")
        if matrix.shape[1] != self.spectrum.samples:
            raise DataError(
                f"the {name} kernel test x train has {matrix.shape[1]} columns; expected {self.spectrum.samples}, one "
                "per training sample (transpose it if test and training points are swapped)."
            )
        return matrix


def fit(
    train: KernelBlock,
    targets: Shaped[np.ndarray, "train output"],
    kernel: str = "ntk",
    ridge: float = 0.0,
    target_noise: float = 0.0,
    relative_error: float | None = None,
) -> InfiniteEnsemble:
    """The infinite ensemble trained on `targets` with the kernels `train` of the training set with itself.

    Args:
        train: K(X, X) and T(X, X).
        targets: Y, one row per training sample.
        kernel: "ntk" (all weights are trained) or "nngp" (only the read-out).
        ridge: added to the diagonal of the driving kernel, in its own units.
        target_noise: variance of independent noise on each member's targets.
        relative_error: error of the kernel's entries, see `spectrum.decompose`.

    Raises:
        ConfigError: unknown kernel, negative ridge or noise.
        DataError: shapes that do not fit, a kernel that is not symmetric, targets that are not finite.
        NumericalError: see `spectrum.decompose`.

    Examples:
        >>> rbf = np.exp(-np.subtract.outer(np.arange(3.0), np.arange(3.0)) ** 2)
        >>> ensemble = fit(KernelBlock(rbf, rbf), np.array([[1.0], [0.0], [2.0]]))
        >>> ensemble.mean(KernelBlock(rbf, rbf), Schedule((np.inf,)))[0, :, 0].round(9).tolist()  # interpolation
        [1.0, 0.0, 2.0]
    """
    if kernel not in KERNELS:
        raise ConfigError(f"kernel={kernel} is not possible; expected {' | '.join(KERNELS)}.")
    if not 0 <= target_noise < np.inf:
        raise ConfigError(f"target_noise={target_noise:g} is not possible; expected a number of at least 0.")
    driving = np.asarray(getattr(train, kernel))
    _check_training_kernel(driving, kernel.upper())
    nngp = _matrix(train.nngp, "the NNGP kernel train x train")
    if nngp.shape != driving.shape:
        raise DataError(f"nngp has shape {nngp.shape} and ntk {driving.shape}; expected the same.")
    values = _matrix(targets, "the targets")
    if len(values) != len(driving):
        raise DataError(f"there are {len(values)} rows of targets for {len(driving)} training samples; expected equal.")
    return InfiniteEnsemble(decompose(driving, ridge, relative_error), nngp, values, kernel, float(target_noise))


def _check_training_kernel(kernel: np.ndarray, name: str) -> None:
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not kernel.size:
        raise DataError(f"the {name} kernel of the training set has shape {kernel.shape}; expected a square matrix.")
    with np.errstate(invalid="ignore"):  # entries that are not finite are reported by the decomposition
        scale = float(np.max(np.abs(np.diagonal(kernel)), initial=0.0))
        asymmetry = float(np.max(np.abs(kernel - kernel.T), initial=0.0))
    if asymmetry > _SYMMETRIC * scale:
        raise DataError(
            f"the {name} kernel of the training set is not symmetric (by {asymmetry / scale:.2g} of its diagonal); "
            "expected train x train, the same samples in the same order on both sides."
        )


def _matrix(values: Any, name: str) -> Float[np.ndarray, "row column"]:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2:
        raise DataError(f"{name} has shape {matrix.shape}; expected two axes.")
    if not np.isfinite(matrix).all():
        raise DataError(f"{name} holds NaN or infinite entries; expected finite ones only.")
    return matrix
