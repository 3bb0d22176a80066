"""How the tasks of a shared run end it, or leave it: what one does is right whatever another has done just before."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from fake_runs import FakeEnsemble, config, load

from eqntk_cli.runs import ensemble
from eqntk_cli.runs.contents import STORE
from eqntk_cli.runs.ensemble import EnsembleRun
from eqntk_cli.runs.entries import claim, drop_entry
from eqntk_cli.runs.execute import execute
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
