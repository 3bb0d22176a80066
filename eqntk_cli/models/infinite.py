"""model=ntk: the infinitely wide ensemble, after the very steps that the finite ensembles take.

Two kernels are followed, because two ensembles are predicted. "group": the kernel of the group network on the
N originals; it predicts the group-convolutional ensemble. "plain": the kernel of the plain network on the N|G|
augmented samples; it predicts the augmented ensemble. The theorem says that their means agree at every step and
every point, while their covariances do not; both are computed by separate eigendecompositions of separate
matrices, so the agreement of the means is seen and not put in.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from eqntk_cli.domains.samples import count, take
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.kernels.block import KernelBlock
from eqntk_cli.kernels.dynamics import InfiniteEnsemble, fit
from eqntk_cli.kernels.gram import gram
from eqntk_cli.kernels.spectrum import Schedule, describe
from eqntk_cli.models.base import KernelPrediction
from eqntk_cli.models.setting import Setting

_PROBES = 8  # test samples on which the invariance of the mean is measured


@dataclass(frozen=True)
class _Kernels:
    """What one prediction needs: train x train, all x train and (for the covariance) all x all."""

    train: KernelBlock
    cross: KernelBlock
    every: KernelBlock | None
    targets: Float[np.ndarray, "sample output"]


@dataclass(frozen=True, eq=False)
class InfiniteModel:
    """The kernel prediction of one setting."""

    setting: Setting

    def __post_init__(self) -> None:
        training = self.setting.config.training
        if training.loss != "mse" or training.optimizer not in ("gd", "sgd") or training.batch_size is not None:
            raise ConfigError(
                "model=ntk predicts full-batch gradient descent on the mean squared error; got "
                f"training.loss={training.loss}, optimizer={training.optimizer}, batch_size={training.batch_size}. "
                "Use training.loss=mse training.optimizer=gd training.batch_size=null, or an ensemble"
            )

    @property
    def record_steps(self) -> tuple[int, ...]:
        """Training steps at which the prediction is read."""
        return self.setting.record_steps

    @property
    def step_size(self) -> float:
        """The step size, the same as the ensembles'."""
        return self.setting.step_size

    @property
    def stability_limit(self) -> float | None:
        """2N|G|/lambda_max of the plain kernel on the augmented samples."""
        return self.setting.limit

    @property
    def notes(self) -> tuple[str, ...]:
        """Which route was taken, and what it costs in exactness."""
        return (f"kernel by route {self.setting.pair.route}", *self.setting.pair.notes)

    def predict(self, on_progress: Callable[[float], None]) -> KernelPrediction:
        """Mean and covariance of every kernel at every recorded step.

        Raises:
            NumericalError: the step size is unstable.
        """
        chosen = self._kernels()
        on_progress(0.8)
        schedule = Schedule(tuple(float(step) for step in self.record_steps), self.step_size)
        ensembles = {name: self._fitted(kernels) for name, kernels in chosen.items()}
        predictions = {name: self._predicted(ensembles[name], kernels, schedule) for name, kernels in chosen.items()}
        on_progress(0.9)
        error = self._invariance_error(ensembles["group"], schedule) if "group" in ensembles else None
        on_progress(1.0)
        covariances = [covariance for _, covariance, _ in predictions.values() if covariance is not None]
        return KernelPrediction(
            kernels=tuple(predictions),
            mean=np.stack([mean for mean, _, _ in predictions.values()]),
            covariance=np.stack(covariances) if covariances else None,
            diagnostics={name: diagnostics for name, (_, _, diagnostics) in predictions.items()},
            invariance_error=error,
        )

    def _fitted(self, kernels: _Kernels) -> InfiniteEnsemble:
        training = self.setting.config.training
        copies = len(kernels.targets) // len(self._targets)  # the orbit of each sample weighs as much as the sample
        ridge = copies * training.ridge * float(np.mean(np.diagonal(self.setting.augmented_train.ntk)))
        rounding = float(np.finfo(self.setting.config.precision).eps)
        return fit(kernels.train, kernels.targets, ridge=ridge, relative_error=rounding)

    def _predicted(
        self, ensemble: InfiniteEnsemble, kernels: _Kernels, schedule: Schedule
    ) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
        training = self.setting.config.training
        mean = ensemble.mean(kernels.cross, schedule)
        covariance = None
        if kernels.every is not None:
            covariance = training.output_scale**2 * ensemble.covariance(kernels.cross, kernels.every, schedule)
            if training.centred:  # f - f_0 is the same for every infinitely wide member
                covariance = np.zeros_like(covariance)
        return mean, covariance, describe(ensemble.spectrum)

    def _invariance_error(self, ensemble: InfiniteEnsemble, schedule: Schedule) -> float | None:
        """Largest |mu(R x) - mu(x)| over some test samples and sampled rotations R, relative to the RMS of mu.

        At the last step. Only over SO(3), where the nodes of the quadrature are no group; the mean over a finite
        group is invariant up to rounding.
        """
        setting = self.setting
        if isinstance(setting.group, FiniteGroup):
            return None
        first = count(setting.train_x)
        tested = slice(first, first + min(_PROBES, count(setting.data.test_x)))
        probes = setting.orbit.samples(take(setting.samples, tested))
        last = replace(schedule, times=schedule.times[-1:])
        mean = ensemble.mean(gram(setting.pair, probes, setting.train_x), last)[0]
        orbits = mean.reshape(-1, setting.orbit.copies, mean.shape[-1])
        return float(np.abs(orbits - orbits[:, :1]).max() / max(np.sqrt(np.mean(orbits**2)), np.finfo(float).tiny))

    def _kernels(self) -> dict[str, _Kernels]:
        if self.setting.config.model.route == "augmented":
            return {"plain": self._plain()}
        if not isinstance(self.setting.group, FiniteGroup):
            return {"group": self._group()}
        collapsed = self.setting.collapse_holds and self.setting.pair.route == "collapsed"
        return {"group": self._collapsed() if collapsed else self._group(), "plain": self._plain()}

    @cached_property
    def _targets(self) -> Float[np.ndarray, "sample output"]:
        return np.asarray(self.setting.data.train_y, np.float64)

    @cached_property
    def _relative(self) -> KernelBlock:
        """T(x_i, u x_j) of all samples with the training samples, or with all where the covariance is wanted."""
        setting = self.setting
        others = setting.samples if setting.config.model.covariance else setting.train_x
        return setting.relative(setting.samples, others)

    def _collapsed(self) -> _Kernels:
        """The mean over u of T(x_i, u x_j)."""
        means = KernelBlock(*(values.mean(axis=-1) for values in self._relative))
        return self._sliced(means, self._targets)

    def _group(self) -> _Kernels:
        setting = self.setting
        others = setting.samples if setting.config.model.covariance else setting.train_x
        return self._sliced(gram(setting.pair, setting.samples, others), self._targets)

    def _plain(self) -> _Kernels:
        """The plain kernel, evaluated at the samples themselves and trained on all their copies."""
        setting, train = self.setting, count(self.setting.train_x)
        cross = KernelBlock(*(self._flat(values[:, :train]) for values in self._relative))
        every = None
        if setting.config.model.covariance:
            every = KernelBlock(*(values[:, :, 0] for values in self._relative))
        targets = np.repeat(self._targets, setting.orbit.copies, axis=0)
        return _Kernels(setting.augmented_train, cross, every, targets)

    def _sliced(self, block: KernelBlock, targets: np.ndarray) -> _Kernels:
        train = count(self.setting.train_x)
        first = KernelBlock(*(symmetric(values[:train, :train]) for values in block))
        cross = KernelBlock(*(values[:, :train] for values in block))
        every = block if self.setting.config.model.covariance else None
        return _Kernels(first, cross, every, targets)

    @staticmethod
    def _flat(values: np.ndarray) -> np.ndarray:
        return values.reshape(len(values), -1)


def symmetric(values: Float[np.ndarray, "sample sample"]) -> Float[np.ndarray, "sample sample"]:
    """The symmetric part: rounding makes K(x, x') and K(x', x) differ in the last digits."""
    return (values + values.T) / 2
