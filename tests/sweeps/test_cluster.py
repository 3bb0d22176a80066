import pytest
import yaml

from eqntk_cli.config.yaml_files import conf_dir
from eqntk_cli.errors import ConfigError
from eqntk_cli.sweeps.cluster import Resources, cluster_names, described, kind_of, read_resources

SHIPPED = sorted(file.stem for file in (conf_dir() / "cluster").glob("*.yaml"))


@pytest.fixture
def own(tmp_path):
    """A folder of the user's with a cluster file of the given text."""

    def write(text, name="mine"):
        (tmp_path / "cluster").mkdir(exist_ok=True)
        (tmp_path / "cluster" / f"{name}.yaml").write_text(text)
        return str(tmp_path)

    return write


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_file_is_legal_for_every_kind(name):
    resources = read_resources(name, None, {})
    assert set(resources) == {"ensemble", "ntk"}


def test_the_default_fits_a_small_node():
    wanted = read_resources("default", None, {})["ensemble"]
    assert (wanted.cpus_per_task, wanted.mem_gb, wanted.gpus_per_node) == (2, 4, None)


def test_a_file_of_the_users_is_found_and_goes_before_the_programs(own):
    folder = own("# @package hydra.launcher\npartition: short\ntimeout_min: 10\nsetup: [module load cuda]\n")
    assert read_resources("mine", folder, {})["ntk"] == Resources(
        partition="short", timeout_min=10, setup=["module load cuda"]
    )
    own("partition: theirs\n", name="gpu")
    assert read_resources("gpu", folder, {})["ntk"].partition == "theirs"
    assert set(cluster_names(folder)) == {*SHIPPED, "mine"}


def test_a_kind_of_run_has_what_it_needs(own):
    folder = own("mem_gb: 4\nntk: {mem_gb: 32}\nensemble:\n  gpus_per_node: a100:1\n")
    resources = read_resources("mine", folder, {"timeout_min": "7", "ntk.cpus_per_task": "3"})
    assert (resources["ntk"].mem_gb, resources["ntk"].cpus_per_task, resources["ntk"].gpus_per_node) == (32, 3, None)
    assert (resources["ensemble"].mem_gb, resources["ensemble"].gpus_per_node) == (4, "a100:1")
    assert {resources[kind].timeout_min for kind in resources} == {7}
    assert [kind_of(name) for name in ("ntk", "gcnn_ensemble", "augmented_ensemble")] == ["ntk", "ensemble", "ensemble"]


def test_what_is_described_is_what_was_asked_for(own):
    resources = read_resources("mine", own("partition: short\nextra: {nice: 5}"), {})["ntk"]
    assert "partition=short" in described(resources)
    assert "extra={'nice': 5}" in described(resources)
    assert not any(line.startswith(("account", "deterministic", "setup")) for line in described(resources))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour: red", "colour is not a setting of a cluster; expected partition | account"),
        ("timeout_min: soon", "cluster.timeout_min: .*soon"),
        ("timeout_min: 0", "timeout_min=0 is not possible; expected a whole number of at least 1"),
        ("timeout_min: 1\nsignal_delay_s: 60", "below the time limit of 60"),
        ("memory_fraction: 1.5", "from above 0 to 1"),
        ("ntk: {colour: red}", "colour is not"),
        ("- 1", "is a list"),
        ("{", "is not yaml"),
    ],
)
def test_a_mistake_in_a_file_names_file_and_key(own, text, says):
    with pytest.raises(ConfigError, match=says):
        read_resources("mine", own(text), {})


def test_an_unknown_cluster_is_answered_with_the_known_ones(own):
    with pytest.raises(ConfigError, match="cloud is not known; expected cpu | default | gpu, or a file"):
        read_resources("cloud", None, {})
    with pytest.raises(ConfigError, match="expected cpu | default | gpu | mine"):
        read_resources("cloud", own("{}"), {})


def test_the_default_file_lists_every_key():
    listed = yaml.safe_load((conf_dir() / "cluster" / "default.yaml").read_text())
    assert set(listed) == {*Resources.__dataclass_fields__, "ensemble", "ntk"}
