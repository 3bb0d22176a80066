"""What makes up a run: the files without which its folder is not whole somewhere else."""

from pathlib import Path

from eqntk_cli.runs.folder import CONFIG_FILE, LOG_FILE
from eqntk_cli.runs.metrics_file import METRICS_FILE
from eqntk_cli.runs.record import RECORD_FILE
from eqntk_cli.runs.store import STORE


def own_files(folder: Path) -> list[Path]:
    """Settings, record, metrics, log and the whole store of predictions; neither the lock nor a mirror's own files."""
    single = [folder / name for name in (CONFIG_FILE, RECORD_FILE, METRICS_FILE, LOG_FILE)]
    store = sorted((folder / STORE).rglob("*"))
    return [path for path in [*single, *store] if path.is_file()]
