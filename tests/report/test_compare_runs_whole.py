"""The whole way from run folders to the report, on simulated runs whose truth is known."""

import csv
import json
import sys
from pathlib import Path

import pytest
from simulated import World, write_study

from eqntk_cli.cli import app as cli


def test_from_run_folders_to_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    world = World(elements=("e", "r90", "r180", "r270"), steps=(0, 10, 100), unlike=1.5)
    study = write_study(tmp_path / "study", world, members=16)
    monkeypatch.setattr(sys, "argv", ["eqntk", "compare-runs", str(study), "--require", "equivalent"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1  # the means were planted apart
    assert "different" in capsys.readouterr().out
    report = study / "report"
    whole = json.loads((report / "report.json").read_text())
    assert whole["outcome"] == "different"
    name = whole["pairs"][0]["name"]
    kinds = ("distance", "trajectories", "variance", "invariance", "orbits", "members", "metrics")
    assert {f"figures/{name}-{kind}.pdf" for kind in kinds} <= set(whole["files"])
    page = (report / "report.html").read_text()
    assert all(f'id="{name}-{kind}"' in page for kind in kinds)
    assert "data:image/png" in page  # the images that the runs kept, turned
    with (report / "tables" / "steps.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "pair" and row["split"] == "test"]
    assert [float(row["rms_distance"]) for row in rows] == whole["pairs"][0]["test"]["rms_distance"]
