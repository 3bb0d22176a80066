"""A run in its folder: what it leaves there."""

import numpy as np
import pytest
from broken_off import never
from fake_runs import MEMBERS, STEPS, FakeEnsemble, FakeKernel, bundle, config, load, rows

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig, GroupConfig, ModelConfig, TrainingConfig
from eqntk_cli.progress import Bar
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.folder import read_config
from eqntk_cli.runs.record import read_record
from eqntk_cli.runs.store import open_predictions


def test_what_a_run_leaves(tmp_path, capsys):
    folder = execute(config(), tmp_path / "a" / "run", load, FakeEnsemble)
    assert read_config(folder) == config()
    record = read_record(folder)
    assert (record.state, record.error, record.members_done) == ("done", None, MEMBERS)
    assert record.blocks == [[0, 2], [2, 4], [4, 6], [6, 7]]
    assert record.fingerprint == bundle().fingerprint()
    assert record.target == {"name": "class", "unit": "", "mean": 0.5, "scale": 1.0}
    assert (record.step_size, record.stability_limit, record.record_steps) == (0.1 + 0.2, 3.0, list(STEPS))
    assert record.notes == ["made up", "numpy only"]
    assert record.invariance_error == 1e-9
    assert record.versions["jax"]
    assert record.seconds > 0
    assert record.peak_memory_bytes > 1 << 20
    assert record.training["step_size"] == "auto"

    data = open_predictions(folder)
    expected = np.stack([FakeEnsemble(config(), bundle()).member(number) for number in range(MEMBERS)])
    np.testing.assert_array_equal(data.prediction, expected)
    assert list(data.split.values) == ["train"] * 4 + ["test"] * 3 + ["ood"] * 2
    assert list(data.label.values[7:, 0]) == [-1, -1]
    np.testing.assert_array_equal(data.input, bundle().test_x)
    assert "done" in (folder / "eqntk.log").read_text()
    assert str(folder) in capsys.readouterr().err


def test_the_number_of_random_rotations_is_on_record_only_where_there_are_any(tmp_path):
    molecules = dict(
        dataset=DatasetConfig(name="molecules", family="molecules", kind="molecules", n_train=4, n_test=3, n_ood=2),
        group=GroupConfig(name="so3"),
        architecture=ArchitectureConfig(name="spherical_mlp", bandlimit=2),
    )
    haar = ModelConfig("augmented_ensemble", width=8, members=4, augmentation="haar", haar_samples=16)
    folder = execute(config(model=haar, **molecules), tmp_path / "haar", load, FakeEnsemble)
    assert read_record(folder).haar_samples == 16
    orbit = ModelConfig("augmented_ensemble", width=8, members=4, haar_samples=16)
    assert read_record(execute(config(model=orbit), tmp_path / "orbit", load, FakeEnsemble)).haar_samples is None


@pytest.mark.parametrize(
    ("asked", "centred", "resolved"),
    [("auto", False, True), ("auto", True, False), (True, False, True), (False, False, False)],
)
def test_whether_members_are_antithetic_is_on_record_as_a_truth_value(tmp_path, asked, centred, resolved):
    model = ModelConfig("gcnn_ensemble", width=8, members=4, antithetic=asked)
    settings = config(model=model, training=TrainingConfig(steps=4, centred=centred))
    assert read_record(execute(settings, tmp_path, load, FakeEnsemble)).antithetic is resolved


def test_a_kernel_run(tmp_path):
    settings = config(model=ModelConfig(name="ntk"))
    folder = execute(settings, tmp_path, load, FakeKernel)
    record = read_record(folder)
    assert (record.state, record.width, record.members, record.augmentation) == ("done", None, None, None)
    assert record.kernel == {"condition_number": 7.0}
    assert record.invariance_error == 0.25
    data = open_predictions(folder)
    assert list(data.kernel.values) == ["group", "plain"]
    assert data.covariance.shape == (2, 3, 9, 9)
    assert len(rows(folder)) == len(STEPS) * 3


def test_a_done_run_returns_at_once(tmp_path):
    execute(config(), tmp_path, load, FakeEnsemble)
    before = (tmp_path / "record.json").read_bytes()
    assert execute(config(), tmp_path, never, never) == resume(tmp_path, never, never) == tmp_path
    assert (tmp_path / "record.json").read_bytes() == before


def test_a_smaller_layout_after_running_out_of_memory_is_on_record(tmp_path):
    class Halved(FakeEnsemble):
        """One whose second block does not fit as the first one did."""

        def run_block(self, start, stop, on_progress):
            self.layout = {"members": 2 if start == 0 else 1}
            return super().run_block(start, stop, on_progress)

    def build(settings, data):
        return Halved(settings, data, layout={"members": 2})

    record = read_record(execute(config(), tmp_path / "run", load, build))
    notes = [note for note in record.notes if "ran out of memory" in note]
    assert len(notes) == 1
    assert "from member 2 on the work has a smaller layout ({'members': 1})" in notes[0]
    assert [block.layout["members"] for block in record.blocks_done] == [2, 1, 1, 1]


def test_the_bar_counts_the_steps_of_a_block(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(Bar, "__call__", lambda _, *words: shown.append(words))
    execute(config(), tmp_path, load, FakeEnsemble)
    assert shown[:2] == [(0, 7, "reading the data"), (0, 7, "preparing the model")]
    assert (2, 7, "members 2-3 of 7, step 0 of 4") in shown
    assert (3, 7, "members 2-3 of 7, step 2 of 4") in shown
    assert (6.5, 7, "members 6-6 of 7, step 2 of 4") in shown
