"""Costs from seconds of work: the pace of made-up work, and sizes against the files of real runs."""

import time

import pytest

from eqntk_cli.config.compose import compose
from eqntk_cli.data.registry import load_data
from eqntk_cli.runs import measure
from eqntk_cli.runs.execute import execute
from eqntk_cli.sweeps.estimate import expected
from tests.cli.console import TINY


def settings(*words):
    return compose([*TINY, "precision=float64", *words])


def test_steps_and_readings_have_a_pace_each():
    steps = measure._Steps((0, 1, 100))
    steps.seen = [(0.0, 1), (3.0 + 20.0, 11), (43.0, 21), (201.0, 100), (204.0, 100)]  # 2 s a step, 3 s a reading
    assert steps.seconds(300, 10) == pytest.approx(630)


def test_pairs_that_were_not_reached_are_counted_by_the_pace(monkeypatch):
    pairs, clock = measure._Pairs(), iter([7.0, 9.0, 13.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    pairs(0, 1000, 0)
    pairs(100, 1000, 0)  # with what was compiled for them
    pairs(200, 1000, 0)
    with pytest.raises(measure._Enough):
        pairs(400, 1000, 0)
    assert pairs.seconds(began=1.0) == pytest.approx(6.0 + 900 * 6.0 / 300)


@pytest.fixture(scope="module")
def costs():
    models = ("augmented_ensemble", "ntk")
    return {model: measure.measured(settings(f"model={model}"), time.monotonic()) for model in models}


@pytest.mark.parametrize("model", ["augmented_ensemble", "ntk"])
def test_storage_is_that_of_the_run(costs, model, tmp_path, monkeypatch):
    monkeypatch.setattr("eqntk_cli.runs.execute.discard_kernels", str)  # tiles stay
    folder = execute(settings(f"model={model}"), tmp_path / "run")
    arrays = [folder / "predictions.zarr" / name / "c" for name in ("prediction", "mean", "covariance")]
    predictions = sum(file.stat().st_size for array in arrays for file in array.rglob("*") if file.is_file())
    tiles = sum(file.stat().st_size - 128 for file in folder.rglob("tile-*.npy"))
    on_diagonals = 1.5  # where a tile holds its pairs twice
    assert predictions + tiles / on_diagonals <= costs[model].storage <= predictions + tiles


def test_a_tiny_run_is_seen_as_a_whole(costs):
    for model, cost in costs.items():
        assert cost.whole
        assert cost.kernels > 0
        assert 2**27 < cost.memory < 2**33
        assert (cost.program > 0) == (model != "ntk")
    assert costs["augmented_ensemble"].block == 4  # of so few members


def test_the_stability_limit_is_counted_where_the_step_is_a_number(monkeypatch):
    monkeypatch.setattr(measure, "WATCHED", 0.0)
    words = ("model=augmented_ensemble", "training.step_size=0.1", "dataset.n_train=120")
    config = settings(*words)
    kernels = measure._kernels(config, load_data(config.dataset, config.architecture))
    assert not kernels.whole
    assert kernels.missing_bytes > 0


def test_large_matrices_are_not_waited_for(monkeypatch):
    monkeypatch.setattr(measure, "WATCHED", 0.0)
    cost = measure.measured(settings("model=ntk", "dataset.n_train=120", "dataset.n_test=60"), time.monotonic())
    assert not cost.whole
    assert cost.kernels > 0
    assert expected(cost, 1).startswith("at least ")
