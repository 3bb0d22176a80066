"""Findings beside the verdict, as plain data: variances, orbits, task metrics, scaling laws and worked examples.

Conventions (series, units, names of the models) are those of `eqntk_cli.report.model`.
"""

from dataclasses import dataclass

UNMOVED = "unmoved"  # f(x)
ORBIT_MEAN = "orbit mean"  # mean over the group of f(g x)
Series = tuple[float, ...]  # one number per recorded step unless said otherwise


@dataclass(frozen=True)
class VarianceComparison:
    """Variance over members against the diagonal of the predicted covariance, for one model."""

    model: str
    kernel: str  # "plain" for the augmented ensemble, "group" for the gcnn ensemble
    split: str
    steps: tuple[int, ...]
    measured: Series  # mean over points of the variance over members
    measured_error: Series
    predicted: Series  # mean over points of the predicted variance
    ratio: Series  # measured / predicted
    ratio_error: Series
    scatter_step: int  # one step in detail: one entry per sample, averaged over outputs
    scatter_measured: Series
    scatter_error: Series
    scatter_predicted: Series


@dataclass(frozen=True)
class OrbitStatistics:
    """How invariant the ensemble mean (and one member) is under the group, for one model and split."""

    model: str
    split: str
    elements: tuple[str, ...]
    steps: tuple[int, ...]
    deviation: Series  # sqrt(mean_x Var_g mean_f(g x)) / RMS of mean_f
    deviation_floor: Series  # what the finite number of members alone would give
    member_deviation: Series  # the same for single members (RMS over members)
    same_prediction: Series | None  # classifiers: share of (x, g) with the class of g = e, of the ensemble mean
    same_prediction_error: Series | None  # standard error over samples


@dataclass(frozen=True)
class TaskMetrics:
    """One metric of the task for one model and split over the steps (ACC, AUC: shares; MAE, RMSE: in `unit`)."""

    model: str
    split: str
    metric: str  # acc | auc | mae | rmse
    unit: str  # "" for shares
    steps: tuple[int, ...]
    ensemble: Series  # of the ensemble mean
    ensemble_error: float | None  # last step: standard error over members (bootstrap)
    member: float | None  # last step: mean over members of the metric of one member
    member_error: float | None  # its standard error
    member_spread: float | None  # standard deviation over members
    inputs: str = UNMOVED  # or ORBIT_MEAN, by which coupled ensembles are compared


@dataclass(frozen=True)
class Trajectory:
    """Prediction of one point over training: ensembles with their spread against mu_t."""

    sample: int  # index within the store
    split: str
    output: str
    target: float | None
    steps: tuple[int, ...]
    mean_a: Series
    spread_a: Series  # standard deviation over members; divide by sqrt(members) for the error of the mean
    mean_b: Series
    spread_b: Series
    mu: Series | None
    mu_spread_a: Series | None  # predicted standard deviation over members (kernel "plain")
    mu_spread_b: Series | None  # (kernel "group")


@dataclass(frozen=True)
class OrbitExample:
    """Predictions of the ensemble means along the orbit of one sample, at the last step."""

    sample: int
    split: str
    label: tuple[int, ...] | None
    outputs: tuple[str, ...]
    elements: tuple[str, ...]
    augmented: tuple[Series, ...]  # (element, output)
    augmented_member: tuple[Series, ...]  # the first member alone, which is not invariant
    gcnn: Series  # (output), the same for every element by construction
    image: tuple[tuple[float, ...], ...] | None  # (height, width) grey values where the run stored them


@dataclass(frozen=True)
class Parity:
    """Predicted against true values at the last step, in physical units (regression only)."""

    model: str
    split: str
    quantity: str
    unit: str
    target: Series
    prediction: Series
    spread: Series  # standard deviation over members


@dataclass(frozen=True)
class MemberScaling:
    """RMS distance of the means of the first m members each: falls like m^(-1/2) down to the true distance."""

    step: int
    members: tuple[int, ...]
    distance: Series
    floor: Series


@dataclass(frozen=True)
class WidthScaling:
    """A quantity against the width n over a sweep, value ~ n^exponent, on the test split."""

    title: str
    quantity: str  # "difference per member" | "distance of the means" | "augmented - theory" ...
    step: int
    widths: tuple[int, ...]
    value: Series  # RMS with the noise removed
    error: Series  # standard error
    floor: Series
    exponent: float | None  # None: fewer than two widths at which something is seen
    exponent_error: float | None
    expected: float


@dataclass(frozen=True)
class Extrapolation:
    """Mean difference extrapolated linearly in 1/n to infinite width, point by point; RMS over the test points."""

    title: str
    name: str  # "augmented - theory" | "gcnn - theory" | "augmented - gcnn"
    steps: tuple[int, ...]
    widths: tuple[int, ...]
    rms_distance: Series  # of the extrapolated difference
    noise_floor: Series
    unbiased_squared: Series
    bias_rms: Series  # RMS of the coefficient of 1/n, noise removed: difference ~ bias / n


@dataclass(frozen=True)
class LearningCurve:
    """A metric of the ensemble mean at the last step on the test split against the number of training samples."""

    title: str
    model: str
    metric: str
    unit: str
    n_train: tuple[int, ...]
    value: Series
    error: Series


@dataclass(frozen=True)
class KernelCurve:
    """A test metric of an infinitely wide ensemble against the number N of training samples, mean over draws of data.

    Where the metric is an error, a N^(-beta) is fitted through the means (beta > 0: the error falls). Series have one
    entry per `n_train`.
    """

    title: str  # what all curves of one comparison share
    group: str
    kind: str  # equivariant (group kernel) | augmented (plain kernel on the orbits) | plain (no symmetry)
    label: str  # "C4 equivariant kernel"
    metric: str  # loss: 1/(2 n_test) sum over samples, outputs of (f - y)^2 | error: 1 - acc | acc | auc | mae | rmse
    unit: str  # "" for shares and for the loss, which is in the units of training
    step: int  # the last recorded one
    n_train: tuple[int, ...]
    draws: tuple[int, ...]  # different training sets that were averaged over
    value: Series
    error: Series  # standard error over draws; nan where there is one
    kcal_per_mol: Series | None  # the values again, where `unit` is an energy per molecule
    beta: float | None  # None: the metric is no error, or fewer than two N at which something is seen
    beta_error: float | None
    amplitude: float | None  # a
    fitted: tuple[int, int] | None  # the smallest and the largest N of the fit
    steps: tuple[int, ...]
    history: tuple[Series, ...]  # per n_train the mean over draws at every recorded step


@dataclass(frozen=True)
class KernelAgreement:
    """How far the means of the equivariant kernel on N samples and of the plain kernel on their orbits are apart."""

    title: str
    group: str
    comparisons: int  # predictions on the same data that were compared
    difference: float  # largest over comparisons and steps t > 0 of RMS(difference) / RMS(equivariant), test points
    run_a: str  # where that is: the run with the equivariant kernel
    run_b: str
    n_train: int
    step: int
    allowed: float  # what rounding explains: sqrt(unit rounding) times the condition number, at most the margin
    within: bool


@dataclass(frozen=True)
class KernelGain:
    """An error of the equivariant kernel in units of the plain kernel's on the same draws (series over n_train)."""

    title: str
    group: str
    label: str  # of the equivariant kernel
    metric: str
    n_train: tuple[int, ...]
    draws: tuple[int, ...]
    ratio: Series  # mean error of the equivariant kernel / mean error of the plain one
    ratio_error: Series  # standard error over draws; nan where there is one
    samples: tuple[float | None, ...]  # times as many samples for the plain kernel to get there; None: beyond its curve
