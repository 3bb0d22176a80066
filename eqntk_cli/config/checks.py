"""Whether the settings of a run go together.

Each value alone is in range already (`eqntk_cli.config.schema`). Here stands what involves several keys and no more
than their values; what groups and architectures must be asked for is in `eqntk_cli.architectures.checks`, which runs
these rules too.
"""

from collections.abc import Callable

from eqntk_cli.config.schema import Config, DatasetConfig
from eqntk_cli.errors import ConfigError


def is_molecular(dataset: DatasetConfig) -> bool:
    """Whether the samples are molecules, which are moved in space; the others are images."""
    return dataset.kind == "molecules"


def is_antithetic(config: Config) -> bool:
    """Whether members 2k and 2k+1 differ in the sign of the read-out only: as asked, or, auto, unless centred.

    Centred members start at zero whatever the sign, and follow one path to leading order: a pair counts as one member.
    """
    asked = config.model.antithetic
    ensemble = config.model.name != "ntk"
    return ensemble and (not config.training.centred if asked == "auto" else bool(asked))


def antithetic(config: Config) -> None:
    """Antithetic members come in pairs, of which a spread needs two, and centred ones are no use."""
    if not is_antithetic(config):
        return
    model = config.model
    _demand(
        not config.training.centred,
        "model.antithetic",
        "true",
        "auto or false with training.centred=true, where both members of a pair start at zero and follow one path, so "
        "that the pair counts as one member",
    )
    off = "with antithetic members, which come in pairs, or model.antithetic=false"
    fewest = max(4, model.members + model.members % 2)
    _demand(model.members == fewest, "model.members", model.members, f"{fewest} {off}")
    if model.block_size != "auto":
        even = model.block_size + model.block_size % 2
        _demand(model.block_size == even, "model.block_size", model.block_size, f"auto or {even} {off}")


def coupling(config: Config) -> None:
    """Shared weights need networks with the same parameters, and the exact orbit."""
    if config.coupling == "shared":
        with_it = "with coupling=shared, where both networks have the same parameters"
        support = config.architecture.group_support
        _demand(support == "identity", "architecture.group_support", support, f"identity {with_it}")
        _demand(
            config.model.augmentation != "haar", "model.augmentation", config.model.augmentation, f"orbit {with_it}"
        )


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
    if is_molecular(data):
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


RULES: tuple[Callable[[Config], None], ...] = (coupling, antithetic, roles, training, dataset)


def _one_of(key: str, value: str, legal: tuple[str, ...], given: str) -> None:
    _demand(value in legal, key, value, f"{' | '.join(legal)} with {given}")


def _demand(condition: bool, key: str, value: object, legal: str) -> None:
    if not condition:
        shown = "null" if value is None else value
        raise ConfigError(f"{key}={shown} is not possible here; expected {legal}.")
