"""A shared run has one mirror, with everything in the end, whichever task holds it and however that one ends."""

import json
import threading
import time
from dataclasses import replace

import pytest
from fake_runs import MEMBERS, STEPS, FakeEnsemble, FakeKernel, load
from fake_wandb import tracked
from shared_run import assert_same
from tasks import computed

from eqntk_cli.config.schema import ModelConfig
from eqntk_cli.errors import DiskError
from eqntk_cli.files.lock import held
from eqntk_cli.runs import mirror
from eqntk_cli.runs.contents import SHARED
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.record import read_record

PROGRESS = [2, 4, 6, 7]  # of seven members, two in a block


def shared(**changes):
    settings = tracked(**changes)
    return replace(settings, model=replace(settings.model, shards=2))


def progress(rows):
    return [row["members_done"] for row in rows if "members_done" in row]


def steps(rows):
    return [row["step"] for row in rows if "step" in row]


def assert_complete(rows):
    assert progress(rows) == PROGRESS
    assert all(row["progress/member_steps_per_second"] > 0 for row in rows if "members_done" in row)
    assert steps(rows) == list(STEPS)
    assert [row["summary"]["members_done"] for row in rows if "summary" in row] == [MEMBERS]


def without_rates(rows):
    return [row for row in rows if "members_done" not in row]


def test_a_shared_run_is_told_like_that_of_one_process(folder, tmp_path, fake_wandb):
    execute(shared(), folder, load, FakeEnsemble)
    execute(tracked(), tmp_path / "alone", load, FakeEnsemble)
    ours, theirs = fake_wandb.runs
    assert_complete(ours.rows)
    assert without_rates(ours.rows) == without_rates(theirs.rows)
    assert progress(theirs.rows) == PROGRESS
    assert ours.finished == [0]
    (kept,) = ours.kept
    assert set(kept.files) - set(kept.fixed) == {"eqntk.log"}  # in which another task may write a last line
    assert set(kept.files) == set(theirs.kept[0].files)


def test_progress_is_told_while_the_run_goes_on(folder, fake_wandb):
    seen = []

    def look(_):
        seen.append(progress(fake_wandb.runs[0].rows))

    execute(shared(), folder, load, lambda *given: FakeEnsemble(*given, hook=look))
    assert seen == [[], [2], [2, 4], [2, 4, 6]]


def test_a_run_of_which_another_task_is_the_mirror_is_not_told_twice(folder, fake_wandb):
    """The other one has told everything when it lets go; this one, which ends the run, has waited for it."""
    right = held(folder / SHARED / ".mirror")

    def tell_and_leave():
        while read_record(folder).state != "done":
            time.sleep(0.01)
        time.sleep(0.1)
        (folder / SHARED / ".mirrored").write_text(read_record(folder).stopped)
        right.__exit__(None, None, None)

    (folder / SHARED).mkdir(parents=True)
    right.__enter__()
    thread = threading.Thread(target=tell_and_leave)

    def hook(number):
        if number == 0:
            thread.start()

    execute(shared(), folder, load, lambda *given: FakeEnsemble(*given, hook=hook))
    thread.join()
    assert fake_wandb.given == []
    assert not (folder / SHARED).exists()


@pytest.mark.parametrize("ends", [1, 3, "after the run"])
def test_the_mirror_is_taken_over_with_all_that_was_done(folder, fake_wandb, ends):
    """Of a task that ends without having told everything, while others train or after the last block."""
    right = held(folder / SHARED / ".mirror")
    (folder / SHARED).mkdir(parents=True)
    right.__enter__()

    def leave():
        while read_record(folder).state != "done":
            time.sleep(0.01)
        right.__exit__(None, None, None)

    thread = threading.Thread(target=leave)

    def hook(number):
        if number == ends:
            right.__exit__(None, None, None)
        if ends == "after the run" and number == 0:
            thread.start()

    execute(shared(), folder, load, lambda *given: FakeEnsemble(*given, hook=hook))
    assert len(fake_wandb.given) == 1
    assert_complete(fake_wandb.runs[0].rows)
    assert len(fake_wandb.runs[0].kept) == 1


def test_what_the_service_still_has_is_not_told_again(folder, fake_wandb):
    """Online a run goes on under its id; offline every session has a folder of its own and tells all."""

    def stop(number):
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(shared(), folder, load, lambda *given: FakeEnsemble(*given, hook=stop))
    first, second = fake_wandb.runs
    second.resumed = True
    second.known["members_done"] = 4
    resume(folder, load, FakeEnsemble)
    assert (progress(first.rows), first.finished) == ([2, 4], [1])
    assert (progress(second.rows), second.finished) == ([6, 7], [0])
    assert steps(second.rows) == list(STEPS)
    assert len({given["id"] for given in fake_wandb.given}) == 1


def test_a_shared_kernel_prediction_is_told_from_its_files(folder, fake_wandb):
    settings = tracked(model=ModelConfig("ntk", shards=2))
    execute(settings, folder, load, FakeKernel)
    assert steps(fake_wandb.runs[0].rows) == list(STEPS)
    assert len(fake_wandb.given) == len(fake_wandb.runs[0].kept) == 1


def test_nothing_is_kept_for_a_mirror_that_is_turned_off(folder, fake_wandb):
    execute(shared(mode="disabled"), folder, load, FakeEnsemble)
    assert fake_wandb.given == []


def test_a_disk_without_room_for_the_mirror_ends_nothing(folder, fake_wandb, monkeypatch):
    def full(*_, **__):
        raise DiskError("the disk is full")

    monkeypatch.setattr(mirror, "held", full)
    execute(shared(), folder, load, FakeEnsemble)
    assert read_record(folder).state == "done"
    assert fake_wandb.given == []


def mirrors(folder):
    """What every task has told: its process, rows, number of artifacts, and how it ended."""
    files = sorted(folder.parent.glob("mirror-*"))
    return {int(file.name.partition("-")[2]): json.loads(file.read_text()) for file in files}


def test_three_tasks_of_which_the_mirror_is_killed(tasks, folder, whole):
    started = [tasks.start(folder, shards=3, mirrored=True, pause=0.2) for _ in range(3)]
    end = time.monotonic() + 30
    while not any(rows for rows, _, _ in mirrors(folder).values()) and time.monotonic() < end:
        time.sleep(0.01)
    (killed,) = mirrors(folder)
    tasks.kill(killed)
    assert [tasks.wait(process) for process in started if process != killed] == [0, 0]
    assert_same(folder, whole)
    mirrored = mirrors(folder)
    assert len(mirrored) == 2
    rows, kept, finished = mirrored.pop(killed)
    assert (kept, finished, steps(rows)) == (0, [], [])
    ((rows, kept, finished),) = mirrored.values()
    assert (kept, finished) == (1, [0])
    assert_complete(rows)
    assert len(computed(folder)) >= len(PROGRESS)


def test_four_tasks_have_one_mirror(tasks, folder):
    started = [tasks.start(folder, shards=4, mirrored=True, meet=2, pause=0.05) for _ in range(4)]
    assert [tasks.wait(process) for process in started] == [0] * 4
    ((rows, kept, finished),) = mirrors(folder).values()
    assert (kept, finished) == (1, [0])
    assert progress(rows)[-1] == MEMBERS
    assert steps(rows) == list(STEPS)
