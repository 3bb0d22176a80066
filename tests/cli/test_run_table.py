import io
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from eqntk_cli.cli.run_table import WIDTH, heading, row
from eqntk_cli.files.digest import file_digest
from eqntk_cli.runs.integrity import config_fingerprint
from eqntk_cli.runs.listing import RunSummary
from eqntk_cli.runs.record import Record, write_record

RECORD = Record(
    run_id="0",
    state="running",
    role="control",
    control="no_augmentation",
    coupling="independent",
    model="augmented_ensemble",
    augmentation="none",
    group="octahedral",
    dataset="breastmnist",
    architecture={},
    training={},
    seed=0,
    precision="float32",
    started="2026-11-21T03:00:00+00:00",
    width=65536,
    members=1024,
    members_done=1000,
)


def test_a_line_fits_a_narrow_terminal_whatever_stands_in_it():
    for name in ("2026-11-21_03-52-16-413967", "0_gcnn", "a_name_that_is_too_long_for_its_column-width1024"):
        lines = row(name, RunSummary(Path(name), "preempted", RECORD, ("mae_meV", 12345.678))).splitlines()
        assert max(map(len, lines)) <= WIDTH
        assert lines[0].startswith(name)
        assert len(lines) == (1 if len(name) < 10 else 2)  # the cells of this run take 66 columns
        assert "1000/1024" in lines[-1]
    assert len(heading("run")) <= WIDTH


def test_columns_stand_below_their_headings():
    record = replace(RECORD, group="c4")
    line = row("0_gcnn", RunSummary(Path("0_gcnn"), "running", record, ("acc", 0.8125)))
    for word, below in (("state", "running"), ("model", "augmented*")):
        assert heading("run").index(word) == line.index(below)


def test_runs_without_a_record():
    assert "waiting" in row("0_gcnn", None)
    assert "damaged" in row("0_gcnn", RunSummary(Path("0_gcnn"), "damaged", None, error="no schema"))


def test_before_the_first_run(eqntk):
    for words, said in ((["list"], "no runs in runs yet; `eqntk train` makes one"), (["check"], "0 finished runs")):
        answer = eqntk("runs", *words)
        assert (answer.status, answer.err) == (0, "")
        assert said in answer.out
    assert "nothing to remove" in eqntk("runs", "clean").out


def test_an_empty_folder_and_none(eqntk):
    assert "eqntk train" in eqntk("runs", "list", ".").out
    missing = eqntk("runs", "list", "nowhere")
    assert missing.status == 2
    assert "nowhere" in missing.err


def finished(folder, **changes):
    """A finished run as far as its record goes."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("seed: 0\n")
    (folder / "metrics.csv").write_text("step\n")
    files = {"metrics.csv": file_digest(folder / "metrics.csv")}
    values = asdict(RECORD) | {"state": "done", "files": files, "config_fingerprint": config_fingerprint(folder)}
    write_record(folder, Record(**(values | {"members_done": 0} | changes)))
    return folder


def test_checking_runs(eqntk, tmp_path):
    whole, other = finished(tmp_path / "runs" / "a"), finished(tmp_path / "runs" / "b")
    finished(tmp_path / "runs" / "c", state="preempted", files=None)
    answer = eqntk("runs", "check")
    assert (answer.status, answer.out) == (0, "2 finished runs checked, 1 not done: all good\n")
    (other / "metrics.csv").write_text("edited")
    (whole / "config.yaml").write_text("seed: 1\n")
    answer = eqntk("runs", "check", "runs")
    assert answer.status == 1
    assert answer.out.splitlines() == [
        "runs/a: config.yaml was edited",
        "runs/b: metrics.csv was changed",
        "2 finished runs checked, 1 not done",
    ]
    (whole / "record.json").write_text("{")
    assert eqntk("runs", "check", "runs/a").status == 1
    shutil.rmtree(whole)
    assert eqntk("runs", "check", "runs/c").status == 0


def test_cleaning_away_failed_runs(eqntk, tmp_path):
    for name, state, members in (("a", "failed", 0), ("b", "failed", 8), ("c", "done", 8), ("d", "preempted", 0)):
        finished(tmp_path / "runs" / name, state=state, members_done=members, error="no data")
    left = eqntk("runs", "clean", "--yes").out
    assert "remove runs/a: no data" in left
    assert "leave  runs/b (8 members kept): no data" in left
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["b", "c", "d"]
    eqntk("runs", "clean", "--yes", "--kept")
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["c", "d"]


def test_cleaning_asks_first(eqntk, tmp_path, monkeypatch):
    finished(tmp_path / "runs" / "a", state="failed", error="no data")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert "Remove 1 of 1 failed runs?" in eqntk("runs", "clean").out
    assert (tmp_path / "runs" / "a").is_dir()
