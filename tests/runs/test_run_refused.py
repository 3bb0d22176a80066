"""What a run refuses to begin, to go on with or to keep, and what it leaves then."""

from dataclasses import replace

import numpy as np
import pytest
from broken_off import broken_off, never, refused
from fake_runs import BLOCK, FakeEnsemble, FakeKernel, bundle, config, load

from eqntk_cli.config.schema import GroupConfig, ModelConfig
from eqntk_cli.errors import ConfigError, DataError, NumericalError, StorageError
from eqntk_cli.files.lock import held
from eqntk_cli.runs import provenance
from eqntk_cli.runs.contents import CONFIG_FILE, LOCK_FILE
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.record import read_record


def test_settings_that_do_not_go_together_leave_no_folder(tmp_path):
    with pytest.raises(ConfigError, match="group=so3"):
        execute(config(group=GroupConfig(name="so3")), tmp_path / "run", never, never)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("made_before", [False, True])
def test_a_refused_run_leaves_nothing(tmp_path, capsys, made_before):
    folder = tmp_path / "run"
    if made_before:
        folder.mkdir()
        (folder / "mine").write_text("")
    with pytest.raises(DataError):
        execute(config(), folder, refused, never)
    assert [path.name for path in tmp_path.rglob("*")] == (["run", "mine"] if made_before else [])
    assert "kept" not in capsys.readouterr().err


def test_a_run_in_use_is_left_alone_by_who_is_refused(tmp_path):
    folder = execute(config(), tmp_path / "run", load, FakeEnsemble)
    before = sorted(folder.rglob("*"))
    with held(folder / LOCK_FILE), pytest.raises(StorageError, match="being written by"):
        execute(config(), folder, load, FakeEnsemble)
    assert sorted(folder.rglob("*")) == before


def test_a_folder_in_use_is_refused(tmp_path):
    with held(tmp_path / LOCK_FILE), pytest.raises(StorageError, match=r"being written by process \d+ on "):
        execute(config(), tmp_path, never, never)


def test_a_refusal_of_a_resume_keeps_what_is_there(tmp_path):
    broken_off(tmp_path)
    with pytest.raises(DataError):
        resume(tmp_path, refused, never)
    assert read_record(tmp_path).members_done == 4


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


@pytest.mark.parametrize("name", ["record.json", CONFIG_FILE])
def test_a_truncated_file_is_refused(tmp_path, name):
    broken_off(tmp_path)
    (tmp_path / name).write_text((tmp_path / name).read_text()[:37] + " [")
    with pytest.raises(StorageError, match="damaged"):
        resume(tmp_path, never, never)


def test_resume_of_something_else(tmp_path):
    with pytest.raises(StorageError, match="not a run folder"):
        resume(tmp_path)


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
