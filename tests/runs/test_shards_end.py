"""How the tasks of a shared run end it, or leave it: what one does is right whatever another has done just before."""

import time
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from fake_runs import FakeEnsemble, config, load

from eqntk_cli.errors import ConfigError, HeldError, StorageError
from eqntk_cli.files.atomic import make_folder
from eqntk_cli.files.lock import held
from eqntk_cli.runs import access, continuation, ensemble, session
from eqntk_cli.runs.access import Together
from eqntk_cli.runs.contents import LOCK_FILE, SHARED, STORE
from eqntk_cli.runs.ensemble import EnsembleRun
from eqntk_cli.runs.entries import claim, drop_entry
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.interrupts import end_at_good_moment
from eqntk_cli.runs.record import read_record, write_record


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def shared(**changes):
    settings = config(**changes)
    return replace(settings, model=replace(settings.model, shards=2))


def run(folder, hook=None):
    return execute(shared(), folder, load, lambda *given: FakeEnsemble(*given, hook=hook))


def test_members_that_another_task_found_damaged_are_computed_before_the_run_ends(folder, tmp_path, monkeypatch):
    """Both tasks have seen every block done; the other one had the turn first and has dropped a damaged one."""
    compute, seen = EnsembleRun.compute, []

    def compute_and_lose_one(work):
        compute(work)
        record = read_record(folder)
        if len(seen) == 4:
            damaged = record.blocks_done[1]
            (folder / STORE / "prediction" / "c" / "1" / "0" / "0" / "0" / "0").unlink()
            drop_entry(folder, damaged)
            write_record(folder, record.with_blocks([block for block in record.blocks_done if block != damaged]))

    monkeypatch.setattr(EnsembleRun, "compute", compute_and_lose_one)
    run(folder, seen.append)
    assert seen == [0, 1, 2, 3, 1]
    monkeypatch.setattr(EnsembleRun, "compute", compute)
    whole = execute(config(), tmp_path / "whole", load, FakeEnsemble)
    assert (folder / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
    assert read_record(folder).blocks == [[block.start, block.stop] for block in read_record(folder).blocks_done]


def test_nobody_trains_for_a_run_that_is_done(folder, monkeypatch):
    """Whatever stands in its record: what is missing there will never be entered."""
    others, seen = [], []

    def hook(number):
        seen.append(number)
        assert len(seen) <= 3
        if number == 2:
            others.append(claim(folder, 3))

    def end(_):
        others.pop().close()  # a second look would fail here
        write_record(folder, read_record(folder).moved_to("done"))

    monkeypatch.setattr(ensemble, "time", SimpleNamespace(sleep=end, monotonic=time.monotonic))
    run(folder, hook)
    assert seen == [0, 1, 2]


class Halved(FakeEnsemble):
    """Runs out of memory in its second block."""

    def run_block(self, start, stop, on_progress):
        self.layout = {"members": 2 if start == 0 else 1}
        return super().run_block(start, stop, on_progress)


def test_notes_are_on_record_whoever_ends_the_run(folder, monkeypatch):
    """Another task has the turn whenever a block is finished, and ends the run."""
    compute, turn, on_disk = EnsembleRun.compute, Together.turn, []

    def compute_and_look(work):
        compute(work)
        on_disk.append(read_record(folder))

    def denied_at_once(here, patience=None):
        return nullcontext(False) if patience == 0.0 else turn(here, patience)

    def another_comes(number):
        if number == 1:
            record = read_record(folder)
            write_record(folder, replace(record, devices=[*record.devices, "cpu:9 other"]))

    monkeypatch.setattr(EnsembleRun, "compute", compute_and_look)
    monkeypatch.setattr(Together, "turn", denied_at_once)
    execute(shared(), folder, load, lambda *given: Halved(*given, hook=another_comes, layout={"members": 2}))
    (record,) = on_disk
    assert record.state == "running"
    assert ["from member 2 on" in note for note in record.notes].count(True) == 1
    assert ["another layout of the work" in note for note in record.notes].count(True) == 3
    assert record.devices[-1] == "cpu:9 other"


def test_a_refused_task_keeps_the_blocks_that_are_not_on_record_yet(folder, monkeypatch):
    def full(*_):
        raise StorageError("the disk is full")

    with pytest.raises(StorageError, match="the disk is full"):
        run(folder, lambda _: monkeypatch.setattr(session, "write_record", full))
    monkeypatch.undo()
    seen = []
    run(folder, seen.append)
    assert seen == [1, 2, 3]


def test_a_task_that_waits_for_others_ends_when_it_is_asked_to(folder, monkeypatch):
    others, waited = [], []

    def hook(number):
        if number == 2:
            others.append(claim(folder, 3))

    def warned(_):
        waited.append(True)
        assert len(waited) == 1
        end_at_good_moment()

    monkeypatch.setattr(ensemble, "time", SimpleNamespace(sleep=warned, monotonic=time.monotonic))
    try:
        with pytest.raises(SystemExit) as end:
            run(folder, hook)
    finally:
        end_at_good_moment(False)
        others.pop().close()
    assert end.value.code == 143
    assert (read_record(folder).state, read_record(folder).members_done) == ("preempted", 6)


def test_a_late_task_finds_the_run_done_while_the_last_one_clears_up(folder, monkeypatch):
    monkeypatch.setattr(access, "_LEAVING", 0.05)
    run(folder)
    with held(folder / LOCK_FILE):
        assert run(folder, pytest.fail) == folder
        with pytest.raises(ConfigError, match="seed was 5 and is now 6"):
            execute(shared(seed=6), folder, load, FakeEnsemble)
        with pytest.raises(HeldError):
            execute(config(), folder, load, FakeEnsemble)
        write_record(folder, replace(read_record(folder), state="running"))
        with pytest.raises(HeldError):
            execute(shared(seed=6), folder, load, FakeEnsemble)


@pytest.mark.parametrize(
    ("last_block", "state", "noted"), [(0, "preempted", 0), (1, "preempted", 1), (0, "running", 1)]
)
def test_other_devices_are_noted_where_something_may_have_been_computed_with_them(
    folder, monkeypatch, last_block, state, noted
):
    """Before the first block: not after the last task has left, but where others may be at work."""

    def stop(number):
        if number == last_block:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, stop)
    record = replace(read_record(folder), state=state)
    write_record(folder, record)
    monkeypatch.setattr(continuation, "devices", lambda: ["cpu:9 other"])
    resume(folder, load, FakeEnsemble)
    ended = read_record(folder)
    assert ["computed in part with cpu:9 other" in note for note in ended.notes].count(True) == noted
    assert ended.devices == [*(record.devices if noted else []), "cpu:9 other"]


def test_blocks_of_one_program_are_left_to_the_task_that_has_computed_it(folder, monkeypatch):
    """Two blocks are one program here, whose members are computed together: another task would compute them again."""
    seen = []
    make_folder(folder / SHARED)
    others = [claim(folder, 0)]  # another task is at work on the first program
    monkeypatch.setattr(
        ensemble, "time", SimpleNamespace(sleep=lambda _: others.pop().close(), monotonic=time.monotonic)
    )
    execute(shared(), folder, load, lambda *given: FakeEnsemble(*given, hook=seen.append, layout={"members": 4}))
    assert seen == [2, 3, 1, 0]
