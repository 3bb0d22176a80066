"""What was tried, kept on the disk trial by trial; and the tables that follow from it."""

import hashlib
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_COUNTED = ("eqntk_cli/**/*", "conf/**/*", "tests/crash/*", "experiments/digits_quick.yaml")


def version() -> str:
    """A digest of the program and of what kills it: trials of another version do not count."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _COUNTED for path in ROOT.glob(pattern)):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


class Journal:
    """Trials and controls, one line each, on the disk as soon as they have ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        self.entries: list[dict[str, Any]] = [json.loads(line) for line in lines if line.endswith("\n")]
        if lines and not lines[-1].endswith("\n"):  # killed itself
            path.write_text("".join(lines[:-1]), encoding="utf-8")

    @property
    def kills(self) -> int:
        """Kills that count."""
        return sum(entry["kills"] for entry in self.entries)

    @property
    def bad(self) -> list[dict[str, Any]]:
        """Trials that did not end with the same bits, and controls that did."""
        return [entry for entry in self.entries if (entry["verdict"] == "same") == (entry["control"] is not None)]

    def add(self, **entry: Any) -> None:
        """One more."""
        self.entries.append(entry)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def of(self, study: str, control: str | None = None) -> list[dict[str, Any]]:
        """The trials of a command, or its controls of one kind."""
        return [entry for entry in self.entries if entry["study"] == study and entry["control"] == control]
