"""The table of a sweep: at once, or kept up to date until nothing more happens."""

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from eqntk_cli.cli.run_table import CONTROL_NOTE, heading, row
from eqntk_cli.progress import duration

if TYPE_CHECKING:
    from eqntk_cli.sweeps.manifest import Manifest
    from eqntk_cli.sweeps.status import Overview, RunStatus

_PAUSES = (2.0, 10.0)  # seconds between two looks at the queue, at first and after some minutes
_SLOWER = 60.0  # the pause grows by a second in this time


def show(folder: Path, manifest: "Manifest") -> None:
    """Print the table, and on stderr the command that comes next."""
    from eqntk_cli.sweeps.status import overview

    sweep = overview(folder, manifest)
    for line in table(manifest, sweep):
        typer.echo(line)
    sys.stderr.write(onward(folder, manifest, sweep))


def watch(folder: Path, manifest: "Manifest") -> "Overview":
    """Keep the table up to date until no run is queued or running; where no table can be redrawn, lines of counts.

    Returns:
        The last look.
    """
    from eqntk_cli.sweeps.status import overview

    began = time.monotonic()
    with _Screen() as screen:
        while True:
            sweep = overview(folder, manifest)
            screen.draw(table(manifest, sweep), f"{manifest.name}: {sweep.counts()}")
            if not sweep.active and not sweep.trouble:
                return sweep
            time.sleep(min(_PAUSES[1], _PAUSES[0] + (time.monotonic() - began) / _SLOWER))


def table(manifest: "Manifest", sweep: "Overview") -> list[str]:
    """The lines of the table; the last says how many runs are done."""
    lines = [heading(manifest.name)]
    for status in sweep.runs:
        lines.append(row(status.job.folder, _summary(status), _left(status)))
        lines += _why(status)
    if any(
        status.run is not None and status.run.record is not None and status.run.record.role == "control"
        for status in sweep.runs
    ):
        lines.append(CONTROL_NOTE)
    if sweep.trouble:
        lines.append(f"the queue is not known here: {sweep.trouble}")
    kinds = {device.partition(" ")[2] for status in sweep.runs for device in _devices(status)}
    if len(kinds) > 1:
        lines.append(f"runs on different devices are alike up to rounding only: {', '.join(sorted(kinds))}")
    lines.append(f"{sweep.done} of {len(sweep.runs)} runs are done")
    return lines


def onward(folder: Path, manifest: "Manifest", sweep: "Overview") -> str:
    """The command that comes next, for stderr; none after a look of `eqntk decide`, which goes on by itself."""
    if sweep.done == len(sweep.runs):
        return "" if manifest.looks else f"the report: eqntk compare-runs {shown(folder)}\n"
    if not sweep.active:
        return f"go on with: {again(folder, manifest)}\n"
    return ""


def again(folder: Path, manifest: "Manifest") -> str:
    """The command that goes on with a sweep."""
    return f"eqntk {'decide' if manifest.looks else 'sweep --resume'} {shown(folder)}"


def shown(folder: Path) -> str:
    """A folder as it can be typed."""
    return shlex.quote(str(folder))


def _summary(status: "RunStatus") -> Any:
    from dataclasses import replace

    from eqntk_cli.runs.listing import RunSummary

    if status.run is None:
        return RunSummary(Path(status.job.folder), status.state, None)
    return replace(status.run, state=status.state)


def _left(status: "RunStatus") -> str:
    return "" if status.seconds_left is None else f"{duration(status.seconds_left)} left"


def _why(status: "RunStatus") -> list[str]:
    """Why a run waits or has ended, and where its log is."""
    if status.state == "done" or not (status.reason or status.log):
        return []
    parts = [status.reason] if status.reason else []
    lines = [f"    {' '.join(' '.join(parts).split())}"] if parts else []
    return lines + ([f"    log: {status.log}"] if status.log is not None else [])


def _devices(status: "RunStatus") -> list[str]:
    return [] if status.run is None or status.run.record is None else status.run.record.devices


class _Screen:
    """A table that is redrawn on a terminal; elsewhere a line whenever the counts change."""

    def __init__(self) -> None:
        self._live: Any = None
        self._said = ""

    def __enter__(self) -> "_Screen":
        if sys.stdout.isatty():
            from rich.live import Live

            self._live = Live(auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def draw(self, lines: list[str], counts: str) -> None:
        """Show what was found."""
        if self._live is not None:
            from rich.text import Text

            self._live.update(Text("\n".join(lines)), refresh=True)
        elif counts != self._said:
            self._said = counts
            sys.stderr.write(counts + "\n")
            sys.stderr.flush()
