"""A finished run is what it promised, or says what is not; so does a list of runs."""

import shutil
import warnings
from dataclasses import replace

import numpy as np
import pytest
import xarray
from fake_runs import FakeEnsemble, FakeKernel, config, load

from eqntk_cli.config.schema import ModelConfig
from eqntk_cli.errors import StorageError
from eqntk_cli.runs.contents import CONFIG_FILE, RECORD_FILE, STORE
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.integrity import config_edited, damages
from eqntk_cli.runs.record import read_record, write_record

ENSEMBLE, KERNEL = config(), config(model=ModelConfig(name="ntk"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run of an ensemble, and one of a kernel prediction."""
    root = tmp_path_factory.mktemp("whole")
    return {
        "ensemble": execute(ENSEMBLE, root / "ensemble", load, FakeEnsemble),
        "kernel": execute(KERNEL, root / "kernel", load, FakeKernel),
    }


@pytest.fixture(params=["ensemble", "kernel"])
def run(request, whole, tmp_path):
    return shutil.copytree(whole[request.param], tmp_path / "run")


def refusal(folder):
    with pytest.raises(StorageError) as caught:
        resume(folder)
    assert read_record(folder).state == "done"
    return str(caught.value)


def test_a_run_is_what_it_promised(run):
    assert damages(run, read_record(run)) == []
    assert resume(run) == run
    names = set(read_record(run).files)
    assert {"metrics.csv", f"{STORE}/zarr.json", f"{STORE}/target/c/0/0"} <= names
    assert not names & {CONFIG_FILE, RECORD_FILE, "eqntk.log"}


def test_a_lost_store(run):
    shutil.rmtree(run / STORE)
    assert f"{STORE}/zarr.json is missing" in damages(run, read_record(run))
    assert "was done, but predictions.zarr/" in refusal(run)
    assert "make the run again in a new folder" in refusal(run)


def test_flipped_bits(run):
    name = "prediction/c/1/0/0/0/0" if (run / STORE / "prediction").exists() else "mean/c/0/0/0/0"
    chunk = run / STORE / name
    content = bytearray(chunk.read_bytes())
    content[10] ^= 1
    chunk.write_bytes(content)
    (said,) = damages(run, read_record(run))
    assert said in ("the predictions of members 2-3 were changed", f"{STORE}/{name} was changed")
    assert said in refusal(run)


@pytest.mark.parametrize("name", ["metrics.csv", f"{STORE}/step/zarr.json"])
def test_another_file_was_changed_or_lost(run, name):
    with (run / name).open("a") as file:
        file.write(" ")
    assert damages(run, read_record(run)) == [f"{name} was changed"]
    (run / name).unlink()
    assert f"{name} is missing" in refusal(run)


def test_an_edited_config(run):
    path = run / CONFIG_FILE
    before = path.read_text()
    path.write_text(before.replace("seed: 5", "seed: 6"))
    assert config_edited(run, read_record(run))
    assert "config.yaml was edited" in refusal(run)
    path.write_text(before.replace("label: null", "label: mine").replace("mode: disabled", "mode: auto"))
    assert not config_edited(run, read_record(run))  # predictions do not depend on them
    path.unlink()
    assert damages(run, read_record(run)) == ["config.yaml is missing"]


def test_a_resume_refuses_an_edited_config(tmp_path):
    def stop(number):
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(ENSEMBLE, tmp_path, load, lambda *given: FakeEnsemble(*given, hook=stop))
    path = tmp_path / CONFIG_FILE
    path.write_text(path.read_text().replace("seed: 5", "seed: 6"))
    with pytest.raises(StorageError, match=r"config.yaml was edited after the run began; restore it"):
        resume(tmp_path, load, FakeEnsemble)
    assert read_record(tmp_path).members_done == 4


def test_runs_of_earlier_programs_promise_less(run):
    record = read_record(run)
    write_record(run, replace(record, files=None, config_fingerprint=None))
    assert damages(run, read_record(run)) == []


def test_other_programs_open_the_store_without_a_warning(run):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = xarray.open_zarr(run / STORE)
    assert np.isfinite(data["target"][:7]).all()
