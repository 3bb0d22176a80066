"""Cross-field mistakes, one by one: what is refused, by which key, and what remains allowed."""

import pytest

from eqntk_cli.architectures.checks import check
from eqntk_cli.config.compose import compose
from eqntk_cli.errors import ConfigError

SPHERE = [
    "architecture=spherical_mlp",
    "group=octahedral",
    "dataset=digits",
    "dataset.name=qm9",
    "dataset.family=qm9",
    "dataset.kind=molecules",
]
CONTROL = ["model=augmented_ensemble", "model.augmentation=none", "role=control", "control=no_augmentation"]
REFUSED = {
    "rotations of space on images": (["group=so3"], "group=so3", "c1 | c2 | c4"),
    "a planar group on molecules": ([*SPHERE, "group=c4"], "group=c4", "so3 | octahedral"),
    "a spherical network on images": (["architecture=spherical_mlp"], "architecture=spherical_mlp", "mlp | cnn"),
    "a cnn on molecules": ([*SPHERE, "architecture=cnn"], "architecture=cnn", "spherical_mlp"),
    "cn without order": ([*SPHERE, "group=cn", "group.order=null"], "group.order=null", "cn"),
    "an order for c4": (["group.order=4"], "group.order=4", "only cn"),
    "no bandlimit": ([*SPHERE, "architecture.bandlimit=null"], "architecture.bandlimit=null", "1 or more"),
    "a bandlimit for an mlp": (["architecture.bandlimit=4"], "architecture.bandlimit=4", "null"),
    "flatten for an mlp": (["architecture.readout=flatten"], "architecture.readout=flatten", "pool"),
    "a cnn without convolution": (
        ["architecture=cnn", "architecture.hidden_layers=0"],
        "architecture.hidden_layers=0",
        "1 or more",
    ),
    "a window of three sides": (["architecture=cnn", "architecture.filter=[3,3,3]"], "architecture.filter", "pixels"),
    "a skip over a shrinking layer": (
        ["architecture=cnn", "architecture.skip=true", "architecture.padding=valid"],
        "architecture.skip=True",
        "padding=valid",
    ),
    "a skip over a stride": (
        ["architecture=cnn", "architecture.skip=true", "architecture.stride=2"],
        "architecture.skip=True",
        "stride=2",
    ),
    "average pooling in an mlp": (
        ["architecture.average_pool=2"],
        "architecture.average_pool=2",
        "1 with architecture=mlp",
    ),
    "average pooling on the sphere": (
        [*SPHERE, "architecture.average_pool=2"],
        "architecture.average_pool=2",
        "1 with architecture=spherical_mlp",
    ),
    "a skip over average pooling": (
        ["architecture=cnn", "architecture.skip=true", "architecture.average_pool=2"],
        "architecture.skip=True",
        "average_pool=2",
    ),
    "an odd number of antithetic members": (
        ["model.members=7"],
        "model.members=7",
        "expected 8 with antithetic members",
    ),
    "a single pair of antithetic members": (
        ["model.members=2"],
        "model.members=2",
        "expected 4 with antithetic members",
    ),
    "blocks that split antithetic pairs": (["model.block_size=3"], "model.block_size=3", "expected auto or 4"),
    "antithetic members that are centred": (
        ["model.antithetic=true", "training.centred=true"],
        "model.antithetic=true",
        "follow one path, so that the pair counts as one member",
    ),
    "shared weights with full support": (["coupling=shared"], "architecture.group_support=full", "identity"),
    "shared weights with sampled rotations": (
        [*SPHERE, "group=so3", "coupling=shared", "architecture.group_support=identity", "model.augmentation=haar"],
        "model.augmentation=haar",
        "orbit",
    ),
    "haar on a finite group": (
        ["model=augmented_ensemble", "model.augmentation=haar"],
        "model.augmentation=haar",
        "orbit with the finite group c4",
    ),
    "the orbit of so3": ([*SPHERE, "group=so3", "model=augmented_ensemble"], "model.augmentation=orbit", "haar"),
    "the augmented route for so3": (
        [*SPHERE, "group=so3", "model=ntk", "model.route=augmented"],
        "model.route",
        "auto",
    ),
    "an un-augmented subject": (
        ["model=augmented_ensemble", "model.augmentation=none"],
        "model.augmentation=none",
        "role=control",
    ),
    "a subject with a control": (["control=other_group"], "control=other_group", "role=control"),
    "a control of nothing": (["role=control"], "control=null", "other_group"),
    "a control that augments": ([*CONTROL[:1], *CONTROL[2:]], "model.augmentation=orbit", "none"),
    "a control of the wrong model": (
        ["model=gcnn_ensemble", *CONTROL[2:]],
        "model=gcnn_ensemble",
        "augmented_ensemble with control",
    ),
    "the kernel under adam": (["model=ntk", "training=adam"], "training.optimizer=adam", "gd"),
    "the kernel under cross-entropy": (["model=ntk", "training=cross_entropy"], "training.loss", "mse"),
    "batches in full-batch descent": (["training.batch_size=8"], "training.batch_size=8", "sgd"),
    "batches larger than the data": (
        ["training=sgd", "training.batch_size=80"],
        "training.batch_size=80",
        "dataset.n_train=64",
    ),
    "a stability limit for adam": (["training=adam", "training.step_size=auto"], "training.step_size=auto", "a number"),
    "recording after the end": (["training.record_steps=[0,500]"], "training.record_steps", "training.steps=300"),
    "recording at a word": (["training.record_steps=often"], "training.record_steps=often", "list"),
    "cross-entropy of signs": (["training=cross_entropy", "dataset.labels=pm1"], "dataset.labels=pm1", "one_hot"),
    "a property of images": (["dataset.target=gap"], "dataset.target=gap", "digits has classes"),
    "a baseline of images": (["dataset.baseline=atomic"], "dataset.baseline=atomic", "none"),
    "pixels of molecules": ([*SPHERE, "dataset.image_size=8"], "dataset.image_size=8", "no images"),
    "classes of molecules": ([*SPHERE, "training=cross_entropy"], "training.loss=cross_entropy", "mse"),
    "another data set without name": (["dataset.ood=other_dataset"], "dataset.ood_dataset=null", "name of a data set"),
    "the same data set as another": (
        ["dataset.ood=other_dataset", "dataset.ood_dataset=digits"],
        "dataset.ood_dataset=digits",
        "another",
    ),
    "another data set not asked for": (["dataset.ood_dataset=digits"], "dataset.ood_dataset=digits", "other_dataset"),
}
ALLOWED = {
    "the default": [],
    "the un-augmented control": CONTROL,
    "plain networks without a group": ["model=augmented_ensemble", "model.augmentation=none", "group=c1"],
    "a window that the group does not preserve": ["architecture=cnn", "architecture.filter=[3,1]"],
    "a stride": ["architecture=cnn", "architecture.stride=2"],
    "shared weights": ["coupling=shared", "architecture.group_support=identity"],
    "rotated molecules": [*SPHERE, "group=so3", "model=augmented_ensemble", "model.augmentation=haar"],
    "the sampled so3 control": [*SPHERE, "group=so3", *CONTROL],
    "a wrong group": ["role=control", "control=other_group", "group=c2"],
    "sgd": ["training=sgd"],
    "adam": ["training=adam"],
    "centred cross-entropy": ["training=cross_entropy"],
    "an odd number of centred members": ["training.centred=true", "model.members=7"],
    "an odd number of independent members": ["model.antithetic=false", "model.members=7", "model.block_size=3"],
    "recorded steps": ["training.record_steps=[0,10,300]"],
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    overrides, key, legal = REFUSED[case]
    with pytest.raises(ConfigError, match="expected") as caught:
        check(compose(overrides))
    assert key in str(caught.value)
    assert legal in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", ALLOWED)
def test_allowed(case):
    check(compose(ALLOWED[case]))
