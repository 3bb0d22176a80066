"""Recorded steps and mini-batches."""

import numpy as np
import pytest

from eqntk_cli.config.schema import TrainingConfig
from eqntk_cli.errors import ConfigError
from eqntk_cli.training.schedule import Batches, record_steps


def test_steps_are_log_spaced_from_zero_to_the_last():
    steps = record_steps(TrainingConfig(steps=300))
    assert steps[0] == 0
    assert steps[1] == 1
    assert steps[-1] == 300
    assert list(steps) == sorted(set(steps))


def test_steps_asked_for_always_hold_the_start():
    assert record_steps(TrainingConfig(steps=20, record_steps=[20, 5])) == (0, 5, 20)
    with pytest.raises(ConfigError, match="whole numbers from 0 to training.steps=20"):
        record_steps(TrainingConfig(steps=20, record_steps=[21]))


def test_every_epoch_sees_every_original_once_in_a_new_order():
    batches = Batches(samples=6, size=2, seed=0)
    epochs = [np.concatenate([batches.originals(3 * epoch + i) for i in range(3)]) for epoch in range(2)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(6))
    assert list(epochs[0]) != list(epochs[1])


@pytest.mark.parametrize("size", [None, 6])
def test_a_full_batch_is_all_originals_in_order(size):
    batches = Batches(6, size, 0)
    assert batches.whole
    assert list(batches.originals(3)) == list(range(6))


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ConfigError, match="training.batch_size=7"):
        Batches(6, 7, 0)
