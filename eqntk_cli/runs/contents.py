"""What lies in a run folder, by name; nothing is imported, so that lists of runs stay quick."""

from pathlib import Path

CONFIG_FILE = "config.yaml"
RECORD_FILE = "record.json"
METRICS_FILE = "metrics.csv"
LOG_FILE = "eqntk.log"
LOCK_FILE = ".lock"
TURN_FILE = ".turn"  # lock of the one among several tasks that changes the record
SHARED = "shards.partial"  # what tasks on one run leave for each other, until it is done
STORE = "predictions.zarr"
KERNELS = "kernels.partial"  # tiles of Gram matrices, until the run is done


def own_files(folder: Path) -> list[Path]:
    """Settings, record, metrics, log and the whole store of predictions; neither the lock nor a mirror's own files."""
    single = [folder / name for name in (CONFIG_FILE, RECORD_FILE, METRICS_FILE, LOG_FILE)]
    store = sorted((folder / STORE).rglob("*"))
    return [path for path in [*single, *store] if path.is_file()]
