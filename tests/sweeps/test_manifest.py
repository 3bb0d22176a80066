import json

import pytest

from eqntk_cli.errors import StorageError
from eqntk_cli.sweeps.expand import expand, parse
from eqntk_cli.sweeps.manifest import MANIFEST_FILE, Manifest, new_folder, read_manifest, states, write_manifest


@pytest.fixture
def manifest():
    _, jobs = expand(parse(["seed=0,1"]))
    return Manifest("sweep", tuple(jobs), "basic", "2026-11-21T03:00:00+00:00", hydra=("hydra.launcher.n_jobs=2",))


def test_a_plan_is_read_back_as_it_was_written(tmp_path, manifest):
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest


def test_jobs_that_have_not_begun(tmp_path, manifest):
    assert [run for _, run in states(tmp_path, manifest)] == [None, None]


def test_folders_never_collide(tmp_path, manifest):
    folders = {new_folder(tmp_path / "sweep", stamped=True) for _ in range(20)}
    assert len(folders) == 20
    taken = next(iter(folders))
    (taken / ".sweep.json.7.tmp").touch()  # of a process that was killed before it had made anything
    assert new_folder(taken, stamped=False) == taken
    write_manifest(taken, manifest)
    with pytest.raises(StorageError, match="--resume"):
        new_folder(taken, stamped=False)


def test_a_folder_that_is_no_sweep(tmp_path):
    with pytest.raises(StorageError, match="not the folder of a sweep"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("spoil", ["{", '{"schema": 1}', '{"schema": 9, "jobs": []}', "[]"])
def test_a_damaged_plan(tmp_path, spoil):
    (tmp_path / MANIFEST_FILE).write_text(spoil)
    with pytest.raises(StorageError, match=MANIFEST_FILE):
        read_manifest(tmp_path)


def test_a_job_of_another_shape(tmp_path, manifest):
    write_manifest(tmp_path, manifest)
    values = json.loads((tmp_path / MANIFEST_FILE).read_text())
    values["jobs"][0]["colour"] = "red"
    (tmp_path / MANIFEST_FILE).write_text(json.dumps(values))
    with pytest.raises(StorageError, match="damaged"):
        read_manifest(tmp_path)
