"""The step size that all models share, also where it is that of another group."""

import pytest

from eqntk_cli.architectures.checks import check
from eqntk_cli.config.schema import ArchitectureConfig, Config, DatasetConfig, GroupConfig, ModelConfig, TrainingConfig
from eqntk_cli.errors import ConfigError
from eqntk_cli.models.grams import Grams
from eqntk_cli.models.registry import build_model
from tests.models.settings import bundle, config
from tests.models.test_relative import spheres


def about_z(order, **training) -> Config:
    return Config(
        dataset=DatasetConfig(name="random", family="random", kind="molecules"),
        group=GroupConfig("cn", order),
        architecture=ArchitectureConfig(name="spherical_mlp", bandlimit=3, hidden_layers=1),
        model=ModelConfig(name="gcnn_ensemble", width=8, members=4),
        training=TrainingConfig(steps=5, **training),
        precision="float64",
    )


def test_another_cyclic_group_keeps_the_step_of_its_order():
    control = build_model(about_z(2, step_group="cn", step_group_order=3), spheres())
    subject, alone = (build_model(about_z(order), spheres()) for order in (3, 2))
    assert control.step_size == subject.step_size != alone.step_size
    assert control.stability_limit == alone.stability_limit


@pytest.mark.parametrize("order", [None, 0])
def test_a_cyclic_step_group_needs_its_order(order):
    with pytest.raises(ConfigError, match=r"training.step_group_order=.* at least 1 with training.step_group=cn"):
        check(about_z(2, step_group="cn", step_group_order=order))


def test_the_order_belongs_to_a_cyclic_step_group():
    with pytest.raises(ConfigError, match=r"training.step_group_order=3 .* null with training.step_group=octahedral"):
        check(about_z(2, step_group="octahedral", step_group_order=3))


def predicted(folder, calls=None, **training):
    grams = Grams(folder, on_pairs=None if calls is None else lambda *numbers: calls.append(numbers))
    model = build_model(config("ntk", "c2", training={"step_group": "c4", **training}), bundle(side=4), grams)
    model.predict(lambda _: None)
    return model.step_size, grams


def test_the_tiles_of_another_group_are_kept_counted_and_found_again(tmp_path):
    calls = []
    step, first = predicted(tmp_path, calls)
    other, own = 4 * 5 * 6 // 2, 2 * 11 * 12 // 2  # pairs of training samples under c4; of all samples under c2
    assert calls[-1] == (other + own, other + own, 0)
    again, second = predicted(tmp_path)
    assert (second.pairs_kept, second.pairs_done) == (other + own, first.pairs_done)
    assert again == step == build_model(config("gcnn_ensemble", "c4"), bundle(side=4)).step_size


def test_a_step_size_that_is_known_costs_no_kernel_of_another_group(tmp_path):
    step, _ = predicted(tmp_path / "auto")
    same, grams = predicted(tmp_path / "known", step_size=step)
    assert (same, grams.pairs_done) == (step, 2 * 11 * 12 // 2)
