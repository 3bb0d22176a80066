"""A small comparison for tests: random images, two outputs, gains that are not one."""

from collections.abc import Mapping, Sequence

import jax
import numpy as np

from eqntk_cli.config.schema import (
    ArchitectureConfig,
    Config,
    DatasetConfig,
    GroupConfig,
    ModelConfig,
    TrainingConfig,
)
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.domains.samples import Samples
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel
from eqntk_cli.models.base import EnsembleModel, KernelModel
from eqntk_cli.models.grams import Grams
from eqntk_cli.models.registry import build_model
from eqntk_cli.targets.scale import TargetScale

GAINS = {"W_std": [1.3, 1.1, 0.9], "b_std": [0.2, 0.1, 0.05]}


def bundle(train: int = 5, test: int = 4, ood: int = 2, side: int = 6, channels: int = 2) -> DataBundle:
    """Random images with random targets."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(train + test + ood, side, side, channels))
    y = rng.normal(size=(train + test, 2))
    labels = rng.integers(0, 2, size=(train + test, 1))
    return DataBundle(
        name="random",
        task="binary-class",
        domain=PixelGrid(side, side, channels),
        train_x=x[:train],
        train_y=y[:train],
        test_x=x[train : train + test],
        test_y=y[train:],
        ood_x=x[train + test :],
        ood_y=np.full((ood, 2), np.nan),
        train_labels=labels[:train],
        test_labels=labels[train:],
        ood_labels=None,
        output_names=("a", "b"),
        target=TargetScale("class"),
    )


def config(model: str, group: str = "c4", **changes) -> Config:
    """Settings of one model; `architecture`, `training` and `model_keys` are dicts of further keys."""
    architecture = ArchitectureConfig(**{"name": "mlp", **GAINS, **changes.pop("architecture", {})})
    training = TrainingConfig(**{"steps": 20, **changes.pop("training", {})})
    model_config = ModelConfig(**{"name": model, "width": 16, "members": 4, **changes.pop("model_keys", {})})
    return Config(
        dataset=DatasetConfig(name="random", family="random"),
        group=GroupConfig(group),
        architecture=architecture,
        model=model_config,
        training=training,
        **{"precision": "float64", **changes},
    )


def model_of(settings: Config, data: DataBundle) -> EnsembleModel | KernelModel:
    """The model, as `build_model` makes it; Gram matrices that another test has asked for are not computed again."""
    return build_model(
        settings, data, _Remembered(repr((settings.architecture, settings.group, settings.model.route, data.domain)))
    )


class _Remembered(Grams):
    """Matrices that are the same function of the same samples are computed once; compiling their kernel is what costs.

    `of` is what a kernel depends on besides its name.
    """

    _known: dict[tuple, KernelBlock] = {}

    def __init__(self, of: str) -> None:
        super().__init__()
        self._of = of

    def matrix(
        self,
        name: str,
        kernel: PairKernel,
        x1: Samples,
        x2: Samples | None = None,
        inverse: Sequence[int] | None = None,
        copies: Mapping[str, str] | None = None,
    ) -> KernelBlock:
        samples = [(leaf.shape, str(leaf.dtype), leaf.tobytes()) for leaf in map(np.asarray, jax.tree.leaves((x1, x2)))]
        key = (self._of, name, x2 is None, *samples, *(() if inverse is None else inverse))
        if key not in self._known:
            self._known[key] = super().matrix(name, kernel, x1, x2, inverse, copies)
            for values in self._known[key]:
                values.setflags(write=False)
        return self._known[key]
