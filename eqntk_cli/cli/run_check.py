"""`eqntk runs check` and `eqntk runs clean`: are finished runs as they were left, and failed ones away."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from eqntk_cli.runs.listing import RunSummary


def check_runs(runs: "list[RunSummary]") -> bool:
    """Print of every run what is not as it promised, and return whether all is.

    Runs that are not done promise nothing yet.
    """
    from eqntk_cli.runs.integrity import damages

    good = True
    for run in runs:
        if run.record is None:
            clauses = [run.error or "damaged"]
        else:
            clauses = damages(run.folder, run.record) if run.record.state == "done" else []
        good = good and not clauses
        for clause in clauses:
            typer.echo(f"{run.folder}: {clause}")
    done = sum(run.state == "done" for run in runs)
    others = f", {len(runs) - done} not done" if len(runs) > done else ""
    typer.echo(f"{done} finished run{'' if done == 1 else 's'} checked{others}" + (": all good" if good else ""))
    return good


def clean_runs(runs: "list[RunSummary]", kept: bool, yes: bool) -> None:
    """Remove failed runs after a question; those that keep members or kernels only with `kept`."""
    from shutil import rmtree

    from eqntk_cli.files.lock import held
    from eqntk_cli.runs.contents import LOCK_FILE

    failed = [run for run in runs if run.state == "failed"]
    going = [run for run in failed if kept or not _keeps(run)]
    for run in failed:
        what = f" ({_keeps(run)} kept)" if _keeps(run) else ""
        typer.echo(f"{'remove' if run in going else 'leave '} {run.folder}{what}: {run.error}")
    if len(going) < len(failed):
        typer.echo(f"{len(failed) - len(going)} keep results, which a resume uses; --kept removes them too.")
    if not going:
        typer.echo("nothing to remove")
        return
    if not yes and not typer.confirm(f"Remove {len(going)} of {len(failed)} failed runs?"):
        return
    for run in going:
        with held(run.folder / LOCK_FILE):
            rmtree(run.folder)
    typer.echo(f"removed {len(going)}")


def _keeps(run: "RunSummary") -> str:
    from eqntk_cli.runs.contents import KERNELS

    if run.record is not None and run.record.members_done:
        return f"{run.record.members_done} members"
    return "kernels" if (run.folder / KERNELS).exists() else ""
