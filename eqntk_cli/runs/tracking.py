"""Weights & Biases, all of it: a mirror of the run folder that can be lost without losing anything.

Whatever goes wrong there (no key, no network, a broken installation) is said once and never ends a run. Offline
is the default where no key is configured; a run that is resumed is mirrored anew from its own metrics file, so
of several offline folders with one id only the newest needs to be synced.
"""

import netrc
import os
import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import urlparse

from eqntk_cli.config.schema import Config, TrackingConfig
from eqntk_cli.runs.record import Record

AVERAGED = "mean_of_members"  # of how many members a row has the metrics: those of a run that was grown are others
_MODES = ("online", "offline", "disabled")
_PATIENCE = 30.0  # seconds to wait for the server


class Tracker(Protocol):
    """What a run tells a tracking service."""

    @property
    def well(self) -> bool:
        """Whether everything so far was taken."""

    def known(self, name: str) -> int | None:
        """The last value of a number that the service has from an earlier session of the run; None: it has none."""

    def log(self, values: Mapping[str, Any]) -> None:
        """A row of numbers, with "step" or "members_done" among them as the x-axis."""

    def summary(self, values: Mapping[str, Any]) -> None:
        """Numbers about the run as a whole."""

    def page(self, name: str, page: Path) -> None:
        """A self-contained page with its figures (html)."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table."""

    def artifact(self, name: str, kind: str, folder: Path, files: Sequence[Path], fixed: Container[Path] = ()) -> None:
        """Files of a folder to keep with the run, under their paths relative to the folder.

        Those that are `fixed` change no more, and are not copied once more on this disk before they are sent.
        """

    def finish(self, succeeded: bool) -> None:
        """The end; nothing may be logged after it."""


class NullTracker:
    """The in-process stand-in: takes everything, keeps nothing; `well` is False where it stands for one that failed."""

    def __init__(self, well: bool = True) -> None:
        self.well = well

    def known(self, name: str) -> int | None:
        """None."""
        del name
        return None

    def log(self, values: Mapping[str, Any]) -> None:
        """Nothing."""

    def summary(self, values: Mapping[str, Any]) -> None:
        """Nothing."""

    def page(self, name: str, page: Path) -> None:
        """Nothing."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Nothing."""

    def artifact(self, name: str, kind: str, folder: Path, files: Sequence[Path], fixed: Container[Path] = ()) -> None:
        """Nothing."""

    def finish(self, succeeded: bool) -> None:
        """Nothing."""


class WandbTracker:
    """A run of Weights & Biases; after its first failure it is silent."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self._harmless = _Harmless()
        with self._harmless:
            run.define_metric(AVERAGED, hidden=True)
            for axis, names in (("step", ("train/*", "test/*", "ood/*")), ("members_done", ("progress/*",))):
                run.define_metric(axis, hidden=True)
                for name in names:
                    run.define_metric(name, step_metric=axis)

    @property
    def well(self) -> bool:
        """Whether nothing has failed."""
        return self._harmless.well

    def known(self, name: str) -> int | None:
        """The last value of a number that the service has; offline, where every session has a folder, None."""
        if self._harmless.well:
            with self._harmless:
                value = self._run.summary.get(name) if self._run.resumed else None
                return None if value is None else int(value)
        return None

    def log(self, values: Mapping[str, Any]) -> None:
        """A row of numbers, with "step" or "members_done" among them as the x-axis."""
        if self._harmless.well:
            with self._harmless:
                self._run.log(dict(values))

    def summary(self, values: Mapping[str, Any]) -> None:
        """Numbers about the run as a whole."""
        if self._harmless.well:
            with self._harmless:
                self._run.summary.update(dict(values))

    def page(self, name: str, page: Path) -> None:
        """A self-contained page with its figures (html)."""
        if self._harmless.well:
            with self._harmless:
                self._run.log({name: _wandb().Html(str(page))})

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table."""
        if self._harmless.well:
            with self._harmless:
                self._run.log({name: _wandb().Table(columns=list(columns), data=[list(row) for row in rows])})

    def artifact(self, name: str, kind: str, folder: Path, files: Sequence[Path], fixed: Container[Path] = ()) -> None:
        """Files of a folder to keep with the run, under their paths relative to the folder.

        Those that are `fixed` change no more, and are not copied once more on this disk before they are sent.
        """
        if self._harmless.well:
            with self._harmless:
                kept = _wandb().Artifact(name, type=kind)
                for file in files:
                    name_there, lasts = file.relative_to(folder).as_posix(), file in fixed
                    policy = "immutable" if lasts else "mutable"
                    kept.add_file(str(file), name=name_there, policy=policy, skip_cache=lasts)
                self._run.log_artifact(kept)

    def finish(self, succeeded: bool) -> None:
        """The end, tried even after a failure: else the next run in this process would be given this one."""
        with self._harmless:
            self._run.finish(exit_code=0 if succeeded else 1)


def tracking_mode(mode: str) -> str:
    """What tracking.mode means here: auto is $WANDB_MODE if set, else online with a key and offline without one."""
    if mode != "auto":
        return mode
    asked = os.environ.get("WANDB_MODE", "")
    if asked in _MODES:
        return asked
    return "online" if _key_configured() else "offline"


def track_run(config: Config, record: Record, folder: Path) -> Tracker:
    """The tracker of one run, mirrored under its run id."""
    tags = (config.dataset.name, config.group.name, config.model.name, config.role, *config.tracking.tags)
    return _start(config.tracking, folder, "train", asdict(config), record.run_id, folder.name, tags)


def report_artifact(
    tracking: TrackingConfig,
    folder: Path,
    summary: Mapping[str, Any],
    tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence[Any]]]],
) -> None:
    """Mirror a comparison: its summary, tables (columns and rows), pages with all figures, and files of its folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    files = [path for path in files if "wandb" not in path.relative_to(folder).parts]  # an earlier mirror's own files
    tracker = _start(tracking, folder, "compare-runs", dict(summary), None, folder.name, ("report",))
    try:
        tracker.summary(summary)
        for name, (columns, rows) in tables.items():
            tracker.table(name, columns, rows)
        for page in (path for path in files if path.suffix == ".html"):
            tracker.page(page.stem, page)
        tracker.artifact(f"report-{folder.name}", "report", folder, files)
    finally:
        tracker.finish(succeeded=True)


class _Harmless:
    """A context in which nothing that goes wrong reaches the run; the first trouble is said, the rest is not."""

    def __init__(self) -> None:
        self.well = True

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if kind is None or not issubclass(kind, Exception):
            return False  # Ctrl-C is not an error of the tracking service
        if self.well:
            said = str(error).splitlines()[0] if str(error) else kind.__name__
            sys.stderr.write(
                f"Weights & Biases is left out from here on ({said}); the run goes on and its folder has everything. "
                "tracking.mode=disabled turns it off.\n"
            )
        self.well = False
        return True


def _start(
    tracking: TrackingConfig,
    folder: Path,
    job_type: str,
    config: dict[str, Any],
    run_id: str | None,
    name: str,
    tags: Sequence[str],
) -> Tracker:
    mode = tracking_mode(tracking.mode)
    if mode == "disabled":
        return NullTracker()
    harmless = _Harmless()
    with harmless:
        wandb = _wandb()
        settings = wandb.Settings(silent=True, console="off", save_code=False, disable_git=True, init_timeout=_PATIENCE)
        run = wandb.init(
            mode=mode,
            project=tracking.project,
            entity=tracking.entity,
            group=tracking.group,
            job_type=job_type,
            name=name,
            id=run_id,
            resume="allow" if run_id is not None else None,
            tags=[tag[:64] for tag in dict.fromkeys(tags)],
            dir=str(folder),
            config=config,
            settings=settings,
        )
        return WandbTracker(run)
    return NullTracker(well=False)


def _wandb() -> Any:
    import wandb  # takes more than a second, and a run with tracking.mode=disabled does not need it

    return wandb


def _key_configured() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    address = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    named = os.environ.get("NETRC")
    for path in [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]:
        try:
            if netrc.netrc(str(path)).authenticators(address) is not None:
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False
