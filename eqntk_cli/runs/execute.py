"""Execute a run in its folder: check, load, build, compute, record; or go on with one that was broken off.

A folder that has a record is gone on with, whatever ended the last session (a cluster starts the same job
again in the same folder); a run that is done returns at once. With `model.shards` above one any number of processes may
do so at the same time: they share the work, and each returns when the run is done, whoever has done it.
"""

import shutil
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from eqntk_cli.architectures.checks import check
from eqntk_cli.config.checks import is_antithetic
from eqntk_cli.config.schema import Config
from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.errors import ConfigError, DataError, HeldError, StorageError
from eqntk_cli.files.atomic import make_folder
from eqntk_cli.models.base import EnsembleModel, KernelModel
from eqntk_cli.models.grams import Grams
from eqntk_cli.runs import provenance
from eqntk_cli.runs.access import Access, access
from eqntk_cli.runs.contents import CONFIG_FILE, KERNELS, RECORD_FILE, SHARED
from eqntk_cli.runs.continuation import (
    Load,
    beside_others,
    load_data,
    merged,
    on_this_machine,
    require_intact,
    require_same_data,
    require_same_versions,
)
from eqntk_cli.runs.ensemble import EnsembleRun
from eqntk_cli.runs.entries import discard_entries, with_entries
from eqntk_cli.runs.folder import as_begun, difference, read_config, write_config
from eqntk_cli.runs.grow import as_grown, settle
from eqntk_cli.runs.integrity import config_edited, config_fingerprint
from eqntk_cli.runs.kernel import KernelRun, discard_kernels, kept_kernels
from eqntk_cli.runs.mirror import Mirror
from eqntk_cli.runs.plan import plan_of_run, require_plan_unchanged
from eqntk_cli.runs.record import Record, read_record, write_record
from eqntk_cli.runs.session import Session, devices, moment

Build = Callable[[Config, DataBundle], EnsembleModel | KernelModel]


def execute(config: Config, folder: Path, load: Load | None = None, build: Build | None = None) -> Path:
    """Run `config` in `folder` to its end, from wherever an earlier session left it.

    `load` and `build` default to the registries of data sets and models.

    Returns:
        The folder.

    Raises:
        ConfigError: the settings cannot be run, or differ from those that the folder was begun with.
        DataError: the data cannot be read, or are not those that the folder was begun with.
        NumericalError: the training diverges.
        StorageError: the disk is full, the folder is damaged, or another process is writing it.
    """
    settle(folder)
    config = as_grown(folder, as_begun(folder, config))
    check(config)
    before = set(folder.iterdir()) if folder.is_dir() else None
    make_folder(folder)
    try:
        _execute(config, folder, load or load_data, build, before)
    except HeldError:  # the last task of a run that is done may be clearing up
        done = (folder / RECORD_FILE).exists() and read_record(folder).state == "done"
        if config.model.shards == 1 or not done or _begun(config, folder).state != "done":
            raise
    return folder


def _execute(config: Config, folder: Path, load: Load, build: Build | None, before: set[Path] | None) -> None:
    with access(folder, config.model.shards) as here:
        new = not (folder / RECORD_FILE).exists()
        try:
            _run_or_go_on(config, folder, load, build, here)
        except (ConfigError, DataError, StorageError):
            if new and not _keeps_something(folder) and here.last():
                _restore(folder, before)
            raise


def _run_or_go_on(config: Config, folder: Path, load: Load, build: Build | None, here: Access) -> None:
    with ExitStack() as opening:  # until it is closed, tasks that come to the same folder wait
        opening.enter_context(here.turn())
        record = _begin(config, folder, here)
        if record.state == "running":
            with Session(config, folder, record, here) as session:
                _run(session, load, build, opening)
    if record.state == "done" and here.shared and (folder / SHARED).is_dir():
        _complete_mirror(Mirror(config, folder, here.shared), record)
    if here.last():
        discard_kernels(folder)  # also for a session that was killed just before it did so
        discard_entries(folder)


def _complete_mirror(mirror: Mirror, record: Record) -> None:
    """Tell what a task was telling of a run that is done when it was killed."""
    succeeded = False
    try:
        mirror.complete(record)
        succeeded = True
    finally:
        mirror.close(succeeded)


def _keeps_something(folder: Path) -> bool:
    begun = (folder / RECORD_FILE).exists()
    return (folder / KERNELS).exists() or (begun and bool(with_entries(folder, read_record(folder)).blocks_done))


def _restore(folder: Path, before: set[Path] | None) -> None:
    """Leave nothing of a run that was refused: the folder is as it was, or not there if it was not (None)."""
    for path in [folder] if before is None else set(folder.iterdir()) - before:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def resume(folder: Path, load: Load | None = None, build: Build | None = None) -> Path:
    """Go on with the run in `folder`, with the settings that stand there.

    Raises:
        StorageError: it is not a run folder, or it is damaged.
    """
    settle(folder)
    return execute(read_config(folder), folder, load, build)


def _begin(config: Config, folder: Path, here: Access) -> Record:
    """The record to go on from, in state running; that of a run that is done as it is."""
    if not (folder / RECORD_FILE).exists():
        plan = plan_of_run(folder, config)
        write_config(folder, config)
        record = replace(_new_record(config), plan=plan, config_fingerprint=config_fingerprint(folder))
        write_record(folder, record)
        return record
    record = _begun(config, folder)
    if record.state == "done":
        return record
    if config_edited(folder, record):
        raise StorageError(f"{folder / CONFIG_FILE} was edited after the run began; restore it, or start a new run.")
    at_work = record.state == "running"  # else the last one to leave has said so
    record = with_entries(folder, record)  # of tasks that were killed
    require_same_versions(folder, record)
    changes = {"versions": provenance.versions(), "host": provenance.host(), "error": None, "stopped": None}
    record = record.moved_to("running", **changes)
    if not here.shared:
        return on_this_machine(folder, record)
    record = beside_others(folder, record, at_work)
    write_record(folder, record)  # the others read it there
    return record


def _begun(config: Config, folder: Path) -> Record:
    """The record of a run that was begun with `config`; a run that is done is intact."""
    record = read_record(folder)
    if record.plan is not None:
        require_plan_unchanged(folder, record.plan)
    if (folder / CONFIG_FILE).exists():
        changed = difference(read_config(folder), config)
        if changed is not None:
            raise ConfigError(f"{folder} was begun with other settings ({changed}); use those, or start a new run.")
    if record.state == "done":
        require_intact(folder, record)
    return record


def _new_record(config: Config) -> Record:
    ensemble = config.model.name != "ntk"
    cyclic = config.group.name == "cn" and config.group.order is not None
    return Record(
        run_id=uuid.uuid4().hex[:12],
        state="running",
        role=config.role,
        control=config.control,
        coupling=config.coupling,
        model=config.model.name,
        augmentation=config.model.augmentation if config.model.name == "augmented_ensemble" else None,
        group=f"c{config.group.order}z" if cyclic else config.group.name,
        dataset=config.dataset.name,
        architecture=asdict(config.architecture),
        training=asdict(config.training),
        seed=config.seed,
        precision=config.precision,
        started=moment(),
        label=config.label,
        haar_samples=_haar_samples(config),
        width=config.model.width if ensemble else None,
        members=config.model.members if ensemble else None,
        antithetic=is_antithetic(config),
        versions=provenance.versions(),
        git_commit=provenance.git_commit(),
        devices=devices(),
        host=provenance.host(),
        command=provenance.command(),
    )


def _haar_samples(config: Config) -> int | None:
    sampled = config.model.name == "augmented_ensemble" and config.model.augmentation == "haar"
    return config.model.haar_samples if sampled else None


def _settled(config: Config, record: Record) -> Config:
    """The settings with the step size on record, so that a resume does not work it out anew."""
    if record.step_size is None:
        return config
    return replace(config, training=replace(config.training, step_size=record.step_size))


def _run(session: Session, load: Load, build: Build | None, opening: ExitStack) -> None:
    """The whole run, or what other tasks leave of it; `opening` is closed as soon as these may come in."""
    config = session.config
    if session.record.blocks:
        opening.close()
    session.prepare("reading the data")
    data = load(config.dataset, config.architecture)
    _note_data(session, data)
    if config.model.name == "ntk":  # all tiles are shared, from the first
        opening.close()
    settled = _settled(config, session.record)
    session.prepare("preparing the model")
    model = build(settled, data) if build is not None else _build_model(session, settled, data)
    _note_model(session, model)
    work = _work(session, model, data)
    with session.turn():
        work.open()
    opening.close()
    session.mirror.follow(session.record)  # from here on the run is known to be possible
    while session.record.state == "running":
        work.compute()
        with session.turn():
            # the one that had the turn before may have found a block damaged
            if session.record.state == "running" and not session.record.missing_blocks():
                _conclude(session, work)
    if not session.concluded:
        session.say(f"done by another task: {session.folder}")
    session.mirror.complete(session.record, session.say if session.concluded else None)


def _work(session: Session, model: EnsembleModel | KernelModel, data: DataBundle) -> EnsembleRun | KernelRun:
    return EnsembleRun(session, model, data) if isinstance(model, EnsembleModel) else KernelRun(session, model, data)


def _conclude(session: Session, work: EnsembleRun | KernelRun) -> None:
    """What one task does when all parts are there; nothing is done if a part is found damaged."""
    if not work.conclude():
        return
    session.mirror.conclude(session.record)
    session.finish()


def _note_data(session: Session, data: DataBundle) -> None:
    """Enter the data into the record.

    Raises:
        StorageError: the run was begun with other data.
    """
    require_same_data(session.folder, session.record, data)
    with session.turn():
        if session.record.state == "done":
            return
        record = replace(session.record, fingerprint=data.fingerprint(), task=data.task, target=asdict(data.target))
        session.save(replace(record, notes=merged(record.notes, data.notes)))


def _note_model(session: Session, model: EnsembleModel | KernelModel) -> None:
    """Enter into the record what the model decided.

    Raises:
        StorageError: the run was begun with other recorded steps or members.
    """
    size, limit = float(model.step_size), model.stability_limit  # which may take kernels
    record = session.record
    steps = [int(step) for step in model.record_steps]
    members = model.members if isinstance(model, EnsembleModel) else None
    if record.blocks_done and (steps != record.record_steps or members != record.members):
        raise StorageError(f"{session.folder} was begun with other record_steps or members; start a new run.")
    with session.turn():
        if session.record.state == "done":
            return
        record = replace(session.record, record_steps=steps, members=members, step_size=size)
        limit = None if limit is None else float(limit)
        session.save(replace(record, stability_limit=limit, notes=merged(record.notes, model.notes)))


def _build_model(session: Session, config: Config, data: DataBundle) -> EnsembleModel | KernelModel:
    from eqntk_cli.models.registry import build_model

    return build_model(config, data, kept_kernels(session) if config.model.name == "ntk" else Grams(say=session.note))
