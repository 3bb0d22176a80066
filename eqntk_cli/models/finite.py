"""The two finite ensembles, put together from one problem so that they correspond layer by layer."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int

from eqntk_cli.architectures.registry import get_architecture
from eqntk_cli.config.checks import is_antithetic
from eqntk_cli.domains.samples import count
from eqntk_cli.layers.network import Network
from eqntk_cli.models.augmentation import HaarCopies, Orbit
from eqntk_cli.models.ensemble import FiniteEnsemble
from eqntk_cli.models.memory import fitting_footprint
from eqntk_cli.models.problem import Problem
from eqntk_cli.training.ensemble import EnsembleTrainer
from eqntk_cli.training.layout import layout
from eqntk_cli.training.objective import optimizer

STREAMS = {"gcnn_ensemble": 1, "augmented_ensemble": 2}
_SHARED_STREAM = 0


def gcnn_ensemble(problem: Problem) -> FiniteEnsemble:
    """Group networks on the original data; where every member is invariant, the samples themselves are enough."""
    config, outputs = problem.config, problem.train_y.shape[1]
    architecture = get_architecture(config.architecture, problem.data.domain.dimension)

    def network(width: int) -> Network:
        return architecture.group_network(problem.group, problem.data.domain, width, outputs)

    exact = architecture.equivariant(problem.group, problem.data.domain)
    evaluation = problem.untouched if exact else problem.orbit
    return _ensemble(problem, network, training=problem.untouched, evaluation=evaluation, invariant=True)


def augmented_ensemble(problem: Problem) -> FiniteEnsemble:
    """Plain networks on the orbit of the data (or on the data alone: the control)."""
    config, outputs = problem.config, problem.train_y.shape[1]
    architecture = get_architecture(config.architecture, problem.data.domain.dimension)

    def network(width: int) -> Network:
        return architecture.plain_network(problem.data.domain, width, outputs)

    return _ensemble(problem, network, problem.augmentation, evaluation=problem.orbit, invariant=False)


def _ensemble(
    problem: Problem,
    network: Callable[[int], Network],
    training: Orbit | HaarCopies,
    evaluation: Orbit,
    invariant: bool,
) -> FiniteEnsemble:
    config = problem.config
    footprint = fitting_footprint(network, config.model.width, problem.train_x, training.copies)  # before all else
    made, x = network(config.model.width), training.samples(problem.train_x)
    trainer = EnsembleTrainer(
        network=made,
        objective=problem.objective,
        optimizer=optimizer(config.training, problem.step_size),
        batches=problem.batches,
        layout=layout(footprint, problem.batches.batch, training.copies),
        record_steps=problem.record_steps,
        train_x=x,
        train_y=training.targets(problem.train_y),
        evaluation_x=evaluation.samples(problem.samples),
        trained=_trained(problem, training, evaluation),
        copies=training.copies,
        advice=f"training.step_size={problem.step_size:.4g}, the stability limit is {problem.limit:.4g}; use a smaller "
        "step size or training.step_size=auto",
    )
    shared = config.coupling == "shared"
    return FiniteEnsemble(
        trainer=trainer,
        samples=problem.samples,
        evaluation=evaluation,
        invariance=problem.orbit if invariant else None,
        members=config.model.members,
        seed=config.seed,
        stream=_SHARED_STREAM if shared else STREAMS[config.model.name],
        step_size=problem.step_size,
        stability_limit=problem.limit,
        notes=problem.pair.notes,
        requested_block=None if config.model.block_size == "auto" else config.model.block_size,
        antithetic=is_antithetic(config),
    )


def _trained(problem: Problem, training: Orbit | HaarCopies, evaluation: Orbit) -> Int[np.ndarray, " sample"] | None:
    """Where the training copies stand among the evaluation points, which begin with the training samples' orbits."""
    at = np.arange(count(problem.train_x))[:, None] * evaluation.copies
    if training is problem.untouched:
        return at.ravel()  # the identity comes first
    return (at + np.arange(evaluation.copies)).ravel() if training is evaluation else None
