"""The folder of a report: every file whole, every number again in JSON and CSV, nobody else's files touched."""

import csv
import io
import json
from dataclasses import fields, replace
from math import inf, nan
from pathlib import Path

import pytest
from invented import analysis

from eqntk_cli.errors import StorageError
from eqntk_cli.report.findings import catalogue
from eqntk_cli.report.findings.catalogue import tables_of
from eqntk_cli.report.model import SCHEMA, Analysis
from eqntk_cli.report.page import export, files
from eqntk_cli.report.paper.drawing import Drawing
from eqntk_cli.report.paper.table import Column, Table, integer, number, p_value, percent, setting
from eqntk_cli.report.statistics.maximum import PValue

_ALL_DRAWINGS = catalogue.drawings_of


@pytest.fixture(autouse=True)
def _few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """One figure is enough to see that figures are written."""
    monkeypatch.setattr(catalogue, "drawings_of", _only_members)


def _only_members(made: Analysis) -> list[Drawing]:
    return [one for one in _ALL_DRAWINGS(made) if one.name in ("pair-1-members", "learning-1")]


def test_folder_holds_what_the_manifest_says(tmp_path: Path) -> None:
    made = analysis(regression=True)
    page = export.write_report(made, tmp_path / "deep" / "out")
    assert page == tmp_path / "deep" / "out" / "report.html"
    manifest = json.loads((page.parent / "report.json").read_text())
    files = sorted(str(path.relative_to(page.parent)) for path in page.parent.rglob("*") if path.is_file())
    assert manifest["files"] == files
    assert {f"tables/{name}.csv" for name in tables_of(made)} <= set(files)
    assert {"figures/pair-1-members.svg", "figures/pair-1-members.pdf", "report.md"} <= set(files)


def test_json_is_strict_versioned_and_complete() -> None:
    made = analysis(regression=True)
    text = export.json_text(made, ["b", "a"])
    report = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert list(report)[0] == "schema"
    assert (report["schema"], report["made_by"], report["files"]) == (SCHEMA, "eqntk compare-runs", ["a", "b"])
    kinds = (kind.KEY for kind in (*catalogue.ON_PAIRS, *catalogue.ON_STUDIES))
    assert {field.name for field in fields(Analysis)} - {"findings"} <= set(report)
    assert {key for key in kinds if key is not None} <= set(report) | set(report["pairs"][0])
    assert report["pairs"][0]["test"]["rms_distance"] == list(made.pairs[0].test.rms_distance)
    assert report["pairs"][0]["test"]["effective_points"][0] is None  # nan


def test_csv_gives_every_number_back() -> None:
    made = analysis()
    rows = list(csv.DictReader(io.StringIO(export.csv_text(tables_of(made)["steps"]))))
    test = [row for row in rows if row["kind"] == "pair" and row["split"] == "test"]
    assert tuple(float(row["rms_distance"]) for row in test) == made.pairs[0].test.rms_distance
    assert tuple(int(row["step"]) for row in test) == made.pairs[0].test.steps
    assert [row["equivalent"] for row in test] == [_csv_word(ok) for ok in made.pairs[0].test.equivalent]
    assert test[0]["effective_points"] == ""  # nan
    assert {row["kind"] for row in rows} >= {"pair", "theory", "control: no_augmentation"}


def _csv_word(value: bool | None) -> str:
    return "" if value is None else str(value).lower()


def test_csv_runs_no_formula_of_a_users_words() -> None:
    table = Table("t", "T", (Column("a", "A"), Column("b", "B", number)), (("=1+1", -2.5), ("-x,\n", inf)))
    assert export.csv_text(table) == 'a,b\n\'=1+1,-2.5\n"-x,\n",\n'


def test_report_is_replaced_without_leftovers_and_without_touching_other_files(tmp_path: Path) -> None:
    made = analysis(regression=True)
    export.write_report(made, tmp_path / "out")
    (tmp_path / "out" / "mine.txt").write_text("kept")
    export.write_report(replace(made, findings=()), tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").rglob("*")}
    assert "mine.txt" in names
    assert "learning_curves.csv" not in names
    assert "learning-1.svg" not in names
    assert not [name for name in names if name.endswith(".tmp")]


def test_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("[1]")
    with pytest.raises(StorageError, match="no earlier report"):
        export.write_report(analysis(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    with pytest.raises(StorageError, match="is a file"):
        files.require_free(tmp_path / "report.json")


def test_a_report_that_was_broken_off_is_made_again_in_its_folder(tmp_path: Path, monkeypatch) -> None:
    made = analysis(scaling=False)
    ids = [run.record.run_id for run in made.runs]
    real, left = export._write, [3]

    def killed(path: Path, content: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        real(path, content)

    monkeypatch.setattr(export, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        export.write_report(made, tmp_path / "report")
    monkeypatch.undo()
    files.require_free(tmp_path / "report")
    assert files.free_folder(tmp_path, ids) == tmp_path / "report"
    assert files.free_folder(tmp_path, ids[1:]) == tmp_path / "report-2"
    export.write_report(replace(made, findings=()), tmp_path / "report")
    manifest = json.loads((tmp_path / "report" / "report.json").read_text())
    names = [path for path in (tmp_path / "report").rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(tmp_path / "report")) for path in names) == manifest["files"]


def test_next_free_folder_unless_the_same_runs_were_reported(tmp_path: Path) -> None:
    made = analysis(scaling=False)
    ids = [run.record.run_id for run in made.runs]
    assert files.free_folder(tmp_path, ids) == tmp_path / "report"
    export.write_report(made, tmp_path / "report")
    assert files.free_folder(tmp_path, reversed(ids)) == tmp_path / "report"
    assert files.free_folder(tmp_path, ids[1:]) == tmp_path / "report-2"
    (tmp_path / "report-2").write_text("")
    assert files.free_folder(tmp_path, ids[1:]) == tmp_path / "report-3"


def test_stale_names_outside_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "precious").write_text("")
    files.remove_stale(tmp_path / "out", ["../precious", str(tmp_path / "precious")], [])
    assert (tmp_path / "precious").exists()


def test_numbers_as_people_read_them() -> None:
    assert [number(x) for x in (0.0, 0.01234, -12.345, 123.4, 12345.6, 1e7, 4.56e-7, nan, None)] == [
        *("0", "0.0123", "-12.3", "123", "12,346", "1.00e+07", "4.56e-07", "-", "-"),
    ]
    assert [percent(x) for x in (0.0312, 0.0012, 0.0, 9.0, inf)] == ["3.1 %", "0.12 %", "0.0 %", "900.0 %", "-"]
    assert [p_value(x) for x in (0.7, 0.0312, 0.0012, 0.00003)] == ["0.700", "0.031", "0.0012", "3e-05"]
    assert [p_value(PValue(x, 0.001)) for x in (0.001, 0.002)] == ["<= 0.0010", "0.0020"]  # the smallest of 999
    assert [setting(x) for x in (0.1, 0.05, 0.125)] == ["10 %", "5 %", "12.5 %"]
    assert integer(12345) == "12,345"
