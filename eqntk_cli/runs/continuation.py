"""Whether a run can be gone on with here and now: its files, versions, data, and the machine that it is on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.errors import StorageError
from eqntk_cli.runs import provenance
from eqntk_cli.runs.contents import KERNELS
from eqntk_cli.runs.integrity import damages
from eqntk_cli.runs.record import Record
from eqntk_cli.runs.session import devices

Load = Callable[[DatasetConfig, ArchitectureConfig], DataBundle]


def load_data(dataset: DatasetConfig, architecture: ArchitectureConfig) -> DataBundle:
    """The data from the registry of data sets, which is imported when it is needed."""
    from eqntk_cli.data.registry import load_data

    return load_data(dataset, architecture)


def require_intact(folder: Path, record: Record) -> None:
    """Check that a finished run still holds what it promised.

    Raises:
        StorageError: it does not.
    """
    broken = damages(folder, record)
    if broken:
        more = f" and {len(broken) - 3} more" if len(broken) > 3 else ""
        raise StorageError(
            f"{folder} was done, but {', '.join(broken[:3])}{more}; restore it from a copy, or make the run again in "
            "a new folder."
        )


def require_same_versions(folder: Path, record: Record) -> None:
    """Check that what is still to be computed would be alike to what there is, to the last digit.

    Raises:
        StorageError: a library that decides digits has another version than the run was begun with.
    """
    now = provenance.versions()
    differing = [name for name in provenance.DECISIVE if record.versions.get(name) != now.get(name)]
    done = _done(record, folder)
    if done is not None and differing:
        said = ", ".join(f"{name} {record.versions.get(name)}, now {now.get(name)}" for name in differing)
        raise StorageError(
            f"{folder} was begun with {said}; its {done[0]} would not be alike to the last digit. "
            "Install what it was begun with, or start a new run."
        )


def require_same_data(folder: Path, record: Record, data: DataBundle) -> None:
    """Check that the data are those that the run was begun with, if they are on record.

    Raises:
        StorageError: the run was begun with other data.
    """
    now, before = data.fingerprint(), record.fingerprint
    if before is not None and before != now:
        changed = ", ".join(split for split in now if split != "all" and now[split] != before.get(split))
        raise StorageError(
            f"{folder} was begun with other data (the {changed} samples differ); "
            "point dataset.root to the files it was begun with, or start a new run."
        )


def on_this_machine(folder: Path, record: Record) -> Record:
    """The record with the devices and the commit of this session; others than before are noted."""
    here, commit, done = devices(), provenance.git_commit(), _done(record, folder)
    pairs = ((", ".join(record.devices), ", ".join(here)), (f"commit {record.git_commit}", f"commit {commit}"))
    lines = [
        f"{done[1]} were computed with {now}, those before with {before}: alike up to rounding at best"
        for before, now in pairs
        if done is not None and before != now
    ]
    return replace(record, devices=here, git_commit=commit, notes=merged(record.notes, tuple(lines)))


def beside_others(folder: Path, record: Record, at_work: bool) -> Record:
    """The record of a run that tasks share, with the devices of this one among theirs; others may be `at_work`."""
    if not at_work and _done(record, folder) is None:
        return on_this_machine(folder, record)  # nothing was computed with those before
    others, commit = [device for device in devices() if device not in record.devices], provenance.git_commit()
    differing = [(", ".join(others), ", ".join(record.devices))] if others else []
    differing += [(f"commit {commit}", f"commit {record.git_commit}")] if commit != record.git_commit else []
    lines = [f"computed in part with {one}, in part with {two}: alike up to rounding at best" for one, two in differing]
    return replace(record, devices=[*record.devices, *others], notes=merged(record.notes, tuple(lines)))


def merged(notes: list[str], more: tuple[str, ...]) -> list[str]:
    """All notes, each once."""
    return list(dict.fromkeys([*notes, *more]))


def _done(record: Record, folder: Path) -> tuple[str, str] | None:
    """What earlier sessions have computed a part of, and how much; None where there is nothing."""
    if record.blocks_done:
        return "members", f"the members after the first {record.members_done}"
    return ("kernels", "the kernels after the first tiles") if (folder / KERNELS).exists() else None
