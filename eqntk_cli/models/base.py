"""What a model offers to whoever runs it: an ensemble in blocks of members, or a kernel prediction.

Predictions are made for the training, test and out-of-distribution samples, in this order, at every recorded
step. `element` counts the group elements by which each sample was moved before it entered the network: entry g
holds f(rho(g) x). A model that is invariant by construction has the one element "e".
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

KERNEL_SHARE = 0.9  # of a kernel prediction: the Gram matrices; the rest is algebra
OnProgress = Callable[[float], None]  # called with the finished share of the work in hand, 0 to 1


@dataclass(frozen=True)
class KernelPrediction:
    """The ensemble of infinitely wide networks: mean and covariance over initialisations.

    `kernels` names the kernels: "group" predicts the ensemble of group-convolutional networks, "plain" that of
    plain networks on augmented data.
    """

    kernels: tuple[str, ...]
    mean: Float[np.ndarray, "kernel step sample output"]
    covariance: Float[np.ndarray, "kernel step sample sample"] | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)  # condition number, largest eigenvalue, ...
    invariance_error: float | None = None  # of the mean, measured where the kernel is invariant only approximately


class Model(Protocol):
    """What every model says of itself before it runs."""

    @property
    def record_steps(self) -> tuple[int, ...]:
        """Training steps after which predictions are recorded; 0 is the first, the last is the number of steps."""

    @property
    def step_size(self) -> float:
        """The step size used."""

    @property
    def stability_limit(self) -> float | None:
        """The step size above which gradient descent diverges, 2N/lambda_max; None if it is not known."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results must know, for example exactness that is lost."""


@runtime_checkable
class EnsembleModel(Model, Protocol):
    """An ensemble of finite networks, trained in blocks of members."""

    @property
    def members(self) -> int:
        """Number of members in all."""

    @property
    def element_names(self) -> tuple[str, ...]:
        """Names of the group elements by which the evaluation points are moved; the first one is "e"."""

    @property
    def block_size(self) -> int:
        """Members that are trained together."""

    @property
    def layout(self) -> dict[str, int] | None:
        """How the work is laid out; runs with equal layouts have the same bits, others the same up to rounding."""

    def run_block(
        self, start: int, stop: int, on_progress: OnProgress
    ) -> Float[np.ndarray, "member step element sample output"]:
        """Train the members start, ..., stop - 1 and predict.

        The result depends on the members' indices and the block, not on what ran before.

        Raises:
            NumericalError: the training diverges.
        """

    def invariance_error(self) -> float | None:
        """Largest relative deviation over the orbit, measured on a member of the last block; None if not invariant."""


@runtime_checkable
class KernelModel(Model, Protocol):
    """The infinitely wide ensemble."""

    def prepare(self) -> None:
        """Compute the Gram matrices, where several processes may do so together.

        Raises:
            NumericalError: an entry is not finite.
        """

    def predict(self, on_progress: OnProgress) -> KernelPrediction:
        """Mean and covariance at every recorded step.

        `on_progress` counts from KERNEL_SHARE on: the pairs of the Gram matrices were told before.

        Raises:
            NumericalError: the kernel cannot be inverted, or the step size is unstable.
        """
