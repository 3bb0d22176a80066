"""The infinite ensemble as estimators that follow scikit-learn.

Both predict the mean mu_t of infinitely many networks of infinite width after training for a time t on
1/(2N) sum_i |f(x_i) - y_i|^2, equivariant under a group (`eqntk_cli.kernels.dynamics.prediction` has the equations).
Rows are images of `image_shape`, or X is an array of images. Inputs enter as they are: standardise them before, in a
Pipeline. Kernels are cached: a grid over `time`, `ridge` and `kernel` computes them once, and with `memory` other
processes find them, too.
"""

import math
from numbers import Real
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_memory, validate_data

from eqntk_cli.errors import ConfigError
from eqntk_cli.interface import cache
from eqntk_cli.interface.inputs import from_arrays
from eqntk_cli.interface.network import Network, network_config
from eqntk_cli.interface.samples import as_samples
from eqntk_cli.kernels.dynamics.prediction import KERNELS, InfiniteEnsemble
from eqntk_cli.kernels.dynamics.spectrum import Schedule
from eqntk_cli.targets.labels import encode
from eqntk_cli.targets.task import BINARY, MULTI_CLASS

_NODES = 64  # of the quadrature over one Gaussian variable
_NOTHING = 1e-12  # a deviation relative to that at initialisation, below which members do not differ


class _InfiniteEstimator(BaseEstimator):
    """What both estimators share: the settings, the samples, the fit, mean and variance."""

    def __init__(
        self,
        group: str = "c1",
        architecture: str = "mlp",
        *,
        image_shape: tuple[int, ...] | None = None,
        time: float = math.inf,
        ridge: float = 1e-6,
        kernel: str = "ntk",
        hidden_layers: int = 2,
        activation: str = "relu",
        W_std: float | tuple[float, ...] = math.sqrt(2),  # noqa: N803
        b_std: float | tuple[float, ...] = 0.1,
        filter: int | tuple[int, int] = 3,  # noqa: A002
        padding: str = "same",
        stride: int = 1,
        average_pool: int = 1,
        skip: bool = False,
        readout: str = "pool",
        precision: str = "float64",
        memory: Any = None,
    ) -> None:
        self.group = group
        self.architecture = architecture
        self.image_shape = image_shape
        self.time = time
        self.ridge = ridge
        self.kernel = kernel
        self.hidden_layers = hidden_layers
        self.activation = activation
        self.W_std = W_std
        self.b_std = b_std
        self.filter = filter
        self.padding = padding
        self.stride = stride
        self.average_pool = average_pool
        self.skip = skip
        self.readout = readout
        self.precision = precision
        self.memory = memory

    def _fit(self, samples: Float[np.ndarray, "train ..."], targets: Float[np.ndarray, "train output"]) -> None:
        if self.kernel not in KERNELS:
            raise ConfigError(f"kernel={self.kernel} is not possible; expected {' | '.join(KERNELS)}.")
        for name in ("time", "ridge"):
            if not isinstance(getattr(self, name), Real) or not getattr(self, name) >= 0:
                raise ConfigError(f"{name}={getattr(self, name)!r} is not possible; expected a number of at least 0.")
        memory = check_memory(self.memory)
        network = Network.of(from_arrays(self._config(), samples, names=("X", "X")))
        block = cache.gram(network, samples, None, memory)
        bare = cache.spectrum(network, samples, self.kernel, memory)
        ridge = self.ridge * float(np.mean(np.diagonal(getattr(block, self.kernel))))
        noise = ridge if self.kernel == "nngp" else 0.0
        self.schedule_ = Schedule((float(self.time),))
        self.ensemble_ = InfiniteEnsemble(bare.with_ridge(ridge), block.nngp, targets, self.kernel, noise)
        self.network_ = network
        self.samples_ = samples

    def _samples(self, x: Any, **checks: Any) -> Float[np.ndarray, "sample height width channel"]:
        rows = validate_data(self, x, dtype=np.float64, allow_nd=True, reset=False, **checks)
        samples = as_samples(rows, self.image_shape, self.group)
        if samples.shape[1:] != self.samples_.shape[1:]:
            raise ValueError(
                f"X has samples of shape {samples.shape[1:]}; expected {self.samples_.shape[1:]}, as in fit."
            )
        return samples

    def _predicted(
        self, samples: Float[np.ndarray, "test ..."], deviation: bool
    ) -> tuple[Float[np.ndarray, "test output"], Float[np.ndarray, " test"] | None]:
        """The mean, and the standard deviation over the members where it is wanted."""
        memory, schedule = check_memory(self.memory), self.schedule_
        cross = cache.gram(self.network_, samples, self.samples_, memory)
        mean = self.ensemble_.mean(cross, schedule)[0]
        if not deviation:
            return mean, None
        prior = cache.variances(self.network_, samples, memory)
        variance = self.ensemble_.variance(cross, prior, schedule)[0]
        return mean, np.sqrt(np.where(variance > _NOTHING**2 * prior, variance, 0.0))

    def _config(self) -> Any:
        names = ("hidden_layers", "activation", "W_std", "b_std", "filter", "padding", "stride", "average_pool")
        settings = {name: getattr(self, name) for name in (*names, "skip", "readout")}
        return network_config(self.group, self.architecture, settings, precision=self.precision)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class NTKRegressor(RegressorMixin, _InfiniteEstimator):
    """Regression by the infinite ensemble.

    Targets are standardised for the training, each output by its own mean and standard deviation (a run of the program
    has one scale for all outputs), and predictions are read back.

    Parameters:
        group: c1 c2 c4 d1 d2 d4, under which the networks are equivariant.
        architecture: mlp or cnn.
        image_shape: (height, width) or (height, width, channels) of flat rows; None: X holds images, or rows without
            any symmetry.
        time: of gradient flow on 1/(2N) sum |f - y|^2; inf: to the end.
        ridge: added to the diagonal of the kernel, as a share of its mean diagonal; with kernel="nngp" also the
            variance of noise on the targets.
        kernel: ntk (all weights are trained) or nngp (only the read-out: the Bayesian posterior at time=inf).
        hidden_layers: hidden dense or convolution layers.
        activation: relu, erf, gelu, ...
        W_std: a number, or one per linear layer, the read-out last.
        b_std: the same for the biases.
        filter: cnn: window, a number of pixels or (height, width).
        padding: cnn: valid, same or circular.
        stride: cnn: step of the windows.
        average_pool: cnn: side of the windows averaged over after every hidden activation.
        skip: residual connections.
        readout: cnn: pool or flatten.
        precision: float32 or float64, of the kernel.
        memory: a folder or joblib.Memory in which kernels are kept for other processes.

    Attributes:
        ensemble_: the infinite ensemble; its `spectrum` has eigenvalues, condition number and stability limit.
        n_features_in_: the number of features of flat rows.

    Raises:
        ConfigError, DataError: settings or shapes that do not go together.
        NumericalError: the kernel is too singular for this time; take a larger ridge.

    Examples:
        >>> import numpy as np
        >>> from eqntk_cli import NTKRegressor
        >>> images = np.random.default_rng(0).normal(size=(20, 16))
        >>> model = NTKRegressor(group="c4", image_shape=(4, 4)).fit(images, np.sum(images**2, axis=1))
        >>> turned = np.rot90(images.reshape(-1, 4, 4), axes=(1, 2)).reshape(-1, 16)
        >>> bool(np.allclose(model.predict(images), model.predict(turned)))
        True
        >>> mean, deviation = model.predict(np.zeros((1, 16)), return_std=True)
        >>> deviation.shape
        (1,)
    """

    def fit(self, X: Any, y: Any) -> "NTKRegressor":  # noqa: N803
        """Train on rows or images X and targets y, (sample,) or (sample, output)."""
        rows, y = validate_data(self, X, y, dtype=np.float64, allow_nd=True, multi_output=True, y_numeric=True)
        targets = np.asarray(y, np.float64).reshape(len(y), -1)
        deviation = targets.std(axis=0)
        self._flat = np.ndim(y) == 1
        self._mean, self._deviation = targets.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
        self._fit(as_samples(rows, self.image_shape, self.group), (targets - self._mean) / self._deviation)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:  # noqa: N803
        """The mean of the ensemble, in the shape of y; with `return_std` also the standard deviation over members."""
        check_is_fitted(self, "ensemble_")
        mean, deviation = self._predicted(self._samples(X), return_std)
        mean = mean * self._deviation + self._mean
        if deviation is None:
            return mean[:, 0] if self._flat else mean
        spread = deviation[:, None] * self._deviation
        return (mean[:, 0], spread[:, 0]) if self._flat else (mean, spread)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class NTKClassifier(ClassifierMixin, _InfiniteEstimator):
    """Classification by the infinite ensemble: one output per class, trained on b - 1/K, the largest one decides.

    b is 1 for the class of the sample and 0 for the K - 1 others (`dataset.labels=one_hot_centred` of the runs).
    Parameters are those of `NTKRegressor`.

    Attributes:
        classes_: the labels, sorted.
        ensemble_, n_features_in_: as of `NTKRegressor`.

    Examples:
        >>> import numpy as np
        >>> from eqntk_cli import NTKClassifier
        >>> rng = np.random.default_rng(0)
        >>> bars = np.zeros((20, 4, 4))
        >>> bars[:10, 1], bars[10:, 1:3, 1:3] = 1, 1  # lines and squares
        >>> noisy, names = bars + 0.1 * rng.normal(size=bars.shape), ["line"] * 10 + ["square"] * 10
        >>> model = NTKClassifier(group="d4").fit(noisy, names)
        >>> model.predict(bars[:1].transpose(0, 2, 1))
        array(['line'], dtype='<U6')
        >>> model.predict_proba(bars[[0, -1]]).shape
        (2, 2)
    """

    def fit(self, X: Any, y: Any) -> "NTKClassifier":  # noqa: N803
        """Train on rows or images X and labels y, (sample,)."""
        rows, y = validate_data(self, X, y, dtype=np.float64, allow_nd=True)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds the one class {self.classes_[0]}; expected at least two classes.")
        names = tuple(str(label) for label in self.classes_)
        task = BINARY if len(names) == 2 else MULTI_CLASS
        targets, _, _ = encode(labels[:, None], task, names, "one_hot_centred")
        self._fit(as_samples(rows, self.image_shape, self.group), targets)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:  # noqa: N803
        """The class of the largest mean output; with `return_std` also the deviation of each output over members."""
        mean, deviation = self._outputs(X, return_std)
        classes = self.classes_[mean.argmax(axis=1)]
        return classes if deviation is None else (classes, deviation)

    def decision_function(self, X: Any) -> Float[np.ndarray, "test *class"]:  # noqa: N803
        """The mean outputs; of two classes the second one minus the first."""
        mean, _ = self._outputs(X, deviation=False)
        return mean[:, 1] - mean[:, 0] if len(self.classes_) == 2 else mean

    def predict_proba(self, X: Any) -> Float[np.ndarray, "test class"]:  # noqa: N803
        """The share of the members of the ensemble that choose each class.

        The outputs f_k of a member are independent, Gaussian with the means mu_k and one deviation s, so that the share
        of class k is E_z prod_{j != k} Phi(z + (mu_k - mu_j)/s) with z standard normal. It says how much the members
        agree, and not how often they are right.
        """
        mean, deviation = self._outputs(X, deviation=True)
        return _shares(mean, deviation)

    def _outputs(self, x: Any, deviation: bool) -> Any:
        check_is_fitted(self, "ensemble_")
        return self._predicted(self._samples(x), deviation)


def _shares(
    mean: Float[np.ndarray, "test class"], deviation: Float[np.ndarray, " test"]
) -> Float[np.ndarray, "test class"]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    ahead = mean[:, :, None] - mean[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(ahead == 0, 0.0, ahead / deviation[:, None, None])
    beaten = ndtr(nodes + relative[..., None])  # (test, class, other, node)
    own = np.arange(mean.shape[1])
    beaten[:, own, own] = 1.0
    shares = beaten.prod(axis=2) @ weights
    return shares / shares.sum(axis=1, keepdims=True)
