"""record.json goes to the disk and back unchanged, and a damaged one is refused in one line."""

import errno
import json
import os
import subprocess
import sys

import pytest

from eqntk_cli.errors import StorageError
from eqntk_cli.runs.record import RECORD_FILE, Block, Record, read_record, write_record


def example(**changes) -> Record:
    values = dict(
        run_id="20261121-abc", state="running", role="subject", control=None, coupling="independent",
        model="gcnn_ensemble", augmentation=None, group="c4", dataset="digits", architecture={"name": "mlp"},
        training={"steps": 20}, seed=3, precision="float64", started="2026-11-21T03:00:00+00:00",
        members=6, blocks=[[0, 2], [2, 4], [4, 6]], record_steps=[0, 5, 20], step_size=0.1 + 0.2,
    )  # fmt: skip
    return Record(**(values | changes))


def test_record_returns_bit_for_bit(tmp_path):
    record = example().with_block(Block(2, 4, "ab" * 32, 1.25))
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    assert [path.name for path in tmp_path.iterdir()] == [RECORD_FILE]


def test_keys_of_the_file(tmp_path):
    write_record(tmp_path, example(kernel={"condition_number": float("inf")}))
    values = json.loads((tmp_path / RECORD_FILE).read_text())
    assert values["schema"] == 1
    assert values["kernel"]["condition_number"] is None
    promised = """schema run_id state role control coupling model augmentation group dataset architecture training width
        members members_done label fingerprint step_size stability_limit record_steps seed precision blocks
        invariance_error task target versions git_commit devices host command started stopped seconds
        member_steps_per_second peak_memory_bytes error notes kernel"""
    assert set(promised.split()) <= set(values)


def test_blocks_are_counted_and_missing_ones_named():
    record = example().with_block(Block(4, 6, "", 2.0)).with_block(Block(0, 2, "", 3.0))
    assert record.members_done == 4
    assert record.missing_blocks() == [(2, 4)]
    assert record.done_members() == [0, 1, 4, 5]
    assert record.member_steps_per_second == pytest.approx(4 * 20 / 5.0)


@pytest.mark.parametrize(
    ("before", "after", "legal"),
    [
        ("running", "done", True),
        ("running", "running", True),
        ("failed", "running", True),
        ("preempted", "running", True),
        ("failed", "done", False),
        ("done", "running", False),
        ("done", "failed", False),
    ],
)
def test_transitions(before, after, legal):
    record = example(state=before)
    if legal:
        assert record.moved_to(after, error="x").error == "x"
    else:
        with pytest.raises(StorageError, match=f"is {before} and cannot become {after}"):
            record.moved_to(after)


def test_a_record_from_before_random_rotations_were_counted_is_read(tmp_path):
    write_record(tmp_path, example(haar_samples=4))
    path = tmp_path / RECORD_FILE
    values = json.loads(path.read_text())
    del values["haar_samples"]
    path.write_text(json.dumps(values))
    assert read_record(tmp_path) == example(haar_samples=None)


def damage(text: str, kind: str) -> str:
    values = json.loads(text)
    if kind == "truncated":
        return text[: len(text) // 2]
    if kind == "empty":
        return ""
    if kind == "schema 99":
        values["schema"] = 99
    elif kind == "no schema":
        del values["schema"]
    elif kind == "without fingerprint":
        del values["fingerprint"]
    elif kind == "state 'asleep'":
        values["state"] = "asleep"
    elif kind == "a block outside":
        values["blocks_done"] = [{"start": 1, "stop": 3, "sha256": "", "seconds": 1.0}]
    elif kind == "blocks:":
        values["blocks_done"] = [{"start": 1}]
    return json.dumps(values)


@pytest.mark.parametrize(
    "kind",
    [
        "truncated",
        "empty",
        "schema 99",
        "no schema",
        "without fingerprint",
        "state 'asleep'",
        "a block outside",
        "blocks:",
    ],
)
def test_damage_is_named_in_one_line(tmp_path, kind):
    write_record(tmp_path, example())
    path = tmp_path / RECORD_FILE
    path.write_text(damage(path.read_text(), kind))
    said = "damaged" if kind in ("truncated", "empty") else kind
    with pytest.raises(StorageError, match=said) as caught:
        read_record(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_record_is_no_run(tmp_path):
    with pytest.raises(StorageError, match="not a run folder"):
        read_record(tmp_path)


def test_reading_a_record_imports_nothing_heavy():
    code = (
        "import sys, eqntk_cli.runs.record, eqntk_cli.runs.listing; "
        "print(sorted({'jax','numpy','zarr','xarray','wandb','hydra','omegaconf','rich'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    write_record(tmp_path, example())
    before = (tmp_path / RECORD_FILE).read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="is full"):
        write_record(tmp_path, example(seed=4))
    assert (tmp_path / RECORD_FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [RECORD_FILE]
