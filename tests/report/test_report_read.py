import json
import os
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from simulated import World, draw, write_ensemble, write_study, write_theory

from eqntk_cli.errors import DataError, NumericalError, StorageError
from eqntk_cli.report.read.reduce import IDENTITY, SYMMETRISED, reduce_run
from eqntk_cli.report.read.remote import download, is_remote
from eqntk_cli.report.read.runs import open_runs
from eqntk_cli.report.read.theory import Theory
from eqntk_cli.runs.integrity import config_fingerprint, file_fingerprints
from eqntk_cli.runs.record import RECORD_FILE, read_record, write_record

WORLD = World()


def members_of(run):
    return tuple(run.record.done_members())


def change_record(folder, **values):
    path = folder / RECORD_FILE
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | values))


def test_folders_globs_and_sweeps_lead_to_the_same_runs(tmp_path):
    study = write_study(tmp_path / "sweep")
    names = sorted(run.name for run in open_runs([str(study)]))
    assert names == ["augmented-64", "control-64", "gcnn-64", "ntk"]
    assert sorted(run.name for run in open_runs([f"{study}/*"])) == names
    assert sorted(run.name for run in open_runs([str(tmp_path)])) == names  # a folder of sweeps
    twice = open_runs([str(study / "ntk"), f"{study}/n*", str(study / "gcnn-64")])
    assert [run.name for run in twice] == ["ntk", "gcnn-64"]


@pytest.mark.parametrize(("path", "words"), [("nowhere", "there is no folder"), ("*.none", "no runs in")])
def test_paths_without_runs_are_refused(tmp_path, path, words):
    with pytest.raises(StorageError, match=words):
        open_runs([str(tmp_path / path)])
    (tmp_path / "empty").mkdir()
    with pytest.raises(StorageError, match="no runs in"):
        open_runs([str(tmp_path / "empty")])


def test_a_run_that_is_being_written_is_refused_unless_partial(tmp_path):
    folder = write_ensemble(tmp_path / "run", WORLD, "gcnn_ensemble", done=16, state="running")
    with pytest.raises(StorageError, match=r"still being written \(16 of 24 members\)"):
        open_runs([str(folder)])
    (run,) = open_runs([str(folder)], partial=True)
    assert members_of(run) == tuple(range(16))


def test_a_preempted_run_is_taken_with_what_it_has(tmp_path):
    folder = write_ensemble(tmp_path / "run", WORLD, "gcnn_ensemble", done=8, state="preempted")
    (run,) = open_runs([str(folder)])
    assert len(members_of(run)) == 8
    nothing = write_ensemble(tmp_path / "empty", WORLD, "gcnn_ensemble", done=0, state="preempted")
    with pytest.raises(DataError, match="0 complete members"):
        open_runs([str(nothing)])
    assert open_runs([str(nothing)], partial=True) == []


def test_a_kernel_that_was_stopped_is_said_to_be_unfinished(tmp_path):
    folder = write_theory(tmp_path / "run", WORLD)
    shutil.rmtree(folder / "predictions.zarr")
    change_record(folder, state="preempted", files=None)
    with pytest.raises(StorageError, match="run is preempted: .* `eqntk train --resume .*run`, or"):
        open_runs([str(folder)])
    assert open_runs([str(folder)], partial=True) == []


def test_a_failed_run_is_refused_with_its_reason(tmp_path):
    folder = write_ensemble(tmp_path / "run", WORLD, "gcnn_ensemble", state="failed", error="out of memory")
    with pytest.raises(StorageError, match="out of memory"):
        open_runs([str(folder)])


def test_another_schema_and_a_damaged_record_are_refused(tmp_path):
    folder = write_ensemble(tmp_path / "run", WORLD, "gcnn_ensemble")
    change_record(folder, schema=99)
    with pytest.raises(StorageError, match="schema 99"):
        open_runs([str(folder)])
    (folder / RECORD_FILE).write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        open_runs([str(folder)])


def chunk_files(folder):
    root = folder / "predictions.zarr" / "prediction" / "c"
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_a_flipped_byte_in_the_store_is_found(tmp_path):
    folder = write_ensemble(tmp_path / "run", WORLD, "gcnn_ensemble")
    (run,) = open_runs([str(folder)])
    assert len(list(run.blocks(members_of(run)))) == 3
    chunk = chunk_files(folder)[1]
    content = bytearray(chunk.read_bytes())
    content[100] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(StorageError, match=r"members 8 to 15 are not what was written \(checksum\)"):
        list(run.blocks(members_of(run)))


def test_a_truncated_and_a_missing_chunk_are_found(tmp_path):
    folder = write_ensemble(tmp_path / "run", WORLD, "gcnn_ensemble")
    (run,) = open_runs([str(folder)])
    chunk = chunk_files(folder)[0]
    os.truncate(chunk, 50)
    with pytest.raises(StorageError, match="damaged|checksum"):
        list(run.blocks(members_of(run)))
    chunk.unlink()
    with pytest.raises(StorageError, match="checksum"):
        list(run.blocks(members_of(run)))


def test_a_missing_store_and_other_steps_are_found(tmp_path):
    folder = write_ensemble(tmp_path / "run", WORLD, "gcnn_ensemble")
    record = read_record(folder)
    change_record(folder, record_steps=[0, 7])
    (run,) = open_runs([str(folder)])
    with pytest.raises(StorageError, match="other steps"):
        _ = run.data
    write_record(folder, record)
    (folder / "predictions.zarr" / "zarr.json").unlink()
    (run,) = open_runs([str(folder)])
    with pytest.raises(StorageError, match="missing or damaged"):
        _ = run.data


def test_a_diverged_member_is_named(tmp_path):
    values = draw(WORLD, "gcnn_ensemble", 24, 64)
    values[11, -1, 0, 3, 0] = np.inf
    folder = write_ensemble(tmp_path / "run", WORLD, "gcnn_ensemble", values=values)
    (run,) = open_runs([str(folder)])
    with pytest.raises(NumericalError, match="member 11 are not finite"):
        list(run.blocks(members_of(run)))


@pytest.mark.parametrize(("members", "block_size", "units"), [(24, 7, 24), (431, 64, 143)])
def test_one_pass_gives_the_moments_and_units_of_all_members(tmp_path, members, block_size, units):
    world = World(n_train=2, n_test=5, n_ood=3, steps=(0, 10))
    values = draw(world, "augmented_ensemble", members, 64)
    folder = write_ensemble(
        tmp_path / "run", world, "augmented_ensemble", members, block_size=block_size, values=values
    )
    (run,) = open_runs([str(folder)])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    moments = reduce_run(run, members_of(run), scratch, symmetrise=True)
    wide = values.astype(np.float64)
    assert np.allclose(moments.mean, wide[:, :, 0].mean(0), atol=1e-6)
    assert np.allclose(moments.variance, wide[:, :, 0].var(0, ddof=1), rtol=1e-5)
    assert np.allclose(moments.orbit_mean, wide.mean(0), atol=1e-6)
    assert np.allclose(moments.orbit_variance, wide.var(axis=2).mean(0), rtol=1e-5)
    assert np.allclose(moments.first_orbit, values[0, -1])
    batch = -(-members // 200)
    for kind, expected in ((IDENTITY, wide[:, :, 0]), (SYMMETRISED, wide.mean(2))):
        sample = moments.samples["test", kind]
        assert (sample.units, sample.points, sample.members) == (units, 10, units * batch)
        batches = expected[: units * batch].reshape(units, batch, *expected.shape[1:]).mean(1)
        test = batches[:, 1, 2:7].reshape(units, -1)
        assert np.allclose(sample.slab(1, 3, 9), test[:, 3:9], atol=1e-6)


def test_the_theory_offers_mean_and_variances_per_model(tmp_path):
    (run,) = open_runs([str(write_theory(tmp_path / "ntk", WORLD))])
    theory = Theory.of(run)
    places = run.samples_of("test")
    assert theory.kernel_for("augmented_ensemble") == "plain"
    assert np.allclose(theory.mean("group", places), WORLD.mean()[:, places].reshape(len(WORLD.steps), -1))
    plain, group = (theory.variance(model, places) for model in ("augmented_ensemble", "gcnn_ensemble"))
    spread = WORLD.spread**2 * np.square(WORLD.basis(0)[:, places]).sum(0)
    assert np.allclose(group[0], WORLD.growth()[0] ** 2 * spread)
    assert np.all(plain > group)


def test_paths_of_weights_and_biases_are_told_from_folders():
    assert is_remote("wandb:me/project/run")
    assert is_remote("me/project/run")
    assert not any(is_remote(path) for path in ("runs", "./a/b/c", "/a/b/c", "runs/one", "a/b/c/d"))
    with pytest.raises(StorageError, match="entity/project/run"):
        download("wandb:project/run")


def test_a_downloaded_run_is_not_fetched_again(tmp_path):
    write_ensemble(tmp_path / "me__project__abc", WORLD, "gcnn_ensemble")
    assert download("wandb:me/project/abc", into=tmp_path) == tmp_path / "me__project__abc"


class FakeService:
    """Stands in for wandb: one run that keeps a model and a run folder, or nobody answering."""

    class Refused(Exception):
        """wandb.errors.Error."""

    def __init__(self, kept=None):
        self.kept = kept
        self.errors = SimpleNamespace(Error=self.Refused)

    def Api(self, timeout):  # noqa: N802
        assert timeout > 0
        return self

    def run(self, name):
        if self.kept is None:
            raise self.Refused(f"could not find {name}\nand more")
        return self

    def logged_artifacts(self):
        return [self.artifact(["weights.bin"]), self.artifact([RECORD_FILE, "config.yaml"])]

    def artifact(self, names):
        files = [SimpleNamespace(name=name) for name in names]
        return SimpleNamespace(files=lambda: files, download=self.download)

    def download(self, root):
        shutil.copytree(self.kept, root, dirs_exist_ok=True)


def test_the_artifact_with_the_run_folder_is_downloaded(tmp_path, monkeypatch):
    kept = write_ensemble(tmp_path / "kept", WORLD, "gcnn_ensemble")
    monkeypatch.setitem(sys.modules, "wandb", FakeService(kept))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (run,) = open_runs(["wandb:me/project/abc"])
    assert run.name == "kept"
    assert len(members_of(run)) == 24


def test_a_service_that_does_not_answer_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", FakeService())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(StorageError, match=r"cannot be read \(could not find me/project/abc\)") as refusal:
        open_runs(["me/project/abc"])
    assert "\n" not in str(refusal.value)


def test_a_run_whose_settings_were_edited_is_refused(tmp_path):
    folder = write_ensemble(tmp_path / "run", WORLD, "gcnn_ensemble")
    assert open_runs([str(folder)])  # of an earlier program: nothing was promised
    change_record(folder, config_fingerprint=config_fingerprint(folder))
    assert open_runs([str(folder)])
    (folder / "config.yaml").write_text("seed: 1\n")
    for partial in (False, True):
        with pytest.raises(StorageError, match=r"config\.yaml was edited.*eqntk runs check"):
            open_runs([str(folder)], partial=partial)


def test_a_kernel_whose_predictions_were_changed_is_refused(tmp_path):
    folder = write_theory(tmp_path / "ntk", WORLD)
    change_record(folder, files=file_fingerprints(folder))
    assert open_runs([str(folder)])
    chunk = max((path for path in (folder / "predictions.zarr").rglob("*") if path.is_file()), key=os.path.getsize)
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"x")
    with pytest.raises(StorageError, match="is not what its record promises .predictions"):
        open_runs([str(folder)])
