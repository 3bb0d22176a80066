"""A small comparison for tests: random images, two outputs, gains that are not one."""

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
