from dataclasses import replace
from pathlib import Path

from eqntk_cli.cli.run_table import WIDTH, heading, row
from eqntk_cli.runs.listing import RunSummary
from eqntk_cli.runs.record import Record

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


def test_an_empty_folder_and_none(eqntk):
    assert "eqntk train" in eqntk("runs", "list", ".").out
    missing = eqntk("runs", "list", "nowhere")
    assert missing.status == 2
    assert "nowhere" in missing.err
