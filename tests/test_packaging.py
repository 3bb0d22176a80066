"""What is handed out: the wheel holds the settings and experiments, and no file names where packages come from."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from eqntk_cli import __version__
from eqntk_cli.config import yaml_files

ROOT = Path(__file__).resolve().parents[1]
# addresses of package registries and their mirrors, whatever their name
REGISTRY = re.compile(
    r"https?://[^\s\"']*(/simple\b|pypi|artifactory|nexus)|index-url\s*=|find-links\s*=", re.IGNORECASE
)
TEXT = (".py", ".toml", ".txt", ".md", ".yaml", ".yml", ".cfg", "Makefile", "run")


def tracked_files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if name.endswith(TEXT) and (ROOT / name).is_file()]


def test_no_file_names_a_registry():
    files = [file for file in tracked_files() if file != Path(__file__).resolve()]
    wrong = [str(file) for file in files if REGISTRY.search(file.read_text(encoding="utf-8"))]
    assert wrong == []
    assert REGISTRY.search("--index-url = https://mirror.example/simple")


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["dev"], *extras["docs"]]
    names = {re.split(r"[\[<>=;! ]", one, maxsplit=1)[0].lower() for one in asked}
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert names - pinned == set()


def test_hooks_before_a_commit_are_the_steps_of_ci():
    makefile = (ROOT / "Makefile").read_text()
    steps = re.search(r"^check: ([a-z -]+?)  ##", makefile, re.MULTILINE).group(1).split()
    assert steps == ["lint", "format", "types", "test"]
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"  # nothing to fetch, and the versions of the environment
    assert [hook["entry"] for hook in repository["hooks"]] == [f"make {step}" for step in steps]
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "make check"


def test_every_target_of_the_makefile_is_in_its_help():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE).group(1).split()
    helped = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout  # a make above this one (make check) would have its folder printed
    assert {line.split()[0] for line in helped.splitlines()} == set(targets)


def test_the_linear_algebra_of_tests_has_one_thread():
    """Small matrices with a thread per core cost ten times the time where all cores have work."""
    import scipy.linalg  # noqa: F401  has a library of its own
    from threadpoolctl import threadpool_info

    assert {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"} == {1}


def test_the_citation_names_this_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == __version__
    assert citation["license"] == project["license"]
    assert {"title", "authors", "message", "cff-version"} <= set(citation)


def test_the_folders_are_found_in_a_checkout_and_in_a_wheel(tmp_path, monkeypatch):
    assert yaml_files.conf_dir() == ROOT / "conf"
    (tmp_path / "eqntk_cli" / "conf").mkdir(parents=True)
    monkeypatch.setattr(yaml_files, "_PACKAGE", tmp_path / "eqntk_cli")
    assert yaml_files.conf_dir() == tmp_path / "eqntk_cli" / "conf"
    assert yaml_files.experiments_dir() == tmp_path / "experiments"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_runs_from_an_empty_folder(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    (tmp_path / "empty").mkdir()
    code = (
        "import sys, eqntk_cli; from eqntk_cli.cli.app import main; assert 'installed' in eqntk_cli.__file__; "
        "sys.argv = ['eqntk', 'sweep', 'experiment=digits_quick', '--dry-run']; main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, cwd=tmp_path / "empty", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "5 runs, all settings legal" in done.stdout
    assert list((tmp_path / "empty").iterdir()) == []


def test_the_wheel_holds_settings_and_experiments(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("conf", "experiments"):
        here = {f"eqntk_cli/{file.relative_to(ROOT).as_posix()}" for file in (ROOT / folder).rglob("*.yaml")}
        assert here
        assert here <= inside
    assert [name for name in inside if "/experiments/results/" in name] == []
    assert {name.split("/")[0] for name in inside} == {
        "eqntk_cli",
        wheel.name.replace("-py3-none-any.whl", ".dist-info"),
    }
