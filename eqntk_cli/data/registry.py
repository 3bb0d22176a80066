"""Which loader reads which family of data sets.

A family is a module of `eqntk_cli.data.sources` with an object FAMILY; adding the module adds the family. Modules are
imported only when asked for, so that `eqntk data list` needs neither jax nor scikit-learn.
"""

import difflib
import pkgutil
from collections.abc import Iterable
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data import sources
from eqntk_cli.data.entry import Entry, Family
from eqntk_cli.errors import ConfigError

if TYPE_CHECKING:
    from eqntk_cli.data.bundle import DataBundle


@cache
def families() -> dict[str, Family]:
    """Every family by its name."""
    names = sorted(module.name for module in pkgutil.iter_modules(sources.__path__))
    return {name: import_module(f"{sources.__name__}.{name}").FAMILY for name in names}


def load_data(dataset: DatasetConfig, architecture: ArchitectureConfig) -> "DataBundle":
    """The data set as the run uses it.

    Raises:
        ConfigError: an unknown family or name, or more samples than there are.
        DataError: files that are missing or damaged.

    Examples:
        >>> from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
        >>> sizes = {"n_train": 4, "n_test": 2, "n_ood": 0}
        >>> one, other = (
        ...     load_data(DatasetConfig("digits", "digits", split_seed=seed, **sizes), ArchitectureConfig("mlp"))
        ...     for seed in (0, 1)
        ... )
        >>> one.fingerprint()["all"] == other.fingerprint()["all"]  # another draw
        False
    """
    family = _family(dataset)
    source, others = family.open_source(dataset), partial(_open_other, dataset, family.kind)
    if family.kind == "molecules":
        from eqntk_cli.data.molecules.molecule_bundle import molecule_bundle  # needs jax, the rest of this file not

        return molecule_bundle(dataset, architecture, source, others)
    from eqntk_cli.data.images.image_bundle import image_bundle

    return image_bundle(dataset, source, others)


def check_file(entry: Entry, path: Path) -> None:
    """Look into a file for what its family demands of it, beyond the checksum.

    Raises:
        DataError: it is not what its description says.
    """
    families()[entry.family].check(entry.name, path)


def entries() -> list[Entry]:
    """Every data set of every family."""
    return [entry for family in families().values() for entry in family.entries()]


def find_entry(name: str, key: str = "dataset.name") -> Entry:
    """The entry of a data set by its name.

    Raises:
        ConfigError: no such name; says the nearest one.
    """
    known = {entry.name: entry for entry in entries()}
    if name not in known:
        raise ConfigError(unknown(key, name, known))
    return known[name]


def unknown(key: str, value: str, legal: Iterable[str]) -> str:
    """The message about a name that is not among the legal ones, with the nearest of them."""
    names = sorted(legal)
    near = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{key}={value} is unknown; {hint}Possible: {', '.join(names)}."


def _open_other(dataset: DatasetConfig, kind: str, image_size: int | None = None) -> Any:
    """The set that dataset.ood_dataset names, as it is stored.

    Raises:
        ConfigError: no name, that of the set itself, or of a set of another kind.
    """
    name = dataset.ood_dataset
    if name is None or name == dataset.name:
        possible = [entry.name for entry in entries() if families()[entry.family].kind == kind]
        raise ConfigError(
            f"dataset.ood=other_dataset with dataset.ood_dataset={name} is not possible; expected the name of another "
            f"data set of {kind}: {', '.join(other for other in possible if other != dataset.name)}."
        )
    family = find_entry(name, "dataset.ood_dataset").family
    root = dataset.root if family == dataset.family else None
    other = replace(dataset, name=name, family=family, root=root, url=None, exclude=None, image_size=image_size)
    return _of_kind(other, kind).open_source(other)


def _of_kind(dataset: DatasetConfig, kind: str) -> Family:
    family = _family(dataset)
    if family.kind != kind:
        legal = [name for name, known in families().items() if known.kind == kind]
        raise ConfigError(f"dataset {dataset.name} holds no {kind}; expected one of the families {', '.join(legal)}.")
    return family


def _family(dataset: DatasetConfig) -> Family:
    if dataset.family not in families():
        raise ConfigError(unknown("dataset.family", dataset.family, families()))
    family = families()[dataset.family]
    names = [entry.name for entry in family.entries()]
    if dataset.name not in names:
        raise ConfigError(unknown("dataset.name", dataset.name, names))
    return family
