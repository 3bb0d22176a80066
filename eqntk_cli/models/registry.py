"""From settings and data to the model that runs; a new model is one more line here."""

from collections.abc import Callable

from eqntk_cli.config.schema import Config
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.errors import ConfigError
from eqntk_cli.models.base import EnsembleModel, KernelModel
from eqntk_cli.models.finite import augmented_ensemble, gcnn_ensemble
from eqntk_cli.models.grams import Grams
from eqntk_cli.models.infinite import InfiniteModel
from eqntk_cli.models.problem import Problem

MODELS: dict[str, Callable[[Problem], EnsembleModel | KernelModel]] = {
    "gcnn_ensemble": gcnn_ensemble,
    "augmented_ensemble": augmented_ensemble,
    "ntk": InfiniteModel,
}


def build_model(config: Config, data: DataBundle, grams: Grams | None = None) -> EnsembleModel | KernelModel:
    """The model of a run; `grams` computes its Gram matrices, in memory if it is not given.

    Raises:
        ConfigError: there is no such model, or its settings do not go together with the data.
    """
    if config.model.name not in MODELS:
        raise ConfigError(f"model={config.model.name} is not known; expected {' | '.join(MODELS)}")
    return MODELS[config.model.name](Problem(config, data, grams or Grams()))
