"""A run in its folder: what it leaves there, and what it refuses."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from fake_runs import BLOCK, MEMBERS, STEPS, FakeEnsemble, FakeKernel, bundle, config, load

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig, GroupConfig, ModelConfig, TrainingConfig
from eqntk_cli.errors import ConfigError, DataError, NumericalError, StorageError
from eqntk_cli.files.lock import held
from eqntk_cli.progress import Bar
from eqntk_cli.runs import continuation, provenance
from eqntk_cli.runs.contents import CONFIG_FILE, LOCK_FILE, RECORD_FILE
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.folder import read_config
from eqntk_cli.runs.integrity import config_fingerprint
from eqntk_cli.runs.interrupts import end_at_good_moment
from eqntk_cli.runs.record import read_record
from eqntk_cli.runs.store import open_predictions


def rows(folder):
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))


def never(*_):
    raise AssertionError("must not be called")


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


def begun_before_antithetic_members(folder):
    """A run of an earlier program, preempted after its first block."""
    settings = config(model=ModelConfig("gcnn_ensemble", width=8, members=4, antithetic=False))

    def build(*given):
        return FakeEnsemble(*given, hook=lambda number: stop() if number == 1 else None)

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(settings, folder, load, build)
    path = folder / CONFIG_FILE
    path.write_text(path.read_text().replace("  antithetic: false\n", ""))
    record = json.loads((folder / RECORD_FILE).read_text())
    del record["antithetic"]
    record["config_fingerprint"] = config_fingerprint(folder)
    (folder / RECORD_FILE).write_text(json.dumps(record))
    return settings


def test_a_run_begun_without_antithetic_members_goes_on_without(tmp_path):
    """Both by `--resume` and by the settings that it was made with, which leave the new key at auto."""
    settings = begun_before_antithetic_members(tmp_path / "resumed")
    begun_before_antithetic_members(tmp_path / "again")
    seen = []

    def build(given, data):
        seen.append(given.model.antithetic)
        return FakeEnsemble(given, data)

    resume(tmp_path / "resumed", load, build)
    execute(replace(settings, model=replace(settings.model, antithetic="auto")), tmp_path / "again", load, build)
    assert seen == [False, False]
    for name in ("resumed", "again"):
        record = read_record(tmp_path / name)
        assert (record.state, record.members_done, record.antithetic) == ("done", 4, False)
        execute(replace(settings, model=replace(settings.model, antithetic="auto")), tmp_path / name, never, never)
    with pytest.raises(ConfigError, match="model.antithetic was False and is now True"):
        execute(replace(settings, model=replace(settings.model, antithetic=True)), tmp_path / "again", never, never)


def test_metrics_by_hand(tmp_path):
    folder = execute(config(), tmp_path, load, FakeEnsemble)
    mean = open_predictions(folder).prediction.values[:, :, 0].mean(axis=0)
    found = {(int(row["step"]), row["split"]): row for row in rows(folder)}
    assert len(found) == len(STEPS) * 3
    data = bundle()
    for number, step in enumerate(STEPS):
        test = mean[number, 4:7]
        loss = sum((test[i, j] - data.test_y[i, j]) ** 2 for i in range(3) for j in range(2)) / 6
        assert float(found[step, "test"]["loss"]) == pytest.approx(loss, rel=1e-12)
        right = np.mean([int(test[i, 1] > test[i, 0]) == data.test_labels[i, 0] for i in range(3)])
        assert float(found[step, "test"]["acc"]) == pytest.approx(right)
        assert found[step, "ood"]["loss"] == found[step, "ood"]["acc"] == ""


def test_cross_entropy_is_the_loss_that_was_minimised(tmp_path):
    folder = execute(config(training=TrainingConfig(steps=4, loss="cross_entropy")), tmp_path, load, FakeEnsemble)
    mean = open_predictions(folder).prediction.values[:, -1, 0, :4].mean(axis=0)
    truth = bundle().train_labels[:, 0]
    loss = -np.mean([mean[i, truth[i]] - np.log(np.exp(mean[i]).sum()) for i in range(4)])
    last = [row for row in rows(folder) if row["split"] == "train"][-1]
    assert float(last["loss"]) == pytest.approx(loss, rel=1e-12)


def test_only_the_unmoved_samples_enter_the_metrics(tmp_path):
    def build(settings, data):
        return FakeEnsemble(settings, data, element_names=("e", "r90", "r180", "r270"))

    folder = execute(config(), tmp_path, load, build)
    data = open_predictions(folder)
    mean = data.prediction.sel(element="e", step=4).values[:, 4:7].mean(axis=0)
    loss = np.sum((mean - bundle().test_y) ** 2) / 6
    last = [row for row in rows(folder) if row["split"] == "test"][-1]
    assert float(last["loss"]) == pytest.approx(loss, rel=1e-12)


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


def test_settings_that_do_not_go_together_leave_no_folder(tmp_path):
    with pytest.raises(ConfigError, match="group=so3"):
        execute(config(group=GroupConfig(name="so3")), tmp_path / "run", never, never)
    assert not (tmp_path / "run").exists()


def broken_off(folder, at=2):
    """A run that ends with an error inside block `at`."""

    def hook(number):
        if number == at:
            raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        execute(config(), folder, load, lambda *given: FakeEnsemble(*given, hook=hook))
    return read_record(folder)


def test_a_failure_is_recorded_and_gone_on_with(tmp_path):
    record = broken_off(tmp_path / "run")
    assert (record.state, record.error, record.members_done) == ("failed", "RuntimeError: bug", 4)
    assert "Traceback" in (tmp_path / "run" / "eqntk.log").read_text()
    seen = []

    def build(settings, data):
        assert settings.training.step_size == 0.1 + 0.2  # the one on record, not worked out anew
        return FakeEnsemble(settings, data, hook=seen.append, block_size=3)  # the layout on record holds

    resume(tmp_path / "run", load, build)
    assert seen == [2, 3]
    execute(config(), tmp_path / "whole", load, FakeEnsemble)
    first, second = (open_predictions(tmp_path / name).prediction.values for name in ("run", "whole"))
    assert first.tobytes() == second.tobytes()
    assert (tmp_path / "run" / "metrics.csv").read_bytes() == (tmp_path / "whole" / "metrics.csv").read_bytes()


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


@pytest.fixture
def asked():
    """Ends the run of this process at a good moment, until the test is over."""
    yield end_at_good_moment
    end_at_good_moment(False)


def test_a_run_that_is_asked_to_end_finishes_its_block_first(tmp_path, asked):
    def build(settings, data):
        return FakeEnsemble(settings, data, hook=lambda block: asked() if block == 1 else None)

    with pytest.raises(SystemExit) as end:
        execute(config(), tmp_path / "run", load, build)
    record = read_record(tmp_path / "run")
    assert (end.value.code, record.state, record.members_done) == (143, "preempted", 2 * BLOCK)


def refused(*_):
    raise DataError("breastmnist.npz: expected md5 a, got b; delete it and fetch it again.")


@pytest.mark.parametrize("there", [False, True])
def test_a_refused_run_leaves_nothing(tmp_path, capsys, there):
    folder = tmp_path / "run"
    if there:
        folder.mkdir()
        (folder / "mine").write_text("")
    with pytest.raises(DataError):
        execute(config(), folder, refused, never)
    assert [path.name for path in tmp_path.rglob("*")] == (["run", "mine"] if there else [])
    assert "kept" not in capsys.readouterr().err


def test_a_run_in_use_is_left_alone_by_who_is_refused(tmp_path):
    folder = execute(config(), tmp_path / "run", load, FakeEnsemble)
    before = sorted(folder.rglob("*"))
    with held(folder / LOCK_FILE), pytest.raises(StorageError, match="being written by"):
        execute(config(), folder, load, FakeEnsemble)
    assert sorted(folder.rglob("*")) == before


def test_a_refusal_of_a_resume_keeps_what_is_there(tmp_path):
    broken_off(tmp_path)
    with pytest.raises(DataError):
        resume(tmp_path, refused, never)
    assert read_record(tmp_path).members_done == 4


@pytest.mark.parametrize("growth", [1e4, np.nan])
def test_divergence_is_reported_with_the_limit_and_keeps_blocks(tmp_path, growth):
    def build(settings, data):
        model = FakeEnsemble(settings, data)
        model.hook = lambda number: setattr(model, "growth", growth if number == 1 else 1.0)
        return model

    with pytest.raises(NumericalError, match=r"member \d diverges.*step [14],.*step size is 0.3 .*stable below 3;"):
        execute(config(), tmp_path, load, build)
    record = read_record(tmp_path)
    assert (record.state, record.members_done) == ("failed", BLOCK)
    assert "diverges" in record.error


def test_a_kernel_that_is_not_finite_is_refused(tmp_path):
    with pytest.raises(NumericalError, match="not finite.*stability limit 3"):
        execute(config(model=ModelConfig(name="ntk")), tmp_path, load, lambda *given: FakeKernel(*given, value=np.nan))


def test_other_data_are_refused(tmp_path):
    broken_off(tmp_path)
    with pytest.raises(StorageError, match=r"begun with other data \(the train, test, ood samples differ\)"):
        resume(tmp_path, lambda *_: bundle(seed=9), FakeEnsemble)
    assert read_record(tmp_path).members_done == 4


def test_other_settings_are_refused_but_harmless_ones_are_not(tmp_path):
    broken_off(tmp_path)
    with pytest.raises(ConfigError, match="seed was 5 and is now 6"):
        execute(config(seed=6), tmp_path, never, never)
    other = replace(config(label="mine"), model=replace(config().model, block_size=3))
    execute(other, tmp_path, load, FakeEnsemble)
    assert read_record(tmp_path).blocks[0] == [0, 2]


def test_other_versions_are_refused(tmp_path, monkeypatch):
    broken_off(tmp_path)
    monkeypatch.setattr(provenance, "versions", lambda: {**read_record(tmp_path).versions, "jax": "9.9"})
    with pytest.raises(StorageError, match=r"begun with jax 0\.\S+, now 9\.9"):
        resume(tmp_path, never, never)


def test_another_commit_or_device_is_noted(tmp_path, monkeypatch):
    broken_off(tmp_path)
    monkeypatch.setattr(provenance, "git_commit", lambda: "abc")
    monkeypatch.setattr(continuation, "devices", lambda: ["gpu:0 big"])
    resume(tmp_path, load, FakeEnsemble)
    record = read_record(tmp_path)
    assert (record.git_commit, record.devices) == ("abc", ["gpu:0 big"])
    noted = [note for note in record.notes if note.startswith("the members after the first 4 were computed with")]
    assert ["gpu:0 big" in noted[0], "commit abc" in noted[1]] == [True, True]


def test_damaged_blocks_are_computed_again(tmp_path):
    broken_off(tmp_path, at=3)
    chunk = tmp_path / "predictions.zarr" / "prediction" / "c" / "1" / "0" / "0" / "0" / "0"
    chunk.write_bytes(b"\0" * chunk.stat().st_size)
    seen = []
    resume(tmp_path, load, lambda *given: FakeEnsemble(*given, hook=seen.append))
    assert seen == [1, 3]
    assert any("members 2-3 were damaged" in note for note in read_record(tmp_path).notes)


def test_a_lost_store_is_made_again_with_the_layout_on_record(tmp_path):
    broken_off(tmp_path)
    (tmp_path / "predictions.zarr" / "prediction" / "zarr.json").unlink()
    resume(tmp_path, load, lambda *given: FakeEnsemble(*given, block_size=3))
    assert np.isfinite(open_predictions(tmp_path).prediction).all()
    assert read_record(tmp_path).blocks == [[0, 2], [2, 4], [4, 6], [6, 7]]


@pytest.mark.parametrize("name", ["record.json", CONFIG_FILE])
def test_a_truncated_file_is_refused(tmp_path, name):
    broken_off(tmp_path)
    (tmp_path / name).write_text((tmp_path / name).read_text()[:37] + " [")
    with pytest.raises(StorageError, match="damaged"):
        resume(tmp_path, never, never)


def test_resume_of_something_else(tmp_path):
    with pytest.raises(StorageError, match="not a run folder"):
        resume(tmp_path)


def test_a_folder_in_use_is_refused(tmp_path):
    with held(tmp_path / LOCK_FILE), pytest.raises(StorageError, match=r"being written by process \d+ on "):
        execute(config(), tmp_path, never, never)


def test_metrics_are_written_and_logged_as_members_come(tmp_path):
    record = broken_off(tmp_path)
    assert record.members_done == 4
    mean = open_predictions(tmp_path).prediction.values[:4, :, 0].mean(axis=0)
    loss = np.sum((mean[-1, 4:7] - bundle().test_y) ** 2) / 6
    last = [row for row in rows(tmp_path) if row["split"] == "test"][-1]
    assert float(last["loss"]) == pytest.approx(loss, rel=1e-12)
    assert "mean of 2 members: test acc" in (tmp_path / "eqntk.log").read_text()
    assert "mean of 4 members: test acc" in (tmp_path / "eqntk.log").read_text()


def test_the_bar_counts_the_steps_of_a_block(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(Bar, "__call__", lambda _, *told: shown.append(told))
    execute(config(), tmp_path, load, FakeEnsemble)
    assert shown[:2] == [(0, 7, "reading the data"), (0, 7, "preparing the model")]
    assert (2, 7, "members 2-3 of 7, step 0 of 4") in shown
    assert (3, 7, "members 2-3 of 7, step 2 of 4") in shown
    assert (6.5, 7, "members 6-6 of 7, step 2 of 4") in shown
