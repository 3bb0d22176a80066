"""Several tasks on one run folder end with the bytes of one process, whatever becomes of each of them."""

import random
import signal
import time

import numpy as np
import pytest
from fake_runs import BLOCK, MEMBERS, FakeEnsemble, config, load
from shared_run import BLOCKS, assert_same, computed_yet, randomly_killed, shared
from tasks import computed

from eqntk_cli.config.schema import ModelConfig
from eqntk_cli.runs.contents import SHARED, STORE
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.grow import grow
from eqntk_cli.runs.listing import summary
from eqntk_cli.runs.record import read_record


def test_four_tasks_train_every_member_once(tasks, folder, whole):
    started = [tasks.start(folder, shards=4, meet=2) for _ in range(4)]
    assert [tasks.wait(process) for process in started] == [0] * 4
    assert_same(folder, whole)
    begun = computed(folder)
    assert sorted(block for _, block in begun) == BLOCKS
    assert len({process for process, _ in begun}) > 1


def test_more_tasks_than_blocks(tasks, folder, whole):
    started = [tasks.start(folder, shards=6, pause=0.05) for _ in range(6)]
    assert [tasks.wait(process) for process in started] == [0] * 6
    assert_same(folder, whole)
    assert sorted(block for _, block in computed(folder)) == BLOCKS
    late = tasks.start(folder, shards=6)  # a job that the queue held back
    assert tasks.wait(late) == 0
    assert len(computed(folder)) == len(BLOCKS)


@pytest.mark.parametrize("place", ["settings", "record", "store"])
def test_a_task_killed_while_it_prepares_the_run(tasks, folder, whole, place):
    assert tasks.wait(tasks.start(folder, die=place)) == -signal.SIGKILL
    assert tasks.wait(tasks.start(folder)) == 0
    assert_same(folder, whole)


@pytest.mark.parametrize("place", ["block", "chunk", "entry", "entered"])
def test_a_killed_task_is_stood_in_for(tasks, folder, whole, place):
    killed, alive = tasks.start(folder, meet=2, die=place), tasks.start(folder, meet=2)
    assert [tasks.wait(killed), tasks.wait(alive)] == [-signal.SIGKILL, 0]
    assert_same(folder, whole)
    twice = 0 if place == "entered" else 1  # an entry that is there counts, whoever takes it over
    assert len(computed(folder)) == len(BLOCKS) + twice


@pytest.mark.parametrize(("place", "killed"), [("metrics", 2), ("files", 2), ("removal", 1)])
def test_a_task_killed_while_it_ends_the_run(tasks, folder, whole, place, killed):
    """Whoever waits for it tries next; only the last one to leave takes away what is needed no more."""
    started = [tasks.start(folder, meet=2, die=place) for _ in range(2)]
    assert [tasks.wait(process) for process in started].count(-signal.SIGKILL) == killed
    assert read_record(folder).state == ("done" if place == "removal" else "running")
    assert tasks.wait(tasks.start(folder)) == 0
    assert_same(folder, whole)
    assert len(computed(folder)) == len(BLOCKS)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 100))])
def test_random_kills_lose_and_double_nothing(tasks, folder, whole, seed):
    kills = randomly_killed(tasks, folder, random.Random(seed))
    assert_same(folder, whole)
    assert sum(kills) > 0


def test_what_one_task_leaves_another_takes_up_alone(tasks, folder, whole):
    """A block that was entered and not yet taken over into the record is not computed again."""
    assert tasks.wait(tasks.start(folder, die="entered")) == -signal.SIGKILL
    assert read_record(folder).members_done == 0
    seen = []
    execute(config(), folder, load, lambda *given: FakeEnsemble(*given, hook=seen.append))
    assert seen == BLOCKS[1:]
    assert_same(folder, whole)


@pytest.mark.parametrize("text", ["", '{"block": {"start": 0', '{"block": {"start": 4}}', "[]"])
def test_a_torn_entry_counts_as_none(tasks, folder, whole, text):
    assert tasks.wait(tasks.start(folder, die="entered")) == -signal.SIGKILL
    (entry,) = (folder / SHARED).glob("*.json")
    entry.write_text(text or entry.read_text()[:-30])
    execute(shared(), folder, load, FakeEnsemble)
    assert sorted(block for _, block in computed(folder)) == [0]  # those of this process are not counted
    assert_same(folder, whole)


def test_an_entry_of_other_members_counts_as_none(tasks, folder, whole):
    assert tasks.wait(tasks.start(folder, die="entered")) == -signal.SIGKILL
    (entry,) = (folder / SHARED).glob("*.json")
    entry.write_text(entry.read_text().replace('"stop": 2', '"stop": 5'))
    execute(shared(), folder, load, FakeEnsemble)
    assert_same(folder, whole)


def test_a_damaged_block_is_found_in_the_end_whoever_wrote_it(folder, whole):
    def stop(number):
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(shared(), folder, load, lambda *given: FakeEnsemble(*given, hook=stop))
    assert (read_record(folder).state, read_record(folder).members_done) == ("preempted", 2 * BLOCK)
    chunk = folder / STORE / "prediction" / "c" / "1" / "0" / "0" / "0" / "0"
    chunk.write_bytes(b"\0" * chunk.stat().st_size)
    seen = []
    resume(folder, load, lambda *given: FakeEnsemble(*given, hook=seen.append))
    assert seen == [2, 3, 1]
    record = read_record(folder)
    assert any("members 2-3 were damaged" in note for note in record.notes)
    assert [block.sha256 for block in record.blocks_done] == [block.sha256 for block in read_record(whole).blocks_done]


def test_the_last_one_to_leave_says_what_became_of_the_run(tasks, folder, whole):
    first, second = (tasks.start(folder, pause=0.4) for _ in range(2))
    while len(computed_yet(folder) or ()) < 2:
        time.sleep(0.01)
    assert tasks.kill(first, signal.SIGTERM) == 143
    assert summary(folder).state == "running"
    assert "other tasks go on" in (folder.parent / f"said-{first}").read_text()
    assert tasks.kill(second, signal.SIGTERM) == 143
    record = read_record(folder)
    assert (record.state, record.error) == ("preempted", "interrupted")
    assert tasks.wait(tasks.start(folder)) == 0
    assert_same(folder, whole)


def test_members_that_diverge_end_every_task(tasks, folder):
    started = [tasks.start(folder, pause=0.05, growth=1e4) for _ in range(2)]
    assert [tasks.wait(process) for process in started] == [2, 2]
    record = read_record(folder)
    assert (record.state, record.members_done) == ("failed", 0)
    assert "diverges" in record.error


def test_a_shared_run_is_grown(tasks, folder, tmp_path):
    assert tasks.wait(tasks.start(folder)) == 0
    grow(folder, 11, load)
    started = [tasks.start(folder, shards=3, members=11, pause=0.02) for _ in range(3)]
    assert [tasks.wait(process) for process in started] == [0] * 3
    model = ModelConfig("gcnn_ensemble", width=8, members=11, antithetic=False)
    other = execute(config(model=model), tmp_path / "other", load, FakeEnsemble)
    for name in sorted(path.relative_to(other) for path in (other / STORE).rglob("*") if path.is_file()):
        assert (folder / name).read_bytes() == (other / name).read_bytes()
    assert (folder / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()


def test_a_run_goes_on_with_another_number_of_tasks(tasks, folder, whole):
    assert tasks.wait(tasks.start(folder, die="chunk", shards=3)) == -signal.SIGKILL
    assert tasks.wait(tasks.start(folder, shards=2)) == 0
    assert_same(folder, whole)
    np.testing.assert_equal(read_record(folder).done_members(), list(range(MEMBERS)))
