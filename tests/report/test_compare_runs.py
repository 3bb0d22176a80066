"""`eqntk compare-runs`: the table on the terminal, the exit status, JSON, and looking on while runs are written."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest
from invented import analysis

from eqntk_cli.cli import app as cli
from eqntk_cli.errors import DataError
from eqntk_cli.report.findings import catalogue
from eqntk_cli.report.model import Analysis, Outcome
from eqntk_cli.report.paper.drawing import Drawing
from eqntk_cli.report.watch import stamp_of, watch
from eqntk_cli.runs import tracking

Call = Callable[..., "Ended"]
HOSTILE = "[bold red]x[/] \x1b[2J very long name of a run that somebody once chose without thinking of tables"


class Reader(ModuleType):
    """Stands in for the analysis: gives the report it holds, or raises the error it holds."""

    def __init__(self) -> None:
        super().__init__("eqntk_cli.report.analysis")
        self.analysis: Analysis | BaseException = analysis()
        self.asked: list[tuple[list[str], float, bool]] = []

    def analyse(self, paths: list[str], *, margin: float, partial: bool) -> Analysis:
        self.asked.append((paths, margin, partial))
        if isinstance(self.analysis, BaseException):
            raise self.analysis
        return self.analysis


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reader:
    stand_in = Reader()
    monkeypatch.setitem(sys.modules, "eqntk_cli.report.analysis", stand_in)
    monkeypatch.setattr(catalogue, "drawings_of", _no_drawings)
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return stand_in


def _no_drawings(_analysis: Analysis) -> list[Drawing]:
    return []


@dataclass
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def call(reader: Reader, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """The console command with these arguments."""
    del reader
    monkeypatch.setattr(cli, "leave", sys.exit)  # an interrupted command leaves at once, and the tests with it

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["eqntk", "compare-runs", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return run


def test_table_fits_80_columns_and_names_stay_words(reader: Reader, call: Call, tmp_path: Path) -> None:
    reader.analysis = analysis(pairs=2, title=HOSTILE, outcome=Outcome.UNDECIDED)
    result = call("runs", "--out", str(tmp_path / "out"), "--margin", "0.2")
    lines = result.out.splitlines()
    assert result.status == 0
    assert lines[0] == reader.analysis.first_line
    assert max(len(line) for line in lines if not line.startswith("Report: ")) <= 80
    assert lines[-1] == f"Report: {tmp_path / 'out' / 'report.html'}"
    assert "\x1b" not in result.out
    table = result.out[: result.out.index("Margin")]
    assert table.count("[bold") == 4
    assert "undecided" in table

    assert "Undecided: the largest difference" in " ".join(result.out.split())
    assert reader.asked == [(["runs"], 0.2, False)]


@pytest.mark.parametrize(
    ("outcome", "status"), [(Outcome.EQUIVALENT, 0), (Outcome.DIFFERENT, 1), (Outcome.UNDECIDED, 3)]
)
def test_exit_status_tells_the_verdict_when_asked(reader: Reader, call: Call, outcome: Outcome, status: int) -> None:
    reader.analysis = analysis(outcome=outcome, scaling=False)
    assert call("runs", "--out", "a", "--require", "equivalent").status == status
    assert call("runs", "--out", "a").status == 0


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.EQUIVALENT, 3), (Outcome.DIFFERENT, 1)])
def test_a_verdict_without_working_controls_is_none(reader: Reader, call: Call, outcome: Outcome, status: int) -> None:
    reader.analysis = analysis(outcome=outcome, scaling=False, controls=False)
    ended = call("runs", "--out", "a", "--require", "equivalent")
    assert ended.status == status
    assert len(ended.err.splitlines()) == (status == 3)
    meant = call("runs", "--out", "a", "--require", "equivalent", "--without-controls")
    assert (meant.status, meant.err) == (0 if outcome is Outcome.EQUIVALENT else 1, "")


def test_a_requirement_without_pairs_is_undecided_and_says_why(reader: Reader, call: Call) -> None:
    reader.analysis = replace(analysis(scaling=False), pairs=(), outcome=Outcome.UNDECIDED)
    ended = call("runs", "--out", "a", "--require", "equivalent")
    assert ended.status == 3
    assert ended.err.startswith("--require equivalent is undecided (status 3): there is no pair")
    assert len(ended.err.splitlines()) == 1
    assert call("runs", "--out", "a").status == 0


def test_json_is_all_that_is_printed(reader: Reader, call: Call, tmp_path: Path) -> None:
    result = call("runs", "--json", "--out", "out")
    report = json.loads(result.out)
    assert report["outcome"] == "equivalent"
    assert report["controls_ok"] is True
    (pair,) = report["pairs"]
    assert pair["verdict"]["outcome"] == "equivalent"
    assert pair["test"]["p_value"] == reader.analysis.pairs[0].test.p_value
    assert [control["as_expected"] for control in pair["controls"]] == [True, True, True]
    assert json.loads(Path(report["report"]).with_name("report.json").read_text())["schema"] == report["schema"]
    assert tmp_path / report["report"] == tmp_path / "out" / "report.html"


@pytest.mark.parametrize(
    "wrong",
    [
        ("--margin", "0"),
        ("--margin", "nan"),
        ("--require", "same"),
        ("--tracking", "on"),
        ("--watch", "--json"),
        ("--without-controls",),
    ],
)
def test_mistakes_are_named_before_anything_is_read(reader: Reader, call: Call, wrong: tuple[str, ...]) -> None:
    result = call("runs", *wrong)
    assert result.status == 2
    assert len(result.err.splitlines()) == 1
    assert wrong[0] in result.err
    assert reader.asked == []


def test_foreign_out_is_refused_before_anything_is_read(reader: Reader, call: Call, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data").write_text("")
    result = call("runs", "--out", "precious")
    assert result.status == 2
    assert "--out precious holds other files" in result.err
    assert reader.asked == []


def test_report_lies_beside_the_runs(reader: Reader, call: Call, tmp_path: Path) -> None:
    made = analysis(scaling=False)
    runs = tuple(replace(run, path=str(tmp_path / "sweep" / run.record.run_id)) for run in made.runs)
    reader.analysis = replace(made, runs=runs)
    assert call("sweep").status == 0
    assert (tmp_path / "sweep" / "report" / "report.html").is_file()


def test_interruption_has_its_own_status(reader: Reader, call: Call) -> None:
    reader.analysis = KeyboardInterrupt()
    assert call("runs").status == 130
    assert call("runs", "--watch").status == 130
    assert [partial for _, _, partial in reader.asked] == [False, True]  # a sweep in progress is looked at as it is


def test_tracking_gets_tables_and_the_folder_when_asked(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[tuple] = []
    monkeypatch.setattr(tracking, "report_artifact", lambda *arguments: got.append(arguments))
    monkeypatch.setattr(tracking, "_key_configured", lambda: False)
    assert call("runs", "--out", "a").status == 0
    assert call("runs", "--out", "a", "--tracking", "disabled").status == 0
    assert got == []
    assert call("runs", "--out", "a", "--tracking", "offline").status == 0
    ((settings, folder, summary, tables),) = got
    assert (settings.mode, folder, summary["outcome"]) == ("offline", Path("a"), "equivalent")
    columns, rows = tables["verdicts"]
    assert len(columns) == len(rows[0])
    assert "equivalent" in rows[0]


def test_help_needs_nothing_heavy() -> None:
    import subprocess

    code = (
        "import sys; import eqntk_cli.cli.compare_runs; "
        "print([m for m in ('jax', 'numpy', 'matplotlib', 'jinja2', 'xarray', 'rich', 'wandb') if m in sys.modules])"
    )
    heavy = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy.stdout.strip() == "[]"


class Sweep:
    """A sweep in progress: at each pause the next thing happens."""

    def __init__(self, folder: Path) -> None:
        self.record = folder / "run" / "record.json"
        self.happens = ["nothing yet", "started", "nothing", "block done", "nothing"]
        self.shown: list[str] = []
        self.said: list[str] = []

    def pause(self, seconds: float) -> None:
        assert seconds == 5.0
        event = self.happens.pop(0)
        if event == "started":
            self.record.parent.mkdir()
            self.record.write_text("1")
        elif event == "block done":
            self.record.write_text("12")

    def show(self) -> None:
        if not self.record.exists():
            raise DataError("no run here")
        self.shown.append(self.record.read_text())


def test_watch_shows_what_is_new_and_says_once_why_there_is_nothing(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    watch([tmp_path], sweep.show, sweep.said.append, rounds=6, pause=sweep.pause)
    assert sweep.said == ["no run here"]
    assert sweep.shown == ["1", "12"]


def test_stamp_sees_runs_deep_inside_and_nothing_else(tmp_path: Path) -> None:
    empty = stamp_of([tmp_path, tmp_path / "absent"])
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "report.json").write_text("")
    assert stamp_of([tmp_path]) == empty
    (tmp_path / "a" / "b" / "record.json").write_text("")
    assert len(stamp_of([tmp_path])) == 1
