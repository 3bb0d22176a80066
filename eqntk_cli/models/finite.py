"""The two finite ensembles, put together from one setting so that they correspond layer by layer."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int

from eqntk_cli.architectures.registry import get_architecture
from eqntk_cli.domains.samples import count
from eqntk_cli.layers.network import Network
from eqntk_cli.models.augmentation import HaarCopies, Orbit
from eqntk_cli.models.ensemble import FiniteEnsemble
from eqntk_cli.models.memory import require_room
from eqntk_cli.models.setting import Setting
from eqntk_cli.training.ensemble import EnsembleTrainer
from eqntk_cli.training.footprint import Footprint
from eqntk_cli.training.layout import layout
from eqntk_cli.training.optimizer import optimizer

STREAMS = {"gcnn_ensemble": 1, "augmented_ensemble": 2}
_SHARED_STREAM = 0


def gcnn_ensemble(setting: Setting) -> FiniteEnsemble:
    """Group networks on the original data; where every member is invariant, the samples themselves are enough."""
    config, outputs = setting.config, setting.train_y.shape[1]
    architecture = get_architecture(config.architecture, setting.data.domain.dimension)

    def network(width: int) -> Network:
        return architecture.group_network(setting.group, setting.data.domain, width, outputs)

    exact = architecture.equivariant(setting.group, setting.data.domain)
    evaluation = setting.untouched if exact else setting.orbit
    return _ensemble(setting, network, training=setting.untouched, evaluation=evaluation, invariant=True)


def augmented_ensemble(setting: Setting) -> FiniteEnsemble:
    """Plain networks on the orbit of the data (or on the data alone: the control)."""
    config, outputs = setting.config, setting.train_y.shape[1]
    architecture = get_architecture(config.architecture, setting.data.domain.dimension)

    def network(width: int) -> Network:
        return architecture.plain_network(setting.data.domain, width, outputs)

    return _ensemble(setting, network, setting.augmentation, evaluation=setting.orbit, invariant=False)


def _ensemble(
    setting: Setting,
    network: Callable[[int], Network],
    training: Orbit | HaarCopies,
    evaluation: Orbit,
    invariant: bool,
) -> FiniteEnsemble:
    config = setting.config
    require_room(network, config.model.width, setting.train_x, training.copies)  # before anything is computed
    made, x = network(config.model.width), training.samples(setting.train_x)
    trainer = EnsembleTrainer(
        network=made,
        objective=setting.objective,
        optimizer=optimizer(config.training, setting.step_size),
        batches=setting.batches,
        layout=layout(Footprint.of(made, x), setting.batches.batch, training.copies),
        record_steps=setting.record_steps,
        train_x=x,
        train_y=training.targets(setting.train_y),
        evaluation_x=evaluation.samples(setting.samples),
        trained=_trained(setting, training, evaluation),
        copies=training.copies,
        advice=f"training.step_size={setting.step_size:.4g}, the stability limit is {setting.limit:.4g}; use a smaller "
        "step size or training.step_size=auto",
    )
    shared = config.coupling == "shared"
    return FiniteEnsemble(
        trainer=trainer,
        samples=setting.samples,
        evaluation=evaluation,
        invariance=setting.orbit if invariant else None,
        members=config.model.members,
        seed=config.seed,
        stream=_SHARED_STREAM if shared else STREAMS[config.model.name],
        step_size=setting.step_size,
        stability_limit=setting.limit,
        notes=setting.pair.notes,
        requested_block=None if config.model.block_size == "auto" else config.model.block_size,
    )


def _trained(setting: Setting, training: Orbit | HaarCopies, evaluation: Orbit) -> Int[np.ndarray, " sample"] | None:
    """Where the training copies stand among the evaluation points, which begin with the training samples' orbits."""
    at = np.arange(count(setting.train_x))[:, None] * evaluation.copies
    if training is setting.untouched:
        return at.ravel()  # the identity comes first
    return (at + np.arange(evaluation.copies)).ravel() if training is evaluation else None
