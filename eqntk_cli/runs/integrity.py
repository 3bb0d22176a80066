"""What a run promises: that its settings, predictions and metrics are those that it recorded.

The record holds the fingerprint of the settings from the start, that of each block of members once it is on the disk,
and those of all other files once the run is done. Records of earlier programs hold less; what they do not promise is
not checked.
"""

import json
from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from eqntk_cli.errors import StorageError
from eqntk_cli.files.digest import bytes_digest, file_digest, text_digest
from eqntk_cli.runs.contents import CONFIG_FILE, LOG_FILE, RECORD_FILE, own_files
from eqntk_cli.runs.folder import decisive
from eqntk_cli.runs.record import Block, Record
from eqntk_cli.runs.store import BLOCKS, EnsembleStore


def config_fingerprint(folder: Path) -> str | None:
    """The sha256 of the settings in config.yaml that predictions depend on; None if there are none to be read."""
    try:
        return settings_fingerprint(OmegaConf.load(folder / CONFIG_FILE))
    except (OSError, OmegaConfBaseException, YAMLError, UnicodeDecodeError):
        return None


def settings_fingerprint(settings: DictConfig | ListConfig) -> str:
    """The same of settings that were read from such a file."""
    return text_digest(json.dumps(sorted(decisive(OmegaConf.to_container(settings)).items()), default=str))


def config_edited(folder: Path, record: Record) -> bool:
    """Whether config.yaml is not the one that the run was begun with, as far as predictions depend on it."""
    return record.config_fingerprint is not None and config_fingerprint(folder) != record.config_fingerprint


def half_grown(folder: Path, record: Record) -> DictConfig | ListConfig | None:
    """The settings that config.yaml is to have if the run was killed while it was grown; None where it was not.

    The record is written first: it has more members, and the fingerprint of the settings with these.
    """
    if not record.grown or record.members is None or not config_edited(folder, record):
        return None
    try:
        settings = OmegaConf.load(folder / CONFIG_FILE)
        OmegaConf.update(settings, "model.members", record.members)
    except (OSError, OmegaConfBaseException, YAMLError, UnicodeDecodeError):
        return None  # whoever reads the settings says what is wrong with them
    return settings if settings_fingerprint(settings) == record.config_fingerprint else None


def file_fingerprints(folder: Path) -> dict[str, str]:
    """The sha256 of every file that is final once a run is done, by its path in the run folder.

    The settings and the blocks of members have fingerprints of their own; record and log go on being written.
    """
    paths = [path.relative_to(folder).as_posix() for path in own_files(folder)]
    final = [path for path in paths if path not in (CONFIG_FILE, RECORD_FILE, LOG_FILE) and not path.startswith(BLOCKS)]
    return {path: file_digest(folder / path) for path in final}


def damages(folder: Path, record: Record) -> list[str]:
    """What is not as the record promises, one clause each; empty where everything is."""
    clauses = []
    if not (folder / CONFIG_FILE).exists():
        clauses.append(f"{CONFIG_FILE} is missing")
    elif config_edited(folder, record):
        clauses.append(f"{CONFIG_FILE} was edited")
    for path, sha256 in (record.files or {}).items():
        if not (folder / path).is_file():
            clauses.append(f"{path} is missing")
        elif file_digest(folder / path) != sha256:
            clauses.append(f"{path} was changed")
    damaged = damaged_blocks(folder, record)
    return clauses + [f"the predictions of members {block.start}-{block.stop - 1} were changed" for block in damaged]


def damaged_blocks(folder: Path, record: Record) -> list[Block]:
    """The blocks of members that are not on the disk as they were written."""
    if not record.blocks_done:
        return []
    try:
        store = EnsembleStore.open(folder)
    except StorageError:
        return list(record.blocks_done)
    return [block for block in record.blocks_done if not _intact(store, block)]


def _intact(store: EnsembleStore, block: Block) -> bool:
    try:
        return bytes_digest(store.read_block(block.start, block.stop)) == block.sha256
    except StorageError:
        return False
