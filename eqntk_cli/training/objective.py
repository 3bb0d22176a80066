"""What is minimised, and by which rule: mean squared error or cross-entropy, of the scaled and possibly centred output.

With output scale alpha the network's prediction is F = alpha f, or F = alpha (f - f_0) if centred, and the loss
is divided by alpha^2, so that the kernel dynamics do not depend on alpha while the weights move less and less
as it grows (the lazy regime at fixed width). mse: 1/(2n) sum_i |F(x_i) - y_i|^2; cross_entropy:
-1/n sum_i sum_c p_ic log softmax(F(x_i))_c. n counts the samples in the batch, orbit copies included.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from eqntk_cli.config.schema import TrainingConfig


@dataclass(frozen=True)
class Objective:
    """The loss of a batch; `loss` is mse or cross_entropy, `output_scale` is alpha.

    Examples:
        >>> mse = Objective("mse")
        >>> mse.value(jnp.array([[1.0], [2.0]]), jnp.array([[0.0], [0.0]])).item()  # (1 + 4) / 4
        1.25
        >>> lazy = Objective("mse", output_scale=10.0, centred=True)
        >>> lazy.prediction(jnp.array([[1.5]]), jnp.array([[1.0]])).item()  # alpha (f - f_0)
        5.0
    """

    loss: str
    output_scale: float = 1.0
    centred: bool = False

    def prediction(
        self, output: Float[Array, "*sample output"], initial: Float[Array, "*#sample #output"]
    ) -> Float[Array, "*sample output"]:
        """F from the network's output f and its output f_0 at initialisation."""
        return self.output_scale * (output - initial if self.centred else output)

    def __call__(
        self, prediction: Float[Array, "sample output"], target: Float[Array, "sample output"]
    ) -> Float[Array, ""]:
        """The loss divided by alpha^2, which is what the optimiser sees."""
        return self.value(prediction, target) / self.output_scale**2

    def value(
        self, prediction: Float[Array, "sample output"], target: Float[Array, "sample output"]
    ) -> Float[Array, ""]:
        """The loss itself."""
        return self.parts(prediction, target).sum() / len(target)

    def parts(
        self, prediction: Float[Array, "sample output"], target: Float[Array, "sample output"]
    ) -> Float[Array, " sample"]:
        """What each sample adds to n times the loss."""
        if self.loss == "mse":
            return jnp.square(prediction - target).sum(axis=-1) / 2
        return -(target * jax.nn.log_softmax(prediction, axis=-1)).sum(axis=-1)


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
