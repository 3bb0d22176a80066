"""A run that tasks share: its settings, and what is to be the same as in a run of one process."""

import signal
import time
from dataclasses import replace

from fake_runs import config
from tasks import computed

from eqntk_cli.files.atomic import names_in
from eqntk_cli.runs.contents import STORE
from eqntk_cli.runs.record import read_record

BLOCKS = [0, 1, 2, 3]  # of seven members, two in a block
SAME = (
    "blocks",
    "members",
    "members_done",
    "invariance_error",
    "step_size",
    "stability_limit",
    "record_steps",
    "notes",
)


def shared(shards=2, **changes):
    settings = config(**changes)
    return replace(settings, model=replace(settings.model, shards=shards))


def assert_same(folder, whole):
    """Every number of the run is that of the run of one process, and nothing else is left."""
    ours, theirs = read_record(folder), read_record(whole)
    assert ours.state == theirs.state == "done"
    assert {name: getattr(ours, name) for name in SAME} == {name: getattr(theirs, name) for name in SAME}
    assert [block.sha256 for block in ours.blocks_done] == [block.sha256 for block in theirs.blocks_done]
    assert ours.files == theirs.files
    files = sorted(path.relative_to(whole) for path in (whole / STORE).rglob("*") if path.is_file())
    assert len(files) > 10
    assert files == sorted(path.relative_to(folder) for path in (folder / STORE).rglob("*") if path.is_file())
    for name in [*files, "metrics.csv"]:
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    names = names_in(folder) - {".lock", ".turn", f".{STORE}.tmp"}
    assert names == {"config.yaml", "record.json", "metrics.csv", "eqntk.log", STORE}


def computed_yet(folder):
    return (folder.parent / "computed").exists() and computed(folder)


def randomly_killed(tasks, folder, chance):
    """Two tasks, killed and started anew until the run is done; of every kill whether anything was there before it."""
    kills, running = [], [tasks.start(folder, pause=0.03) for _ in range(2)]
    while running:
        time.sleep(chance.uniform(0.0, 0.08))
        process = chance.choice(running)
        if tasks.ended(process):
            assert tasks.wait(process) == 0
            running.remove(process)
        elif len(kills) < 8 and ((folder / STORE).exists() or kills.count(False) < 2):
            status = tasks.kill(process)
            running.remove(process)
            if status == -signal.SIGKILL:
                kills.append((folder / STORE).exists())
                running.append(tasks.start(folder, pause=0.03))
    return kills
