import pytest
from omegaconf import OmegaConf

from eqntk_cli.config.compose import compose, to_config
from eqntk_cli.config.keys import LEGAL_VALUES, groups, keys, legal_values
from eqntk_cli.errors import ConfigError

FILES = [(group, option) for group, options in groups().items() for option in options]


@pytest.mark.parametrize(("group", "option"), FILES)
def test_every_file_under_conf_composes(group, option):
    config = compose([f"{group}={option}"])
    part = getattr(config, group)
    if group in ("group", "architecture", "model"):
        assert part.name == option
    if group == "tracking":
        assert part.mode == option


def test_overrides_reach_the_objects_with_their_types():
    config = compose(["architecture=cnn", "architecture.filter=[3,1]", "architecture.W_std=[1.3,1.1,0.9]", "seed=7"])
    assert config.architecture.window == (3, 1)
    assert config.architecture.gains == (1.3, 1.1, 0.9)
    assert config.seed == 7
    assert config.dataset.powers == (2, 6)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("model.widht=3", "nearest is model.width"),
        ("width=3", "nearest is model.width"),
        ("modle=ntk", "nearest is model"),
        ("group=c44", "nearest is c4"),
        ("model.width=wide", "could not be converted to Integer"),
        ("model.members=1", "at least 2 members"),
        ("dataset.n_train=-4", "at least 1"),
        ("architecture.W_std=[1,2]", "3 numbers"),
        ("model.width=64,128", "eqntk sweep"),
        ("model", "KEY=VALUE"),
        ("architecture.filter=[3", "no viable alternative"),
        ("label=caf\udce9", r"label=caf\udce9 is no text in UTF-8"),  # the byte E9 as Python has it from a shell
    ],
)
def test_a_wrong_override_is_one_line_that_helps(override, says):
    with pytest.raises(ConfigError, match=".") as caught:
        compose([override])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_legal_word_is_taken_and_another_refused():
    default = compose([])
    for key, words in LEGAL_VALUES.items():
        assert key in keys()
        for word in words:
            changed = OmegaConf.structured(default)
            OmegaConf.update(changed, key, None if word == "null" else word)
            to_config(changed)
        OmegaConf.update(changed, key, "nonsense")
        with pytest.raises(ConfigError, match=f"{key}=nonsense is not possible; expected"):
            to_config(changed)


def test_switches_have_two_words_and_numbers_none():
    assert legal_values("training.centred") == ("true", "false")
    assert legal_values("model.width") == ()
    assert "ntk" in legal_values("model")


def test_options_from_a_folder_of_the_users(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "tiny.yaml").write_text("name: gcnn_ensemble\nwidth: 3\nmembers: 2\n")
    assert compose(["model=tiny"], str(tmp_path)).model.width == 3
    with pytest.raises(ConfigError, match="model=tiny is not known"):
        compose(["model=tiny"])
    with pytest.raises(ConfigError, match="is no folder"):
        compose([], str(tmp_path / "none"))
