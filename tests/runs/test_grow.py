"""A run that is grown ends with the bytes of one that was made for so many members, wherever it is killed."""

import errno
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from fake_runs import BLOCK, FakeEnsemble, FakeKernel, bundle, config, load

from eqntk_cli.config.schema import DatasetConfig, ModelConfig
from eqntk_cli.errors import ConfigError, StorageError
from eqntk_cli.files.lock import held
from eqntk_cli.models.registry import build_model
from eqntk_cli.report.read.runs import open_runs
from eqntk_cli.runs import provenance
from eqntk_cli.runs.contents import CONFIG_FILE, LOCK_FILE, STORE
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.folder import read_config
from eqntk_cli.runs.grow import grow
from eqntk_cli.runs.integrity import damages
from eqntk_cli.runs.plan import Plan, PlannedRun, settings_digest, write_plan
from eqntk_cli.runs.record import read_record
from eqntk_cli.runs.store import open_predictions
from tests.models import settings as small

MEMBERS = 6


def made_for(members, **changes):
    model = ModelConfig("gcnn_ensemble", width=8, members=members, antithetic=False)
    return config(model=model, **changes)


def begun(folder, members, *, done=True):
    """A run for so many members, finished or preempted in its second block."""

    def stop(number):
        if number == 1:
            raise KeyboardInterrupt

    if done:
        return execute(made_for(members), folder, load, FakeEnsemble)
    with pytest.raises(KeyboardInterrupt):
        execute(made_for(members), folder, load, lambda *given: FakeEnsemble(*given, hook=stop))
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return execute(made_for(MEMBERS), tmp_path_factory.mktemp("whole"), load, FakeEnsemble)


def assert_same(folder, whole):
    """All files but record and log have the bytes of those of the other run."""
    files = [path.relative_to(whole) for path in (whole / STORE).rglob("*") if path.is_file()]
    for name in (*files, CONFIG_FILE, "metrics.csv"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    record, other = read_record(folder), read_record(whole)
    assert (record.state, record.members, record.done_members()) == ("done", other.members, other.done_members())
    assert (record.config_fingerprint, record.files) == (other.config_fingerprint, other.files)
    assert damages(folder, record) == []


# 4: whole blocks; 3: the last block has one member in a chunk for two; 1 block of 2 done of 4
@pytest.mark.parametrize(("before", "done"), [(4, True), (3, True), (4, False)])
def test_a_grown_run_has_the_bytes_of_one_that_was_made_so(tmp_path, whole, before, done):
    folder = begun(tmp_path, before, done=done)
    assert grow(folder, MEMBERS, load) == folder
    record = read_record(folder)
    assert (record.state, record.members, record.grown, record.files) == ("preempted", MEMBERS, [before], None)
    assert record.members_done == (before if done else BLOCK)
    if before == 3:
        assert record.blocks == [[0, 2], [2, 3], [3, 4], [4, 6]]  # none over the end of a chunk
    resume(folder, load, FakeEnsemble)
    assert_same(folder, whole)
    if before % BLOCK == 0:
        assert [block.sha256 for block in read_record(folder).blocks_done] == [
            block.sha256 for block in read_record(whole).blocks_done
        ]
    before = (folder / "record.json").read_bytes()
    grow(folder, MEMBERS, load)  # it is one for so many
    assert (folder / "record.json").read_bytes() == before


def publications(monkeypatch, last: int | None = None) -> list[str]:
    """Let only `last` files take their names, and nothing behind them, as a kill does; the list of their names."""
    real, seen = Path.replace, []

    def take_place(self, target):
        if len(seen) == last:
            raise OSError(errno.EIO, "killed")
        seen.append(Path(target).name)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", take_place)
    return seen


def test_killed_at_any_file_nothing_is_lost_and_it_goes_on(tmp_path, whole):
    """Growing and going on, killed before each file that takes its place, once per pair of names in a row."""
    expected = open_predictions(whole).prediction.values
    kept = begun(tmp_path / "begun", 5)
    _copied(kept, tmp_path / "unharmed")
    with pytest.MonkeyPatch.context() as patched:
        names = publications(patched)
        resume(grow(tmp_path / "unharmed", MEMBERS, load), load, FakeEnsemble)
    assert {"record.json", "config.yaml", "zarr.json", "metrics.csv", "0"} <= set(names)
    follows = {step: number for number, step in reversed(list(enumerate(zip(["", *names], names, strict=False))))}
    assert len(follows) > 6
    for number in sorted(follows.values()):
        folder = tmp_path / str(number)
        _copied(kept, folder)
        with pytest.MonkeyPatch.context() as patched:
            publications(patched, number)
            with pytest.raises((OSError, StorageError)):
                resume(grow(folder, MEMBERS, load), load, FakeEnsemble)
        record = read_record(folder)
        assert record.done_members()[:5] == [0, 1, 2, 3, 4]
        np.testing.assert_array_equal(open_predictions(folder).prediction[:5], expected[:5])
        if record.members == MEMBERS:
            resume(folder, load, FakeEnsemble)  # alone: it was grown
        else:
            assert (record.state, number) == ("done", 0)
            execute(made_for(5), folder, load, FakeEnsemble)  # as if nothing had been
            resume(grow(folder, MEMBERS, load), load, FakeEnsemble)
        assert_same(folder, whole)


def _copied(source: Path, folder: Path) -> None:
    for path in source.rglob("*"):
        target = folder / path.relative_to(source)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())


def test_whoever_reads_the_metadata_of_the_whole_store_sees_all_members(tmp_path):
    resume(grow(begun(tmp_path, 4), MEMBERS, load), load, FakeEnsemble)
    assert zarr.open_group(tmp_path / STORE, mode="r", use_consolidated=True)["prediction"].shape[0] == MEMBERS


def test_settings_that_it_was_begun_with_go_on_with_the_grown_run(tmp_path, whole):
    """A sweep or a cluster starts the job that it knows."""
    grow(begun(tmp_path, 4), MEMBERS, load)
    path = tmp_path / CONFIG_FILE
    path.write_text(path.read_text().replace("members: 6", "members: 4"))  # killed before the settings were written
    with pytest.raises(StorageError, match="stopped while it was grown to 6 members; go on with eqntk train --resume"):
        open_runs([str(tmp_path)], partial=True)
    with held(tmp_path / LOCK_FILE), pytest.raises(StorageError, match="is being written by"):
        resume(tmp_path, load, FakeEnsemble)
    assert "members: 4" in path.read_text()
    execute(made_for(4), tmp_path, load, FakeEnsemble)
    assert_same(tmp_path, whole)
    with pytest.raises(ConfigError, match="model.members was 6 and is now 5"):
        execute(made_for(5), tmp_path, load, FakeEnsemble)


def test_what_cannot_be_grown_is_left_as_it_is(tmp_path, monkeypatch):
    folder = begun(tmp_path / "run", 4)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def refused(match, members=MEMBERS, kind=ConfigError, data=load):
        with pytest.raises(kind, match=match) as said:
            grow(folder, members, data)
        assert "\n" not in str(said.value)
        assert {path: path.read_bytes() for path in before if path.name != LOCK_FILE} == {
            path: content for path, content in before.items() if path.name != LOCK_FILE
        }

    refused("a run for 4 members, of which none is taken away: expected more than 4", 2)
    refused("begun with other data", kind=StorageError, data=lambda *_: bundle(1))
    with held(folder / LOCK_FILE):
        refused("is being written by", kind=StorageError)
    with monkeypatch.context() as patched:
        patched.setattr(provenance, "versions", lambda: {**read_record(folder).versions, "jax": "9.9"})
        refused(r"begun with jax 0\.\S+, now 9\.9", kind=StorageError)
    for name, says in (("metrics.csv", "metrics.csv was changed"), (CONFIG_FILE, "config.yaml was edited")):
        content = (folder / name).read_bytes()
        before[folder / name] = content.replace(b"seed: 5", b"seed: 6").replace(b"test,", b"Test,")
        (folder / name).write_bytes(before[folder / name])
        refused(says, kind=StorageError)
        (folder / name).write_bytes(content)
        before[folder / name] = content
    kernel = execute(config(model=ModelConfig("ntk")), tmp_path / "kernel", load, FakeKernel)
    with pytest.raises(ConfigError, match="has no members; only ensembles can be grown"):
        grow(kernel, 8, load)
    pairs = made_for(4)
    pairs = replace(pairs, model=replace(pairs.model, antithetic=True))
    execute(pairs, tmp_path / "pairs", load, FakeEnsemble)
    with pytest.raises(ConfigError, match="model.members=7 is not possible here; expected 8 with antithetic members"):
        grow(tmp_path / "pairs", 7, load)


def test_a_run_under_a_plan_grows_as_far_as_the_plan_allows_and_no_further(tmp_path):
    settings = made_for(4)
    planned = {"run": PlannedRun((), settings_digest(settings))}
    plan = Plan("mine", "2026-11-21T10:00:00+00:00", members=6, looks=(4, 6), seeds=(5,), runs=planned, controls={})
    write_plan(tmp_path, plan)
    folder = begun(tmp_path / "run", 4)
    before = (folder / "record.json").read_bytes()
    with pytest.raises(ConfigError, match="model.members=8 is not possible; .* at most 6"):
        grow(folder, 8, load)
    write_plan(tmp_path, replace(plan, members=64))
    with pytest.raises(StorageError, match="was edited after run was begun under it"):
        grow(folder, 8, load)
    assert (folder / "record.json").read_bytes() == before
    write_plan(tmp_path, plan)
    assert read_record(grow(folder, 6, load)).members == 6


def given_bundle(*_):
    return small.bundle()


def test_real_members_do_not_depend_on_how_many_there_are(tmp_path):
    settings = small.config("gcnn_ensemble", model_keys={"members": 4}, training={"steps": 5})
    settings = replace(settings, dataset=DatasetConfig(name="random", family="random", n_train=5))
    settings = replace(settings, tracking=config().tracking)
    wanted = replace(settings, model=replace(settings.model, members=12))
    model = build_model(wanted, small.bundle())  # one for all, so that its programs are compiled once

    def build(given, _):
        return replace(model, members=given.model.members)

    whole = execute(wanted, tmp_path / "whole", given_bundle, build)
    folder = execute(settings, tmp_path / "grown", given_bundle, build)
    resume(grow(folder, 12, given_bundle), given_bundle, build)
    grown, made = (open_predictions(run).prediction.values for run in (folder, whole))
    assert grown.tobytes() == made.tobytes()
    assert (folder / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
    assert read_config(folder) == read_config(whole)
    assert read_record(folder).antithetic
