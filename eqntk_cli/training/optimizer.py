"""The optimisers by name."""

import optax

from eqntk_cli.config.schema import TrainingConfig


def optimizer(training: TrainingConfig, step_size: float) -> optax.GradientTransformation:
    """Gd and sgd (they differ in the batch only), momentum (heavy ball), adam.

    Examples:
        >>> import jax.numpy as jnp
        >>> gradient, descent = jnp.array(2.0), optimizer(TrainingConfig(), step_size=0.5)
        >>> descent.update(gradient, descent.init(gradient))[0].item()
        -1.0
    """
    if training.optimizer == "momentum":
        return optax.sgd(step_size, momentum=training.momentum)
    if training.optimizer == "adam":
        return optax.adam(step_size)
    return optax.sgd(step_size)
