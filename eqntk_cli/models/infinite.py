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
from eqntk_cli.kernels.dynamics.prediction import InfiniteEnsemble, fit
from eqntk_cli.kernels.dynamics.spectrum import Schedule, describe
from eqntk_cli.kernels.pair.base import KernelBlock
from eqntk_cli.models.base import KERNEL_SHARE, KernelPrediction
from eqntk_cli.models.problem import Problem
from eqntk_cli.models.relative import direct, direct_pairs

_PROBES = 8  # test samples on which the invariance of the mean is measured


@dataclass(frozen=True)
class Kernels:
    """What one prediction needs: train x train, all x train and (for the covariance) all x all."""

    train: KernelBlock
    cross: KernelBlock
    every: KernelBlock | None
    targets: Float[np.ndarray, "sample output"]


@dataclass(frozen=True, eq=False)
class InfiniteModel:
    """The kernel prediction of one problem."""

    problem: Problem

    def __post_init__(self) -> None:
        training = self.problem.config.training
        if training.loss != "mse" or training.optimizer not in ("gd", "sgd") or training.batch_size is not None:
            raise ConfigError(
                "model=ntk predicts full-batch gradient descent on the mean squared error; got "
                f"training.loss={training.loss}, optimizer={training.optimizer}, batch_size={training.batch_size}. "
                "Use training.loss=mse training.optimizer=gd training.batch_size=null, or an ensemble"
            )
        self.problem.grams.expect(self._pairs())

    @property
    def record_steps(self) -> tuple[int, ...]:
        """Training steps at which the prediction is read."""
        return self.problem.record_steps

    @property
    def step_size(self) -> float:
        """The step size, the same as the ensembles'."""
        return self.problem.step_size

    @property
    def stability_limit(self) -> float | None:
        """2N|G|/lambda_max of the plain kernel on the augmented samples."""
        return self.problem.limit

    @property
    def notes(self) -> tuple[str, ...]:
        """Which route was taken, and what it costs in exactness."""
        route = "in the collapsed form" if self.problem.pair.route == "collapsed" else "by the full recursion"
        return (f"kernel computed {route}", *self.problem.pair.notes)

    @property
    def names(self) -> tuple[str, ...]:
        """The kernels that are followed."""
        if self.problem.config.model.route == "augmented":
            return ("plain",)
        return ("group", "plain") if self.problem.group.finite else ("group",)

    @cached_property
    def kernels(self) -> dict[str, Kernels]:
        """The Gram matrices of every kernel."""
        return {name: self._group() if name == "group" else self._plain() for name in self.names}

    def prepare(self) -> None:
        """Compute the Gram matrices of every kernel, which are most of the work."""
        _ = self.kernels

    def predict(self, on_progress: Callable[[float], None]) -> KernelPrediction:
        """Mean and covariance of every kernel at every recorded step.

        Raises:
            NumericalError: the step size is unstable.
        """
        chosen = self.kernels
        on_progress(KERNEL_SHARE)
        schedule = Schedule(tuple(float(step) for step in self.record_steps), self.step_size)
        ensembles = {name: self._fitted(kernels) for name, kernels in chosen.items()}
        predictions = {name: self._predicted(ensembles[name], kernels, schedule) for name, kernels in chosen.items()}
        error = self._invariance_error(ensembles["group"], schedule) if "group" in ensembles else None
        on_progress(1.0)
        covariances = [covariance for _, covariance, _ in predictions.values() if covariance is not None]
        return KernelPrediction(
            kernels=tuple(predictions),
            mean=np.stack([mean for mean, _, _ in predictions.values()]),
            covariance=np.stack(covariances) if covariances else None,
            diagnostics={name: diagnostics for name, (_, _, diagnostics) in predictions.items()}
            | {"exact": self.problem.pair.collapses},  # whether the kernels are one predictor, by the theorem
            invariance_error=error,
        )

    def _fitted(self, kernels: Kernels) -> InfiniteEnsemble:
        training = self.problem.config.training
        copies = len(kernels.targets) // len(self._targets)  # the orbit of each sample weighs as much as the sample
        ridge = copies * training.ridge * float(np.mean(np.diagonal(self.problem.augmented_train.ntk)))
        rounding = float(np.finfo(self.problem.config.precision).eps)
        return fit(kernels.train, kernels.targets, ridge=ridge, relative_error=rounding)

    def _predicted(
        self, ensemble: InfiniteEnsemble, kernels: Kernels, schedule: Schedule
    ) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
        training = self.problem.config.training
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
        problem = self.problem
        if problem.group.finite:
            return None
        unmoved = take(problem.relative.rest_x, slice(self._probes))
        probes, copies = problem.orbit.samples(unmoved), {"x1": problem.orbit.identity(unmoved)}
        last = replace(schedule, times=schedule.times[-1:])
        cross = problem.grams.matrix("probes", problem.pair, probes, problem.train_x, copies=copies)
        mean = ensemble.mean(cross, last)[0]
        orbits = mean.reshape(-1, problem.orbit.copies, mean.shape[-1])
        return float(np.abs(orbits - orbits[:, :1]).max() / max(np.sqrt(np.mean(orbits**2)), np.finfo(float).tiny))

    @property
    def _probes(self) -> int:
        return min(_PROBES, count(self.problem.data.test_x))

    @cached_property
    def _targets(self) -> Float[np.ndarray, "sample output"]:
        return np.asarray(self.problem.data.train_y, np.float64)

    @property
    def _covariance(self) -> bool:
        return self.problem.config.model.covariance

    @property
    def _collapsed(self) -> bool:
        """Whether the group kernel is the mean over u of T(x_i, u x_j), and is wanted as that."""
        return "group" in self.names and self.problem.pair.route == "collapsed" and self.problem.collapse_holds

    def _group(self) -> Kernels:
        problem = self.problem
        if self._collapsed:
            parts = problem.relative.means(self._covariance)
        else:
            rest_x = problem.relative.rest_x
            parts = direct(problem.pair, problem.train_x, rest_x, self._covariance, problem.grams)
        return Kernels(parts.train, parts.with_train(), parts.every(), self._targets)

    def _plain(self) -> Kernels:
        """The plain kernel, evaluated at the samples themselves and trained on all their copies."""
        relative = self.problem.relative
        every = relative.unmoved(self._covariance, self._collapsed).every()
        targets = self.problem.orbit.targets(self._targets)
        return Kernels(relative.augmented, relative.to_copies(), every, targets)

    def _pairs(self) -> int:
        """How many pairs of samples all kernels have."""
        problem, relative = self.problem, self.problem.relative
        pairs = relative.augmented_pairs() + problem.step_pairs  # always: the step size follows from them
        if "plain" in self.names:
            pairs += relative.other_pairs(self._covariance, self._collapsed)
        if "group" in self.names and not self._collapsed:
            pairs += direct_pairs(count(problem.train_x), count(relative.rest_x), self._covariance)
        if "plain" not in self.names:
            pairs += self._probes * problem.orbit.copies * count(problem.train_x)
        return pairs
