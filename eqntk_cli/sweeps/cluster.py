"""What the jobs of a sweep ask a cluster for: conf/cluster/NAME.yaml, or a file of the user's, and `cluster.KEY=VALUE`.

The keys are flat and named as in submitit. Sections `ensemble` and `ntk` hold what one kind of run needs instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eqntk_cli.config.compose import one_line
from eqntk_cli.config.schema import require
from eqntk_cli.config.yaml_files import as_mapping, conf_dir, read_yaml
from eqntk_cli.errors import ConfigError

KINDS = ("ensemble", "ntk")
_GROUP = "cluster"


@dataclass
class Resources:
    """What one job asks for; None is the cluster's own default. Times in the unit of their name, memory in GB."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    timeout_min: int = 240
    cpus_per_task: int = 2
    mem_gb: float | None = None
    gpus_per_node: Any = None  # a number, or kind:number
    array_parallelism: int = 16
    signal_delay_s: int = 120
    max_num_timeout: int = 10
    setup: list[str] | None = None
    memory_fraction: float | None = None
    deterministic: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in ("timeout_min", "cpus_per_task", "array_parallelism"):
            require(getattr(self, key) >= 1, f"cluster.{key}", getattr(self, key), "a whole number of at least 1")
        require(self.mem_gb is None or self.mem_gb > 0, "cluster.mem_gb", self.mem_gb, "a positive number, or null")
        most = 60 * self.timeout_min
        legal = f"seconds from 0 to below the time limit of {most}"
        require(0 <= self.signal_delay_s < most, "cluster.signal_delay_s", self.signal_delay_s, legal)
        require(self.max_num_timeout >= 0, "cluster.max_num_timeout", self.max_num_timeout, "a number of at least 0")
        share = self.memory_fraction
        require(share is None or 0 < share <= 1, "cluster.memory_fraction", share, "a share from above 0 to 1, or null")


def kind_of(model: str) -> str:
    """The section of a cluster file that holds for a model."""
    return "ntk" if model == "ntk" else "ensemble"


def cluster_names(config_dir: str | None) -> tuple[str, ...]:
    """The clusters that are known: those that come with the program and those in a folder of the user's."""
    return tuple(sorted({file.stem for folder in _folders(config_dir) for file in folder.glob("*.yaml")}))


def read_resources(name: str, config_dir: str | None, given: Mapping[str, str]) -> dict[str, Resources]:
    """What every kind of run asks for on the cluster `name`, with `given` settings KEY=VALUE in place of the file's.

    A file of the user's goes before one of the program's.

    Raises:
        ConfigError: no such cluster, an unknown key, or a value of the wrong type or out of range.
    """
    path = _file(name, config_dir)
    settings = as_mapping(read_yaml(path), str(path))
    own = {kind: settings.pop(kind, None) or {} for kind in KINDS}
    for key, value in given.items():
        kind, dot, inner = key.partition(".")
        target, key = (own[kind], inner) if dot and kind in KINDS else (settings, key)
        target[key] = yaml.safe_load(value)
    return {kind: _resources(path, {**settings, **own[kind]}) for kind in KINDS}


def described(resources: Resources) -> list[str]:
    """The settings that differ from the cluster's own defaults, as `key=value`."""
    values = {setting.name: getattr(resources, setting.name) for setting in fields(resources)}
    return [f"{key}={value}" for key, value in values.items() if value not in (None, False, [], {})]


def _resources(path: Path, settings: Mapping[str, Any]) -> Resources:
    legal = [setting.name for setting in fields(Resources)]
    wrong = [key for key in settings if key not in legal]
    if wrong:
        raise ConfigError(f"{path}: {wrong[0]} is not a setting of a cluster; expected {' | '.join([*legal, *KINDS])}.")
    try:
        resources = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Resources), dict(settings)))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: cluster.{error.full_key}: {one_line(error).rstrip('.')}.") from error
    assert isinstance(resources, Resources)
    return resources


def _file(name: str, config_dir: str | None) -> Path:
    for folder in _folders(config_dir):
        if (folder / f"{name}.yaml").is_file():
            return folder / f"{name}.yaml"
    known = " | ".join(cluster_names(config_dir))
    own = "or a file cluster/NAME.yaml in --config-dir" if config_dir is None else f"of {config_dir}/cluster and conf/"
    raise ConfigError(f"--cluster {name} is not known; expected {known}, {own}.")


def _folders(config_dir: str | None) -> Sequence[Path]:
    own = [] if config_dir is None else [Path(config_dir) / _GROUP]
    return [*own, conf_dir() / _GROUP]
