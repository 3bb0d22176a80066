import json
import signal
import subprocess
import time

import psutil
import pytest
from omegaconf import OmegaConf

from tests.cli.console import COMMAND, TINY, real


def test_cfg_prints_the_composed_settings(eqntk):
    answer = eqntk("train", "--cfg", "job", "model=ntk", "group=d4", "seed=3")
    printed = OmegaConf.create(answer.out)
    assert answer.status == 0
    assert (printed.model.name, printed.group.name, printed.seed) == ("ntk", "d4", 3)


def test_cfg_of_a_part(eqntk):
    answer = eqntk("train", "--cfg", "job", "--package", "model", "model=ntk")
    assert "width" in answer.out
    assert "dataset" not in answer.out


def test_info_lists_the_defaults(tmp_path):
    assert "gcnn_ensemble" in real("train", "--info", "defaults", folder=tmp_path).out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["model.widht=3"], "the nearest is model.width"),
        (["model=gcn"], "the nearest is gcnn_ensemble"),
        (["model.width=wide"], "could not be converted to Integer"),
        (["model.members=1"], "at least 2 members"),
        (["group=so3"], "c1 | c2 | c4 | d1 | d2 | d4"),
        (["group=c2,c4"], "eqntk sweep"),
        (["architecture.activation=rleu", "dataset=breastmnist", "dataset.url=nowhere"], "Did you mean relu?"),
        (["experiment=digits_quick"], "eqntk sweep"),
        (["--resume", "nowhere"], "nowhere"),
        (["--resume", "nowhere", "seed=1", "model.members=8"], "seed=1 cannot be changed"),
        (["--resume", "nowhere", "model.members=8,16"], "expected one whole number"),
        (["--resume", "nowhere", "model.members=8"], "nowhere is not a run folder"),
        (["--resume", "nowhere", "--out", "x"], "leave the other options out"),
        (["--out", "x", "--cfg", "job"], "leave it out with --cfg"),
        (["--out", "x", "group=so3"], "c1 | c2 | c4 | d1 | d2 | d4"),
        (["--config-dir", "nowhere", "model=mine"], "nowhere"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(eqntk, tmp_path, words, says):
    answer = eqntk("train", *words)
    assert answer.status == 2
    assert says in answer.err
    assert answer.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_too_few_members_are_named_before_anything_is_trained(capsys):
    from eqntk_cli.cli.going_on import say_if_too_few
    from eqntk_cli.config.compose import compose

    say_if_too_few(
        [compose(["model=ntk"]), compose(["model=gcnn_ensemble", "model.members=6", "model.antithetic=false"])]
    )
    assert capsys.readouterr().err == ""
    say_if_too_few([compose(["model=gcnn_ensemble", "model.members=10"])])  # five antithetic pairs
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("note: 5 independent members (or antithetic pairs) can never show a difference at level 5 %")


def test_options_of_the_users_own(eqntk, tmp_path):
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "wide.yaml").write_text("name: gcnn_ensemble\nwidth: 4096\n")
    answer = eqntk("train", "--config-dir", "mine", "--cfg", "job", "model=wide")
    assert "width: 4096" in answer.out


def test_a_run_from_the_real_command(eqntk, tmp_path):
    name = "a run/für mich"
    answer = real("train", "--out", name, "model=ntk", "group=c2", "precision=float64", *TINY, folder=tmp_path)
    assert answer.status == 0, answer.err
    assert answer.out == f"{name}\n"
    folder = tmp_path / name
    assert f"{name}/metrics.svg" in answer.err
    assert (folder / "metrics.svg").read_bytes().startswith(b"<?xml")
    record = json.loads((folder / "record.json").read_text())
    assert record["state"] == "done"
    assert record["precision"] == "float64"
    assert record["command"].startswith(f"eqntk train --out '{name}' model=ntk group=c2")
    assert {"config.yaml", "record.json", "metrics.csv", "predictions.zarr"} <= {file.name for file in folder.iterdir()}
    assert "test acc" in answer.err

    before = (folder / "record.json").read_text()
    again = eqntk("train", "--resume", answer.out.strip())
    assert again.status == 0, again.err
    assert (folder / "record.json").read_text() == before  # a run that is done stays as it is
    assert eqntk("train", "--out", name, "model=ntk", "group=c4", *TINY).err.count("was begun with other settings") == 1


def test_a_folder_that_is_taken(eqntk, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").write_text("")
    assert "holds other files and no run" in eqntk("train", "--out", "taken").err
    assert "is a file" in eqntk("train", "--out", "taken/mine").err
    assert [path.name for path in tmp_path.rglob("*")] == ["taken", "mine"]


def _slow_when_alone(number, status, word):
    return pytest.param(number, status, word, marks=() if number == signal.SIGTERM else pytest.mark.slow)


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        _slow_when_alone(signal.SIGINT, 130, "interrupted"),
        _slow_when_alone(signal.SIGTERM, 143, "terminated"),
        _slow_when_alone(signal.SIGHUP, 129, "hung up"),
    ],
)
def test_stopped_in_the_middle_of_a_step(tmp_path, number, status, word):
    """Threads of XLA are computing when the program ends; taken down in order, it would end by -11."""
    words = [*TINY, "group=c4", "model.members=64", "model.width=256", "model.block_size=8", "training.steps=20000"]
    words = [*words, "dataset.n_train=64", "dataset.n_test=64"]
    run = subprocess.Popen([COMMAND, "train", *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.rglob("predictions.zarr")):
        assert run.poll() is None
        time.sleep(0.2)
    computing = psutil.Process(run.pid)
    begun = computing.cpu_times().user
    while computing.cpu_times().user < begun + 4:  # seconds: half of them compile the program
        assert run.poll() is None
        time.sleep(0.1)
    run.send_signal(number)
    said = run.communicate(timeout=120)[1]
    assert run.returncode == status, said
    assert f"eqntk: {word}; go on with: eqntk train --resume runs/digits/" in said
    assert "Traceback" not in said
    (record,) = tmp_path.rglob("record.json")
    assert json.loads(record.read_text())["state"] == "preempted"
