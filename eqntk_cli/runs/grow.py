"""Grow an ensemble: members are appended to a run, finished or not, as if it had been made for that many.

Members do not depend on how many there are, nor does the layout of the work, so that a grown run has the bits of one
that was made so from the start. What changes on the disk is, in this order: record.json (more members, no longer
done), config.yaml, and, when the run is gone on with, the shape of the store. The record is what decides. A run that
is killed between any two of these has its old members intact, and `settle` and the next session, which look at
the record alone, do the rest.
"""

from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf

from eqntk_cli.architectures.checks import check
from eqntk_cli.config.schema import Config
from eqntk_cli.errors import ConfigError, StorageError
from eqntk_cli.files.atomic import write_text
from eqntk_cli.files.lock import held
from eqntk_cli.runs.contents import CONFIG_FILE, LOCK_FILE, RECORD_FILE
from eqntk_cli.runs.continuation import Load, load_data, require_same_data, require_same_versions
from eqntk_cli.runs.folder import read_config
from eqntk_cli.runs.integrity import config_edited, damages, half_grown, settings_fingerprint
from eqntk_cli.runs.plan import read_plan, require_plan_unchanged
from eqntk_cli.runs.record import Record, read_record, write_record


def grow(folder: Path, members: int, load: Load | None = None) -> Path:
    """Make the run one for `members` members; `execute` or `resume` then computes those that are missing.

    Nothing is done where it is one for so many already, so that this can be called again after a kill. What would
    keep the new members from being computed is found before the run is touched.

    Returns:
        The folder.

    Raises:
        ConfigError: the run is no ensemble, has more members, or cannot have so many, also by its plan.
        DataError: its data cannot be read.
        StorageError: it or its plan was changed, versions or data are others, or another process is writing it.
    """
    record = read_record(folder)
    if record.members == members and half_grown(folder, record) is None:
        return folder  # also where several tasks are at work on it
    with held(folder / LOCK_FILE):
        _settle(folder)
        record, config = read_record(folder), read_config(folder)
        if record.members == members:
            return folder
        wanted = replace(config, model=replace(config.model, members=members))
        _require_more(folder, record, members)
        _require_planned(folder, record, members)
        check(wanted)
        _require_sound(folder, record)
        require_same_versions(folder, record)
        if record.fingerprint is not None:
            require_same_data(folder, record, (load or load_data)(config.dataset, config.architecture))
        settings = _with_members(folder, members)
        write_record(folder, replace(record.grown_to(members), config_fingerprint=settings_fingerprint(settings)))
        _write(folder, settings)
    return folder


def settle(folder: Path) -> None:
    """Bring config.yaml in line with the record of a run that was killed while it was grown; else do nothing.

    Raises:
        StorageError: another process is writing the run.
    """
    if (folder / RECORD_FILE).exists() and half_grown(folder, read_record(folder)) is not None:
        with held(folder / LOCK_FILE):  # after which another process may have done it
            _settle(folder)


def _settle(folder: Path) -> None:
    settings = half_grown(folder, read_record(folder))
    if settings is not None:
        _write(folder, settings)


def as_grown(folder: Path, config: Config) -> Config:
    """The settings with the members that the run has by now, if it was begun with these and grown since."""
    if not (folder / RECORD_FILE).exists():
        return config
    record = read_record(folder)
    if record.members is None or config.model.members not in record.grown:
        return config
    return replace(config, model=replace(config.model, members=record.members))


def _require_more(folder: Path, record: Record, members: int) -> None:
    if record.members is None:
        raise ConfigError(f"{folder} is a prediction of the kernel and has no members; only ensembles can be grown.")
    if members < record.members:
        raise ConfigError(
            f"model.members={members} is not possible here; {folder} is a run for {record.members} members, of which "
            f"none is taken away: expected more than {record.members}, or a new run."
        )


def _require_planned(folder: Path, record: Record, members: int) -> None:
    if record.plan is None:
        return
    require_plan_unchanged(folder, record.plan)
    plan = read_plan(folder.parent)
    if members > plan.members:
        raise ConfigError(
            f"model.members={members} is not possible; {folder} was begun under the plan beside it, which allows at "
            f"most {plan.members}: give that number or fewer, or make a new plan in a new folder."
        )


def _require_sound(folder: Path, record: Record) -> None:
    broken = damages(folder, record) if record.state == "done" else []
    if not broken and config_edited(folder, record):
        broken = [f"{CONFIG_FILE} was edited"]
    if broken:
        raise StorageError(
            f"{folder} cannot be grown: {', '.join(broken[:3])}; restore it from a copy, or make the run again in a "
            "new folder."
        )


def _with_members(folder: Path, members: int) -> DictConfig | ListConfig:
    """The settings as they stand in the file, with another number of members."""
    read_config(folder)  # says what is wrong with them
    settings = OmegaConf.load(folder / CONFIG_FILE)
    OmegaConf.update(settings, "model.members", members)
    return settings


def _write(folder: Path, settings: DictConfig | ListConfig) -> None:
    write_text(folder / CONFIG_FILE, OmegaConf.to_yaml(settings))
