"""What a mirror leaves behind: a marker of what has reached the service alone, the lock where it does not get there."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from fake_runs import STEPS, FakeEnsemble, load
from fake_wandb import FakeRun, tracked

from eqntk_cli.files.lock import held, holder
from eqntk_cli.runs import mirror
from eqntk_cli.runs.contents import SHARED
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.grow import grow
from eqntk_cli.runs.interrupts import end_at_good_moment
from eqntk_cli.runs.mirror import Mirror
from eqntk_cli.runs.record import Record, read_record

PROGRESS = [2, 4, 6, 7]  # of seven members, two in a block
DEFINED = 7  # calls before the first row


def shared(**changes):
    settings = tracked(**changes)
    return replace(settings, model=replace(settings.model, shards=2))


def progress(run):
    return [row["members_done"] for row in run.rows if "members_done" in row]


def steps(run):
    return [row["step"] for row in run.rows if "step" in row]


def marker(folder):
    return folder / SHARED / ".mirrored"


class FailsAtTheEnd(FakeRun):
    """Sends nothing of what it was told."""

    def __init__(self, error):
        super().__init__()
        self.failure = error

    def finish(self, exit_code):
        super().finish(exit_code)
        raise self.failure


@pytest.fixture
def done(folder):
    """The record of a shared run that is done and was not mirrored."""
    execute(shared(mode="disabled"), folder, load, FakeEnsemble)
    return read_record(folder)


def test_a_task_that_is_interrupted_while_it_sends_leaves_no_marker(folder, fake_wandb):
    """wandb sends in `finish`; whoever comes next to the run tells the rest."""
    fake_wandb.runs[0] = FailsAtTheEnd(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        execute(shared(), folder, load, FakeEnsemble)
    assert read_record(folder).state == "done"
    assert (folder / SHARED).exists()
    assert not marker(folder).exists()
    resume(folder, load, FakeEnsemble)
    second = fake_wandb.runs[1]
    assert (progress(second), steps(second), len(second.kept)) == (PROGRESS, list(STEPS), 1)
    assert second.finished == [0]
    assert not (folder / SHARED).exists()


def test_what_one_task_could_not_send_another_one_does(folder, done, fake_wandb, capsys):
    fake_wandb.runs[0] = FailsAtTheEnd(OSError("no network"))
    for expected in (1, 2, 2):
        task = Mirror(shared(), folder, shared=True)
        task.complete(done)
        task.close(succeeded=True)
        assert len(fake_wandb.given) == expected
        assert marker(folder).exists() == (expected == 2 and fake_wandb.runs[1].finished == [0])
    assert steps(fake_wandb.runs[1]) == list(STEPS)
    assert capsys.readouterr().err.count("left out from here on (no network)") == 1


def test_a_run_that_was_grown_is_told_anew_past_an_old_marker(folder, fake_wandb):
    execute(shared(), folder, load, FakeEnsemble)
    (folder / SHARED).mkdir()  # as a task that is killed just before it clears up leaves it
    marker(folder).write_text(read_record(folder).stopped)
    grow(folder, 9, load)
    resume(folder, load, FakeEnsemble)
    assert progress(fake_wandb.runs[1]) == [*PROGRESS, 8, 9]
    assert len(fake_wandb.runs[1].kept) == 1


@pytest.mark.parametrize("fails_at", [1, DEFINED + 2, DEFINED + 6])
def test_a_task_that_the_service_fails_lets_another_one_try(folder, done, fake_wandb, fails_at):
    fake_wandb.runs[0] = FakeRun(fails_at)
    first, second = Mirror(shared(), folder, shared=True), Mirror(shared(), folder, shared=True)
    first.complete(done)
    assert holder(folder / SHARED / ".mirror") is None
    assert fake_wandb.runs[0].finished == [1]
    second.complete(done)
    first.close(succeeded=True)
    assert not marker(folder).exists()
    second.close(succeeded=True)
    assert progress(fake_wandb.runs[1]) == PROGRESS
    assert marker(folder).exists()


def test_a_task_that_cannot_start_the_service_holds_nothing(folder, done, fake_wandb, capsys):
    del fake_wandb.init
    task = Mirror(shared(), folder, shared=True)
    task.follow(done)
    task.follow(done)
    assert holder(folder / SHARED / ".mirror") is None
    task.complete(done)
    task.close(succeeded=True)
    assert not marker(folder).exists()
    assert capsys.readouterr().err.count("left out from here on") == 1  # it does not try again


def interrupted(_):
    raise KeyboardInterrupt


def asked_to_end(_):
    end_at_good_moment()


@pytest.mark.parametrize("pause", [None, interrupted, asked_to_end])
def test_a_done_run_does_not_wait_for_its_mirror_without_limit(folder, fake_wandb, monkeypatch, capsys, pause):
    monkeypatch.setattr(mirror, "_LIMIT", 0.2 if pause is None else 60.0)
    if pause is not None:
        monkeypatch.setattr(mirror, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=pause))
    (folder / SHARED).mkdir(parents=True)
    try:
        with held(folder / SHARED / ".mirror"):
            execute(shared(), folder, load, FakeEnsemble)
    finally:
        end_at_good_moment(False)
    assert read_record(folder).state == "done"
    assert fake_wandb.given == []
    said = " ".join(capsys.readouterr().err.split())
    assert "at most for process " in said
    assert f"`eqntk train --resume {folder}`" in said


@pytest.mark.parametrize(("averaged", "told"), [(7, [4]), (5, list(STEPS)), (None, list(STEPS))])
def test_metrics_that_the_service_has_are_not_told_again(folder, done, fake_wandb, averaged, told):
    """Of a mirror that was killed after them; those of a run of fewer members are others."""
    run = fake_wandb.runs[0]
    run.resumed = True
    run.known.update(members_done=7, step=1, mean_of_members=averaged)
    Mirror(shared(), folder, shared=True).complete(done)
    assert (progress(run), steps(run)) == ([], told)


def test_progress_is_told_without_another_look_at_earlier_blocks(folder, done, fake_wandb, monkeypatch):
    monkeypatch.delattr(Record, "with_blocks")
    task = Mirror(shared(), folder, shared=True)
    for number in range(1, 5):
        task.follow(replace(done, blocks_done=done.blocks_done[:number]))
    assert progress(fake_wandb.runs[0]) == PROGRESS
    last = fake_wandb.runs[0].rows[-1]["progress/member_steps_per_second"]
    assert last == pytest.approx(done.member_steps_per_second)


def test_a_mirror_that_is_turned_off_looks_at_nothing(folder):
    Mirror(tracked(mode="disabled"), folder, shared=False).follow(SimpleNamespace())
