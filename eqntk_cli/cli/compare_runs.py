"""`eqntk compare-runs`: do the runs agree, and how sure is that? The report, and a verdict that scripts can use."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eqntk_cli.cli.going_on import say_loading
from eqntk_cli.errors import ConfigError, DiskError, StorageError

if TYPE_CHECKING:
    from eqntk_cli.report.model import Analysis

HOLDS, DOES_NOT, OPEN = 0, 1, 3
_INTERRUPTED = 130
_STATUS = {"equivalent": HOLDS, "different": DOES_NOT, "undecided": OPEN}
_REQUIRE = "equivalent"

Runs = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="Run folders, folders of runs, globs, or entity/project/run.")
]
Out = Annotated[
    Path | None, typer.Option(help="Folder of the report; else `report` beside the runs, or the next free.")
]
Margin = Annotated[
    float | None,
    typer.Option(
        help="Largest difference that counts as none, as a share of the RMS prediction; else that of the runs' plan, "
        "or 0.1.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON on standard output.")]
Require = Annotated[
    str | None,
    typer.Option(
        metavar="equivalent",
        help="Leave with status 0 if the runs are equivalent and every control is different, 1 if the runs are "
        "different, 3 otherwise.",
    ),
]
WithoutControls = Annotated[
    bool, typer.Option("--without-controls", help="With --require: status 0 whatever the controls are, or without any.")
]
Partial = Annotated[bool, typer.Option("--partial", help="Take unfinished runs with the members that they have.")]
Watch = Annotated[bool, typer.Option("--watch", help="Look again while runs are written; Ctrl-C ends it.")]
Every = Annotated[float, typer.Option(help="Seconds between two looks of --watch.", min=0.1)]
Tracking = Annotated[
    str,
    typer.Option(help="Mirror to Weights & Biases: auto (if a key or $WANDB_MODE is set), online, offline, disabled."),
]


def compare_runs(
    runs: Runs,
    out: Out = None,
    margin: Margin = None,
    as_json: AsJson = False,
    require: Require = None,
    without_controls: WithoutControls = False,
    partial: Partial = False,
    watch: Watch = False,
    every: Every = 5.0,
    tracking: Tracking = "auto",
) -> None:
    """Report whether an augmented ensemble, a GCNN ensemble and the kernel share one mean prediction.

    Writes report.html, report.md, report.json, figures/ (SVG, PDF) and tables/ (CSV). A report needs runs that must
    NOT agree as well: give controls (role=control) among the runs. Runs with model=ntk that belong to no pair become
    learning curves where they cover two or more dataset.n_train.
    """
    _check(margin, require, tracking)
    if without_controls and require is None:
        raise ConfigError(f"--without-controls changes what --require asks for; add --require {_REQUIRE} or drop it.")
    if watch and (as_json or require is not None):
        raise ConfigError("--watch goes on until Ctrl-C, so --json and --require have no place beside it; drop one.")
    if watch:
        _watch(runs, out, margin, every)
    say_loading("reading the runs")
    analysis = _analyse(runs, out, margin, partial=partial)
    if not as_json:
        _print_table(analysis)
    page = _write(analysis, out)
    if as_json:
        _print_json(analysis, page)
    else:
        typer.echo(f"Report: {page}")
    _mirror(analysis, page.parent, tracking)
    if require is not None:
        raise typer.Exit(_status(analysis, without_controls=without_controls))


def conclude(analysis: "Analysis", out: Path | None, tracking: str) -> int:
    """Print the verdicts, write the report, and return the exit status of --require equivalent."""
    _print_table(analysis)
    page = _write(analysis, out)
    typer.echo(f"Report: {page}")
    _mirror(analysis, page.parent, tracking)
    return _status(analysis, without_controls=False)


def _status(analysis: "Analysis", *, without_controls: bool) -> int:
    """The exit status of --require; without a pair, or without controls that work, nothing is shown, which is said."""
    if analysis.pairs:
        status = _STATUS[str(analysis.outcome)]
        if status != HOLDS or analysis.controls_ok or without_controls:
            return status
        sys.stderr.write(
            f"{_REQUIRE} is not shown (status {OPEN}): not every pair has controls that are all different, "
            "as the first line of the report says; --without-controls does not ask for them.\n"
        )
        return OPEN
    sys.stderr.write(
        f"--require {_REQUIRE} is undecided (status {OPEN}): there is no pair of an augmented_ensemble and a "
        "gcnn_ensemble among the runs, only kernel predictions; add ensembles to ask for a verdict.\n"
    )
    return OPEN


def _check(margin: float | None, require: str | None, tracking: str) -> None:
    from eqntk_cli.config.schema import TRACKING_MODES

    if margin is not None and not 0 < margin < float("inf"):
        raise ConfigError(f"--margin {margin} is not possible; expected a positive share such as 0.1.")
    if require not in (None, _REQUIRE):
        raise ConfigError(f"--require {require} is not possible; expected {_REQUIRE}.")
    if tracking not in TRACKING_MODES:
        raise ConfigError(f"--tracking {tracking} is not possible; expected {' | '.join(TRACKING_MODES)}.")


def _analyse(runs: list[str], out: Path | None, margin: float | None, *, partial: bool) -> "Analysis":
    from eqntk_cli.report.analysis import analyse
    from eqntk_cli.report.page.files import require_free

    if out is not None:
        require_free(out)  # before minutes of work
    return analyse(runs, margin=margin, partial=partial)


def _write(analysis: "Analysis", out: Path | None) -> Path:
    """Write the report and return the path of its page."""
    from eqntk_cli.report.page.export import write_report
    from eqntk_cli.report.page.files import free_folder

    folder = out or free_folder(_beside(analysis), [run.record.run_id for run in analysis.runs])
    try:
        return write_report(analysis, folder)
    except DiskError as error:
        raise StorageError(f"{error} The runs are untouched; another folder can be given with --out.") from error


def _beside(analysis: "Analysis") -> Path:
    """The folder that holds all the runs; the current one where they have none in common, or were downloaded."""
    from eqntk_cli.report.read.remote import cache_folder

    parents = {Path(run.path).resolve().parent for run in analysis.runs} - {cache_folder().resolve()}
    return parents.pop() if len(parents) == 1 else Path.cwd()


def _print_table(analysis: "Analysis") -> None:
    from rich.console import Console

    from eqntk_cli.report.page.terminal import print_verdicts

    print_verdicts(analysis, Console(highlight=False))


def _print_json(analysis: "Analysis", page: Path) -> None:
    from eqntk_cli.report.page.summary import summary

    typer.echo(json.dumps(summary(analysis, str(page)), indent=1, allow_nan=False))


def _watch(runs: list[str], out: Path | None, margin: float | None, every: float) -> None:
    """Show the report again and again; ends with the status of an interruption."""
    from eqntk_cli.report.watch import watch

    try:
        watch(_folders(runs), _Screen(runs, out, margin).show, _say_waiting, seconds=every)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


@dataclass
class _Screen:
    """What --watch redraws; the folder of the report is chosen once."""

    runs: list[str]
    out: Path | None
    margin: float | None

    def show(self) -> None:
        """Read the runs, write the report and draw the table on a cleared terminal."""
        from rich.console import Console

        analysis = _analyse(self.runs, self.out, self.margin, partial=True)
        Console().clear()
        _print_table(analysis)
        page = _write(analysis, self.out)
        self.out = page.parent
        typer.echo(f"Report: {page}")


def _say_waiting(reason: str) -> None:
    sys.stderr.write(f"waiting: {reason}\n")


def _folders(runs: list[str]) -> list[Path]:
    from glob import glob

    return [Path(path) for run in runs for path in (glob(run) or [run])]


def _mirror(analysis: "Analysis", folder: Path, mode: str) -> None:
    if mode == "disabled":
        return
    from eqntk_cli.config.schema import TrackingConfig
    from eqntk_cli.report.findings.catalogue import tables_of
    from eqntk_cli.report.page.summary import summary
    from eqntk_cli.runs.tracking import report_artifact, tracking_mode

    if mode == "auto" and tracking_mode(mode) != "online" and "WANDB_MODE" not in os.environ:
        return  # nobody asked for it, and the folder has everything
    tables: dict[str, tuple[list[str], list[list[Any]]]] = {
        name: ([column.key for column in table.columns], [list(row) for row in table.rows])
        for name, table in tables_of(analysis).items()
        if table.tracked
    }
    report_artifact(TrackingConfig(mode=mode), folder, summary(analysis, str(folder / "report.html")), tables)
