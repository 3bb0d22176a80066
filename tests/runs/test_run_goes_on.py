"""A run that ended early is gone on with."""

import json
from dataclasses import replace

import numpy as np
import pytest
from broken_off import broken_off, never
from fake_runs import BLOCK, FakeEnsemble, config, load

from eqntk_cli.config.schema import ModelConfig
from eqntk_cli.errors import ConfigError
from eqntk_cli.runs import continuation, provenance
from eqntk_cli.runs.contents import CONFIG_FILE, RECORD_FILE
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.integrity import config_fingerprint
from eqntk_cli.runs.interrupts import end_at_good_moment
from eqntk_cli.runs.record import read_record
from eqntk_cli.runs.store import open_predictions


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
