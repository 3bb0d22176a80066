"""Who may work on a shared run, and on which of its members."""

import time
from types import SimpleNamespace

import pytest
from fake_runs import MEMBERS, FakeEnsemble, config, load
from shared_run import assert_same, computed_yet, shared

from eqntk_cli.config.schema import ModelConfig
from eqntk_cli.errors import ConfigError, StorageError
from eqntk_cli.files import lock
from eqntk_cli.files.lock import holder
from eqntk_cli.runs import access, ensemble
from eqntk_cli.runs.contents import LOCK_FILE
from eqntk_cli.runs.entries import claim
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.grow import grow
from eqntk_cli.runs.listing import summary
from eqntk_cli.runs.plan import settings_digest
from eqntk_cli.runs.record import read_record


def test_who_has_other_settings_is_refused(tasks, folder, whole):
    working = tasks.start(folder, pause=0.2)
    while not computed_yet(folder):
        time.sleep(0.01)
    with pytest.raises(ConfigError, match="seed was 5 and is now 6"):
        execute(shared(seed=6), folder, load, FakeEnsemble)
    assert summary(folder).state == "running"
    assert tasks.wait(working) == 0
    assert_same(folder, whole)


def test_a_run_is_shared_by_all_or_by_none(tasks, folder, whole, monkeypatch):
    monkeypatch.setattr(access, "_LEAVING", 0.1)
    working = tasks.start(folder, pause=0.2)
    while not computed_yet(folder):
        time.sleep(0.01)
    assert holder(folder / LOCK_FILE).startswith(f"process {working} on")
    assert summary(folder).state == "running"
    for refused in (lambda: execute(config(), folder, load, FakeEnsemble), lambda: grow(folder, 9, load)):
        with pytest.raises(StorageError, match=f"being written by process {working} on"):
            refused()
    assert grow(folder, MEMBERS, load) == folder  # what every task is told that goes on with a grown run
    assert tasks.wait(working) == 0
    assert_same(folder, whole)


def test_members_of_one_chunk_are_trained_by_one_task_at_a_time(folder, monkeypatch):
    """Two blocks of a run that was grown lie in one chunk, which is replaced as a whole."""

    def stop(number):
        if number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(shared(), folder, load, lambda *given: FakeEnsemble(*given, hook=stop))
    grow(folder, 8, load)
    assert read_record(folder).missing_blocks() == [(6, 7), (7, 8)]
    held_by_another, seen = claim(folder, 3), []

    def waits(_):
        seen.append("waits")
        held_by_another.close()

    monkeypatch.setattr(ensemble, "time", SimpleNamespace(sleep=waits, monotonic=time.monotonic))
    resume(folder, load, lambda *given: FakeEnsemble(*given, hook=seen.append))
    assert seen == ["waits", 3, 3]


def test_a_file_system_without_locks_is_refused(folder, monkeypatch):
    def unsupported(*_):
        raise OSError(lock.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", unsupported)
    with pytest.raises(StorageError, match=r"model.shards=2 is not possible: .* knows no locks"):
        execute(shared(), folder, load, FakeEnsemble)
    execute(config(), folder, load, FakeEnsemble)  # alone it goes as before


@pytest.mark.parametrize("shards", [0, -1, 1001])
def test_impossible_numbers_of_shards(shards):
    with pytest.raises(ConfigError, match=rf"model.shards={shards} is not possible; expected a whole number from 1"):
        ModelConfig("gcnn_ensemble", shards=shards)


def test_the_number_of_tasks_is_no_setting_of_the_result():
    """Plans that were made before there was such a key hold, and runs may change it between two attempts."""
    assert settings_digest(config()) == settings_digest(shared(4))
