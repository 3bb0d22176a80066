import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.registry import entries, families, find_entry, load_data
from eqntk_cli.errors import ConfigError

CONF = Path(__file__).parents[2] / "conf" / "dataset"
MLP = ArchitectureConfig(name="mlp")


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"dataset.name=brestmnist is unknown; did you mean breastmnist\?"):
        load_data(DatasetConfig(name="brestmnist", family="medmnist"), MLP)
    with pytest.raises(ConfigError, match=r"dataset.family=medmist is unknown; did you mean medmnist\?"):
        load_data(DatasetConfig(name="breastmnist", family="medmist"), MLP)
    with pytest.raises(ConfigError, match="nothing-like-it is unknown; Possible"):
        find_entry("nothing-like-it")


def test_a_name_of_another_family_is_refused():
    with pytest.raises(ConfigError, match="dataset.name=digits is unknown"):
        load_data(DatasetConfig(name="digits", family="medmnist"), MLP)


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_settings_file_names_a_known_set(path):
    settings = yaml.safe_load(path.read_text())
    settings.pop("defaults", None)
    assert settings["name"] == path.stem
    assert find_entry(path.stem).family == settings["family"]
    assert DatasetConfig(**settings).kind == families()[settings["family"]].kind


def test_every_known_set_has_a_settings_file():
    assert {path.stem for path in CONF.glob("*.yaml")} >= {entry.name for entry in entries()} - {"qm9", "molecules"}
    assert {find_entry(entry.name).family for entry in entries()} == set(families())


def test_listing_needs_no_heavy_package():
    code = (
        "import sys; from eqntk_cli.data.catalogue import stock; stock();"
        "heavy = {'jax', 'sklearn', 'scipy', 'medmnist', 'torch', 'pandas', 'requests'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CONF.parents[1], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
