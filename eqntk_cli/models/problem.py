"""What the three models of a comparison have in common, worked out once from the settings and the data.

All three must share the step size, the recorded steps, the targets and the arrays in the precision asked for;
they are therefore made here and nowhere else.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.architectures.registry import pair_kernel, plain_kernel
from eqntk_cli.config.schema import Config, GroupConfig
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.domains.samples import Samples, cast, concatenate, count, take
from eqntk_cli.errors import ConfigError, NumericalError
from eqntk_cli.groups.base import Group
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.groups.registry import get_group
from eqntk_cli.kernels.dynamics.spectrum import stability_limit
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel
from eqntk_cli.models.augmentation import EVALUATION_ROTATIONS, HaarCopies, Orbit
from eqntk_cli.models.grams import Grams
from eqntk_cli.models.relative import RelativeKernels
from eqntk_cli.targets.task import Task
from eqntk_cli.training.objective import Objective
from eqntk_cli.training.schedule import Batches, record_steps

_ROTATION_SEED = 20_000  # of the rotations that stand for SO(3) where a list of elements is needed


@dataclass(frozen=True, eq=False)
class Problem:
    """The learning problem: settings, data, what follows from them for all models, and where Gram matrices are kept."""

    config: Config
    data: DataBundle
    grams: Grams = field(default_factory=Grams)

    @cached_property
    def group(self) -> Group:
        """The symmetry group."""
        return get_group(self.config.group)

    @cached_property
    def listed_group(self) -> FiniteGroup:
        """The group as a list of elements; for SO(3) the identity and a stated number of sampled rotations."""
        return self.group.representatives(EVALUATION_ROTATIONS, _ROTATION_SEED)

    @cached_property
    def train_x(self) -> Samples:
        """Training samples in the precision asked for."""
        return self._cast(self.data.train_x)

    @cached_property
    def samples(self) -> Samples:
        """Training, test and off-distribution samples, in this order."""
        parts = [self.data.train_x, self.data.test_x, self.data.ood_x]
        return self._cast(concatenate([part for part in parts if count(part)]))

    @cached_property
    def train_y(self) -> Float[Array, "sample output"]:
        """Targets: as encoded for mse, class probabilities for cross_entropy.

        Raises:
            ConfigError: if the task has no class probabilities.
        """
        y = self.data.train_y
        if self.config.training.loss == "cross_entropy":
            if not Task.of(self.data.task).has_probabilities(y.shape[1]):
                raise ConfigError(
                    f"training.loss=cross_entropy needs one output per class; {self.data.name} has task "
                    f"{self.data.task} with {y.shape[1]} output(s). Use training.loss=mse, or "
                    "dataset.labels=one_hot_centred"
                )
            y = self.data.target.physical(y)
        return jnp.asarray(y, self.config.precision)

    @cached_property
    def objective(self) -> Objective:
        """The loss."""
        training = self.config.training
        return Objective(training.loss, training.output_scale, training.centred)

    @cached_property
    def batches(self) -> Batches:
        """Which originals each step sees."""
        return Batches(count(self.data.train_x), self.config.training.batch_size, self.config.dataset.split_seed)

    @cached_property
    def record_steps(self) -> tuple[int, ...]:
        """Steps at which predictions are recorded."""
        return record_steps(self.config.training)

    @cached_property
    def plain(self) -> PairKernel:
        """The kernel of the plain network."""
        return plain_kernel(self.config.architecture, self.data.domain)

    @cached_property
    def pair(self) -> PairKernel:
        """The kernel of the group network, by the route asked for."""
        route = self.config.model.route if self.config.model.route != "augmented" else "auto"
        return pair_kernel(self.config.architecture, self.group, self.data.domain, route)

    @cached_property
    def orbit(self) -> Orbit:
        """The whole group, acting on the data."""
        return Orbit(self.listed_group, self.data.domain, self.data.representation)

    @cached_property
    def augmentation(self) -> Orbit | HaarCopies:
        """The copies on which plain networks are trained, as model.augmentation says."""
        if self.config.model.augmentation == "none":
            return self.untouched
        if self.config.model.augmentation == "haar":
            data, model = self.data, self.config.model
            return HaarCopies(self.group, data.domain, model.haar_samples, self.config.seed, data.representation)
        return self.orbit

    @cached_property
    def untouched(self) -> Orbit:
        """The identity alone."""
        return Orbit(self.listed_group.trivial, self.data.domain, self.data.representation)

    @cached_property
    def limit(self) -> float:
        """The stability limit 2N|G|/lambda_max of the plain kernel on the augmented samples."""
        return stability_limit(self.augmented_train.ntk)

    @cached_property
    def step_size(self) -> float:
        """The step size, the same for all models."""
        training = self.config.training
        automatic = training.step_size == "auto"
        size = training.step_fraction * self._step_problem.limit / 2 if automatic else float(training.step_size)
        if self.config.training.optimizer in ("gd", "sgd") and not np.isfinite(size):
            raise NumericalError(f"the step size came out as {size}; the kernel of the training data is not finite")
        return size

    @property
    def step_pairs(self) -> int:
        """How many pairs of samples the step size of another group needs."""
        other = self.config.training.step_size == "auto" and self._step_problem is not self
        return self._step_problem.relative.augmented_pairs() if other else 0

    @cached_property
    def _step_problem(self) -> "Problem":
        """Whose stability limit sets the step size: a control with another group keeps the step of its subjects."""
        training = self.config.training
        group = GroupConfig(training.step_group or "", training.step_group_order)
        if training.step_group is None or group == self.config.group:
            return self
        name = f"step_{group.name}" if group.order is None else f"step_{group.name}{group.order}"
        return Problem(replace(self.config, group=group), self.data, self.grams.within(name))

    @cached_property
    def collapse_holds(self) -> bool:
        """Whether the plain kernel is invariant, T(g x, g x') = T(x, x'), and the group kernel its mean."""
        return self.group.finite and self.pair.collapses

    @property
    def augmented_train(self) -> KernelBlock:
        """Plain kernels on the augmented training samples, N|G| x N|G|."""
        return self.relative.augmented

    @cached_property
    def relative(self) -> RelativeKernels:
        """Plain kernels T(x_i, u x_j) between samples and moved samples."""
        train = count(self.train_x)
        rest_x = take(self.samples, slice(train, None))
        return RelativeKernels(self.plain, self.orbit, self.train_x, rest_x, self.collapse_holds, self.grams)

    def _cast(self, x: Samples) -> Samples:
        return cast(x, self.config.precision)
