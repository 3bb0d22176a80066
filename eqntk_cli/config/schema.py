"""The settings of a run: types, defaults and the range of each single value.

These dataclasses are Hydra's structured configs (the yaml files under `conf/` fill them) and, once resolved,
the plain objects that the rest of the program reads. A check that needs one value alone stands in
`__post_init__` here; what involves several keys stands in `eqntk_cli.config.checks`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from eqntk_cli.errors import ConfigError

KINDS = ("images", "molecules")
TASK_NAMES = ("auto", "regression", "multi-class", "binary-class", "multi-label", "ordinal-regression")
OODS = ("noise", "other_dataset", "off_grid_rotation")
LABELS = ("one_hot_centred", "pm1", "raw")
BASELINES = ("none", "atomic", "linear")
PADDINGS = ("valid", "same", "circular")
READOUTS = ("pool", "flatten")
SUPPORTS = ("full", "identity")
AUGMENTATIONS = ("orbit", "none", "haar")
ROUTES = ("auto", "collapsed", "recursion", "augmented")
COUPLINGS = ("independent", "shared")
OPTIMIZERS = ("gd", "sgd", "momentum", "adam")
LOSSES = ("mse", "cross_entropy")
CONTROLS = ("no_augmentation", "other_group", "other_step_size")
PRECISIONS = ("float32", "float64")
LARGEST_SHARDS = 1000  # the tasks of an array of jobs
TRACKING_MODES = ("auto", "online", "offline", "disabled")


def require(condition: bool, key: str, value: object, legal: object) -> None:
    """Refuse a setting: raise ConfigError naming the key, the value and what would be legal."""
    if not condition:
        legal = " | ".join(legal) if isinstance(legal, tuple) else legal
        raise ConfigError(f"{key}={value} is not possible; expected {legal}.")


@dataclass
class DatasetConfig:
    """Which data, how much of it, and how it enters the networks."""

    name: str = MISSING  # the data set; dataset=NAME chooses it with its defaults
    family: str = MISSING  # which loader reads it: a module of eqntk_cli/data/sources
    kind: str = "images"  # or molecules: on which domain its samples live
    root: str | None = None  # folder with the files of this family; None: $EQNTK_DATA/<family>, then the cache
    url: str | None = None  # mirror to download from instead of the official address
    files: Any = None  # own data: a file, or a list of files
    task: str = "auto"  # arrays: what y means, in MedMNIST's words; auto: inferred
    unit: str | None = None  # own data: of the numbers to be learned
    per: str = "structure"  # structures: or atom, which divides the target by the number of atoms
    split_by: str | None = None  # structures: key whose groups stay together on one side of the split
    n_train: int = 64  # training samples, drawn by split_seed; the first n of a larger draw are the draw of n
    n_test: int = 64  # test samples, none of them a copy of a training sample
    n_ood: int = 32  # samples off the distribution
    ood: str = "noise"  # what they are
    ood_dataset: str | None = None  # for ood=other_dataset
    image_size: int | None = None  # None: as stored
    normalise: bool = True  # inputs to mean 0, standard deviation 1 over the training set
    labels: str = "one_hot_centred"  # targets b - 1/K, 2b - 1 or b of K classes; b is 1 for the class, else 0
    target: str | None = None  # molecules: which property
    baseline: str = "none"  # molecules: what is subtracted from the target before training
    powers: tuple[int, ...] = (2, 6)  # molecules: p of the signals sum z_i z_j / r^p
    exclude: str | None = None  # qm9: file with the list of inconsistent molecules
    split_seed: int = 0  # of the choice of samples; draws of a learning curve differ in it

    def __post_init__(self) -> None:
        self.powers = tuple(self.powers)  # yaml knows lists only
        if self.root is not None:
            self.root = str(Path(self.root).expanduser().absolute())  # a run may be resumed from another folder
        require(self.split_seed >= 0, "dataset.split_seed", self.split_seed, "a whole number of at least 0")
        require(self.n_train >= 1, "dataset.n_train", self.n_train, "a whole number of at least 1")
        require(self.n_test >= 1, "dataset.n_test", self.n_test, "a whole number of at least 1")
        require(self.n_ood >= 0, "dataset.n_ood", self.n_ood, "a whole number of at least 0")
        if self.files is not None:
            several = self.files if isinstance(self.files, list | tuple) else [self.files]
            self.files = [str(Path(str(file)).expanduser().absolute()) for file in several]
        require(self.task in TASK_NAMES, "dataset.task", self.task, TASK_NAMES)
        require(self.per in ("structure", "atom"), "dataset.per", self.per, ("structure", "atom"))
        require(self.kind in KINDS, "dataset.kind", self.kind, KINDS)
        require(self.ood in OODS, "dataset.ood", self.ood, OODS)
        require(self.labels in LABELS, "dataset.labels", self.labels, LABELS)
        require(self.baseline in BASELINES, "dataset.baseline", self.baseline, BASELINES)
        require(
            self.image_size is None or self.image_size >= 1, "dataset.image_size", self.image_size, "at least 1 pixel"
        )


@dataclass
class ArchitectureConfig:
    """What the three models share, so that they correspond by construction."""

    name: str = MISSING  # mlp | cnn | spherical_mlp
    hidden_layers: int = 2  # hidden dense or convolution layers; 0: a linear network
    activation: str = "relu"  # of every hidden layer: relu, erf, gelu, ...
    W_std: Any = 1.4142135623730951  # a number, or one per dense/convolution layer, read-out last
    b_std: Any = 0.1  # the same for the biases
    filter: Any = 3  # cnn: window, a number or [height,width]
    padding: str = "valid"  # cnn: at the border of the image
    stride: int = 1  # cnn: step of the windows in pixels
    average_pool: int = 1  # cnn: side in pixels of the windows averaged over after every hidden activation; 1: none
    skip: bool = False  # residual connections over the hidden layers after the first
    readout: str = "pool"  # cnn: mean over all positions before the read-out, or a read-out of all of them
    group_support: str = "full"  # group elements that group filters reach: all, or the identity alone
    bandlimit: int | None = None  # spherical_mlp: harmonics with l < bandlimit
    band_limited: bool = False  # spherical_mlp: project on l < bandlimit after every nonlinearity
    quadrature_tolerance: float = 1e-6  # spherical_mlp and so3: relative error asked of the quadrature
    per_atom: bool = False  # molecules: a separate network per atom index instead of one shared by all

    def __post_init__(self) -> None:
        require(self.hidden_layers >= 0, "architecture.hidden_layers", self.hidden_layers, "a number of at least 0")
        require(self.padding in PADDINGS, "architecture.padding", self.padding, PADDINGS)
        require(self.readout in READOUTS, "architecture.readout", self.readout, READOUTS)
        require(self.group_support in SUPPORTS, "architecture.group_support", self.group_support, SUPPORTS)
        require(self.stride >= 1, "architecture.stride", self.stride, "a whole number of at least 1")
        require(self.average_pool >= 1, "architecture.average_pool", self.average_pool, "a whole number of at least 1")
        for key, value in (("W_std", self.W_std), ("b_std", self.b_std)):
            self._per_layer(key, value)

    @property
    def gains(self) -> tuple[float, ...]:
        """W_std of every dense or convolution layer, the read-out last."""
        return self._per_layer("W_std", self.W_std)

    @property
    def biases(self) -> tuple[float, ...]:
        """b_std of every dense or convolution layer, the read-out last."""
        return self._per_layer("b_std", self.b_std)

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of the convolution filter in pixels."""
        several = isinstance(self.filter, list | tuple)
        pair = tuple(self.filter) if several else (self.filter, self.filter)
        ok = len(pair) == 2 and all(isinstance(side, int) and side >= 1 for side in pair)
        require(ok, "architecture.filter", self.filter, "a number of pixels or [height,width]")
        return pair[0], pair[1]

    def _per_layer(self, key: str, value: Any) -> tuple[float, ...]:
        layers = self.hidden_layers + 1
        values = list(value) if isinstance(value, list | tuple) else [value] * layers
        ok = len(values) == layers and all(isinstance(v, int | float) and v >= 0 for v in values)
        require(ok, f"architecture.{key}", value, f"a number, or {layers} numbers (one per layer, read-out last)")
        return tuple(float(v) for v in values)


@dataclass
class ModelConfig:
    """Which of the three models runs, and its size."""

    name: str = MISSING  # gcnn_ensemble | augmented_ensemble | ntk
    width: int = 256  # channels of every hidden layer
    members: int = 16  # networks in the ensemble
    block_size: Any = "auto"  # members written together, or auto
    shards: int = 1  # tasks that share the run folder: jobs of a cluster, or processes; no bit depends on their number
    antithetic: Any = "auto"  # members 2k and 2k+1 differ in the sign of the read-out only; auto: unless centred
    augmentation: str = "orbit"  # augmented_ensemble: copies that a member is trained on
    haar_samples: int = 4  # augmentation=haar: rotations per training sample
    route: str = "auto"  # ntk: recursion of the group kernel; auto: the cheapest exact one
    covariance: bool = True  # ntk: the covariance over initialisations besides the mean

    def __post_init__(self) -> None:
        require(self.width >= 1, "model.width", self.width, "a whole number of at least 1")
        ensemble = self.name != "ntk"
        require(
            not ensemble or self.members >= 2,
            "model.members",
            self.members,
            "at least 2 members (a spread over initialisations needs two)",
        )
        auto = self.block_size == "auto" or (isinstance(self.block_size, int) and self.block_size >= 1)
        require(auto, "model.block_size", self.block_size, "auto or a whole number of at least 1")
        fine = 1 <= self.shards <= LARGEST_SHARDS
        require(fine, "model.shards", self.shards, f"a whole number from 1 to {LARGEST_SHARDS}")
        self.antithetic = {"true": True, "false": False}.get(str(self.antithetic), self.antithetic)
        known = self.antithetic == "auto" or isinstance(self.antithetic, bool)
        require(known, "model.antithetic", self.antithetic, ("auto", "true", "false"))
        require(self.augmentation in AUGMENTATIONS, "model.augmentation", self.augmentation, AUGMENTATIONS)
        require(self.haar_samples >= 1, "model.haar_samples", self.haar_samples, "a whole number of at least 1")
        require(self.route in ROUTES, "model.route", self.route, ROUTES)


@dataclass
class TrainingConfig:
    """How the ensembles are trained, and at which times the kernels are read."""

    optimizer: str = "gd"  # update rule
    loss: str = "mse"  # mse is 1/(2N) sum over samples and outputs
    centred: bool = False  # train f - f_0, so that every member starts at zero
    steps: int = 300  # training steps
    record_steps: Any = None  # None: 0 and log-spaced steps up to `steps`; or a list
    step_size: Any = "auto"  # a number; auto: half the stability limit of the plain kernel on the orbits
    step_fraction: float = 1.0  # multiplies the step size that auto has found
    step_group: str | None = None  # whose orbit sets step_size=auto; None: the run's own group
    step_group_order: int | None = None  # step_group=cn: number of its rotations
    batch_size: int | None = None  # originals per batch (each with its whole orbit); None: full batch
    output_scale: float = 1.0  # alpha: the network is alpha f; large ones are lazy at any width
    momentum: float = 0.9  # of optimizer=momentum
    ridge: float = 0.0  # of the kernel prediction, in units of the mean diagonal of the kernel

    def __post_init__(self) -> None:
        require(self.optimizer in OPTIMIZERS, "training.optimizer", self.optimizer, OPTIMIZERS)
        require(self.loss in LOSSES, "training.loss", self.loss, LOSSES)
        require(self.steps >= 1, "training.steps", self.steps, "a whole number of at least 1")
        number = not isinstance(self.step_size, bool) and isinstance(self.step_size, int | float)
        number = number and 0 < self.step_size < float("inf")
        require(self.step_size == "auto" or number, "training.step_size", self.step_size, "auto or a positive number")
        require(self.step_fraction > 0, "training.step_fraction", self.step_fraction, "a positive number")
        require(0 <= self.momentum < 1, "training.momentum", self.momentum, "a number from 0 to below 1")
        require(self.output_scale > 0, "training.output_scale", self.output_scale, "a positive number")
        require(self.ridge >= 0, "training.ridge", self.ridge, "a number of at least 0")
        require(
            self.batch_size is None or self.batch_size >= 1,
            "training.batch_size",
            self.batch_size,
            "at least 1, or null",
        )


@dataclass
class TrackingConfig:
    """The mirror in Weights & Biases."""

    mode: str = "auto"  # auto: online where a key is configured, else offline
    project: str = "eqntk"  # project there
    entity: str | None = None  # user or team there; null: the default one
    group: str | None = None  # group of runs there; a sweep sets it
    tags: tuple[str, ...] = ()  # tags there
    upload: bool = True  # keep the run folder as an artifact, from which compare-runs can read the run anywhere

    def __post_init__(self) -> None:
        self.tags = tuple(self.tags)
        require(self.mode in TRACKING_MODES, "tracking.mode", self.mode, TRACKING_MODES)


@dataclass
class GroupConfig:
    """The symmetry group by name."""

    name: str = MISSING  # c1 c2 c4 d1 d2 d4 on pixels; so3 octahedral icosahedral cn on the sphere
    order: int | None = None  # cn: number of rotations about the z axis


@dataclass
class Config:
    """One run, completely."""

    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    group: GroupConfig = field(default_factory=GroupConfig)
    architecture: ArchitectureConfig = field(default_factory=ArchitectureConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    coupling: str = "independent"  # shared: member m of both ensembles starts from the same weights
    role: str = "subject"  # control: a run that must come out different
    control: str | None = None  # the one thing that a control changes
    precision: str = "float32"  # of all arrays
    seed: int = 0  # of the initial weights
    label: str | None = None  # a word of the user's own, shown in tables

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**32, "seed", self.seed, "a whole number from 0 to 2^32 - 1")
        require(self.coupling in COUPLINGS, "coupling", self.coupling, COUPLINGS)
        require(self.role in ("subject", "control"), "role", self.role, ("subject", "control"))
        require(self.control is None or self.control in CONTROLS, "control", self.control, CONTROLS)
        require(self.precision in PRECISIONS, "precision", self.precision, PRECISIONS)

    def set_precision(self) -> None:
        """Let jax compute in the precision of these settings; before the first array is made."""
        import jax  # takes seconds, and most of what reads settings does not need it

        jax.config.update("jax_enable_x64", self.precision == "float64")
