"""Whether the settings of a run go together.

Each value alone is in range already (`eqntk_cli.config.schema`). Here stands what involves several keys; it costs
nothing, so it runs before anything is compiled or downloaded. What can only be known from the data themselves (the
size of an image, the properties of a molecule) is checked where they are read.
"""

from collections.abc import Callable

from eqntk_cli.config.schema import Config
from eqntk_cli.errors import ConfigError

PLANAR_GROUPS = ("c1", "c2", "c4", "d1", "d2", "d4")
ROTATION_GROUPS = ("so3", "octahedral", "icosahedral", "cn")
PLANAR_ARCHITECTURES = ("mlp", "cnn")
MOLECULE_FAMILIES = ("qm9", "molecules")


def check(config: Config) -> None:
    """Refuse settings that cannot be run together.

    Raises:
        ConfigError: names the key, its value and what would be legal.
    """
    for rule in RULES:
        rule(config)


def domain(config: Config) -> None:
    """Images go with planar groups and mlp or cnn, molecules with rotations of space and spherical_mlp."""
    dataset, architecture, group = config.dataset, config.architecture, config.group
    molecules = dataset.family in MOLECULE_FAMILIES
    legal = ("spherical_mlp",) if molecules else PLANAR_ARCHITECTURES
    groups = ROTATION_GROUPS if molecules else PLANAR_GROUPS
    _one_of("architecture", architecture.name, legal, f"dataset={dataset.name}")
    _one_of("group", group.name, groups, f"dataset={dataset.name} and architecture={architecture.name}")
    if group.name == "cn":
        _demand(
            group.order is not None and group.order >= 1, "group.order", group.order, "a number of rotations for cn"
        )
    else:
        _demand(group.order is None, "group.order", group.order, f"null with group={group.name}; only cn has an order")


def layers(config: Config) -> None:
    """Settings of an architecture that it does not have, or that contradict each other."""
    arch = config.architecture
    spherical = arch.name == "spherical_mlp"
    if spherical:
        _demand(
            arch.bandlimit is not None and arch.bandlimit >= 1, "architecture.bandlimit", arch.bandlimit, "1 or more"
        )
    else:
        for key, value, unset in (
            ("bandlimit", arch.bandlimit, None),
            ("band_limited", arch.band_limited, False),
            ("per_atom", arch.per_atom, False),
        ):
            _demand(value == unset, f"architecture.{key}", value, f"{unset} with architecture={arch.name}")
    if arch.name != "cnn":
        _demand(arch.average_pool == 1, "architecture.average_pool", arch.average_pool, f"1 with {arch.name}")
        _demand(arch.readout == "pool", "architecture.readout", arch.readout, f"pool with architecture={arch.name}")
        return
    _demand(arch.hidden_layers >= 1, "architecture.hidden_layers", arch.hidden_layers, "1 or more for a cnn")
    window = arch.window  # refuses what is no window
    if arch.skip:
        keeps = arch.padding != "valid" and arch.stride == 1 and arch.average_pool == 1
        sizes = f"padding={arch.padding} stride={arch.stride} average_pool={arch.average_pool}"
        what = f"false with {sizes} window={window[0]}x{window[1]}"
        _demand(keeps, "architecture.skip", arch.skip, f"{what}; a skip needs layers of one size (same or circular)")


def coupling(config: Config) -> None:
    """Shared weights need networks with the same parameters, and the exact orbit."""
    if config.coupling == "shared":
        with_it = "with coupling=shared, where both networks have the same parameters"
        support = config.architecture.group_support
        _demand(support == "identity", "architecture.group_support", support, f"identity {with_it}")
        _demand(
            config.model.augmentation != "haar", "model.augmentation", config.model.augmentation, f"orbit {with_it}"
        )


def augmentation(config: Config) -> None:
    """A finite group has an orbit, so3 has samples, and the un-augmented ensemble is a control."""
    model, group = config.model, config.group.name
    if group == "so3":
        _demand(
            model.route != "augmented", "model.route", model.route, "auto with group=so3, which has no finite orbit"
        )
    if model.name != "augmented_ensemble":
        return
    if group == "so3":
        _demand(
            model.augmentation != "orbit",
            "model.augmentation",
            "orbit",
            "haar with group=so3, which has no finite orbit",
        )
    else:
        _demand(model.augmentation != "haar", "model.augmentation", "haar", f"orbit with the finite group {group}")
    if model.augmentation == "none" and group != "c1":
        control = config.role == "control" and config.control == "no_augmentation"
        legal = "orbit, or role=control control=no_augmentation (or group=c1) for a run without augmentation"
        _demand(control, "model.augmentation", "none", legal)


def roles(config: Config) -> None:
    """A control names the one thing that it changes, and does change it."""
    role, control, model = config.role, config.control, config.model
    if role == "subject":
        _demand(control is None, "control", control, "null with role=subject, or role=control")
        return
    _demand(
        control is not None, "control", control, "no_augmentation | other_group | other_step_size with role=control"
    )
    if control == "other_step_size":
        changed = config.training.step_size != "auto" or config.training.step_fraction != 1
        _demand(changed, "control", control, "a training.step_fraction or training.step_size unlike the subjects'")
    if control == "no_augmentation":
        _one_of("model", model.name, ("augmented_ensemble",), "control=no_augmentation")
        _demand(
            model.augmentation == "none", "model.augmentation", model.augmentation, "none with control=no_augmentation"
        )


def training(config: Config) -> None:
    """Optimisers, batches and step sizes that contradict each other, and what the kernel cannot predict."""
    model, training = config.model, config.training
    _demand(
        model.name == "ntk" or training.ridge == 0,
        "training.ridge",
        training.ridge,
        "0 with an ensemble (model=ntk has it)",
    )
    if training.step_group is not None:
        groups = ROTATION_GROUPS if config.dataset.family in MOLECULE_FAMILIES else PLANAR_GROUPS
        _one_of("training.step_group", training.step_group, groups, f"dataset={config.dataset.name}")
    order, cyclic = training.step_group_order, training.step_group == "cn"
    fine = order is not None and order >= 1 if cyclic else order is None
    legal = f"{'a number of at least 1' if cyclic else 'null'} with training.step_group={training.step_group or 'null'}"
    _demand(fine, "training.step_group_order", order, legal)
    if model.name == "ntk":
        needed = "with model=ntk, which predicts full-batch gradient descent on the mean squared error"
        _demand(training.optimizer == "gd", "training.optimizer", training.optimizer, f"gd {needed}")
        _demand(training.loss == "mse", "training.loss", training.loss, f"mse {needed}")
        _demand(training.batch_size is None, "training.batch_size", training.batch_size, f"null {needed}")
    if training.optimizer == "gd":
        batch = training.batch_size
        _demand(batch is None, "training.batch_size", batch, "null with training.optimizer=gd; sgd takes batches")
    if training.optimizer == "adam":
        size = training.step_size
        _demand(size != "auto", "training.step_size", size, "a number with adam, which has no stability limit")
    if training.batch_size is not None:
        n_train = config.dataset.n_train
        legal = f"at most dataset.n_train={n_train}"
        _demand(training.batch_size <= n_train, "training.batch_size", training.batch_size, legal)
    if training.record_steps is not None:
        steps = list(training.record_steps) if isinstance(training.record_steps, list | tuple) else []
        fine = bool(steps) and all(isinstance(step, int) and 0 <= step <= training.steps for step in steps)
        legal = f"a list of whole numbers between 0 and training.steps={training.steps}"
        _demand(fine, "training.record_steps", training.record_steps, legal)
    if training.loss == "cross_entropy":
        labels = config.dataset.labels
        _demand(
            labels == "one_hot_centred", "dataset.labels", labels, "one_hot_centred with training.loss=cross_entropy"
        )


def dataset(config: Config) -> None:
    """Keys of a data set that its kind does not have, or that need each other."""
    data = config.dataset
    if data.family in MOLECULE_FAMILIES:
        _demand(data.image_size is None, "dataset.image_size", data.image_size, "null, molecules are no images")
        _demand(data.ood != "off_grid_rotation", "dataset.ood", data.ood, "noise | other_dataset for molecules")
        _demand(config.training.loss == "mse", "training.loss", config.training.loss, f"mse for dataset={data.name}")
    else:
        _demand(data.target is None, "dataset.target", data.target, f"null, dataset={data.name} has classes")
        _demand(data.baseline == "none", "dataset.baseline", data.baseline, f"none, dataset={data.name} has classes")
    if data.ood == "other_dataset":
        other = data.ood_dataset
        _demand(
            other is not None, "dataset.ood_dataset", other, "the name of a data set with dataset.ood=other_dataset"
        )
        _demand(other != data.name, "dataset.ood_dataset", other, f"another data set than {data.name}")
    else:
        legal = f"null with dataset.ood={data.ood}, or dataset.ood=other_dataset"
        _demand(data.ood_dataset is None, "dataset.ood_dataset", data.ood_dataset, legal)


RULES: tuple[Callable[[Config], None], ...] = (domain, layers, coupling, augmentation, roles, training, dataset)


def _one_of(key: str, value: str, legal: tuple[str, ...], given: str) -> None:
    _demand(value in legal, key, value, f"{' | '.join(legal)} with {given}")


def _demand(condition: bool, key: str, value: object, legal: str) -> None:
    if not condition:
        shown = "null" if value is None else value
        raise ConfigError(f"{key}={shown} is not possible here; expected {legal}.")
