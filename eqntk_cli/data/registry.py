"""Which loader reads which family of data sets.

A family is one line here. What it names is imported only when asked for, so that `eqntk data list` needs neither jax
nor scikit-learn.
"""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.entry import Entry
from eqntk_cli.errors import ConfigError

if TYPE_CHECKING:
    from eqntk_cli.data.bundle import DataBundle
    from eqntk_cli.data.source import ImageSource


@dataclass(frozen=True)
class Family:
    """The parts of a family, each as an importable `module:function`.

    `entries() -> list[Entry]` lists its data sets. A family of images has `source`: `open_source(dataset) ->
    ImageSource`; any other has `load(dataset, architecture) -> DataBundle`. `check(name, path)` looks into a file for
    what a wrong checksum does not say.
    """

    entries: str
    source: str | None = None
    load: str | None = None
    check: str | None = None


_HERE = "eqntk_cli.data"
FAMILIES: dict[str, Family] = {
    "medmnist": Family(
        f"{_HERE}.medmnist_table:entries", source=f"{_HERE}.medmnist:open_source", check=f"{_HERE}.medmnist:check"
    ),
    "digits": Family(f"{_HERE}.digits:entries", source=f"{_HERE}.digits:open_source"),
    "histology": Family(f"{_HERE}.histology:entries", source=f"{_HERE}.histology:open_source"),
    "qm9": Family(f"{_HERE}.molecule_entries:qm9", load=f"{_HERE}.qm9:load"),
    "molecules": Family(f"{_HERE}.molecule_entries:molecules", load=f"{_HERE}.molecules:load"),
}


def load_data(dataset: DatasetConfig, architecture: ArchitectureConfig) -> "DataBundle":
    """The data set as the run uses it.

    Raises:
        ConfigError: an unknown family or name, or more samples than there are.
        DataError: files that are missing or damaged.
    """
    family = _family(dataset)
    if family.load is not None:
        bundle: DataBundle = _imported(family.load)(dataset, architecture)
        return bundle
    from eqntk_cli.data.image_bundle import image_bundle  # needs jax, the rest of this file does not

    return image_bundle(dataset, open_images(dataset))


def open_images(dataset: DatasetConfig) -> "ImageSource":
    """The images of a data set as stored.

    Raises:
        ConfigError: an unknown data set, or one without images.
        DataError: files that are missing or damaged.
    """
    family = _family(dataset)
    if family.source is None:
        images = [name for name, known in FAMILIES.items() if known.source is not None]
        raise ConfigError(f"dataset {dataset.name} holds no images; expected one of the families {', '.join(images)}.")
    source: ImageSource = _imported(family.source)(dataset)
    return source


def check_file(entry: Entry, path: Path) -> None:
    """Look into a file for what its family demands of it, beyond the checksum.

    Raises:
        DataError: it is not what its description says.
    """
    check = FAMILIES[entry.family].check
    if check is not None:
        _imported(check)(entry.name, path)


def entries() -> list[Entry]:
    """Every data set of every family."""
    return [entry for family in FAMILIES.values() for entry in _imported(family.entries)()]


def find_entry(name: str, key: str = "dataset.name") -> Entry:
    """The entry of a data set by its name.

    Raises:
        ConfigError: no such name; says the nearest one.
    """
    known = {entry.name: entry for entry in entries()}
    if name not in known:
        raise ConfigError(unknown(key, name, known))
    return known[name]


def dataset_names() -> tuple[str, ...]:
    """The names of all data sets."""
    return tuple(entry.name for entry in entries())


def unknown(key: str, value: str, legal: Iterable[str]) -> str:
    """The message about a name that is not among the legal ones, with the nearest of them."""
    names = sorted(legal)
    near = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{key}={value} is unknown; {hint}Possible: {', '.join(names)}."


def _family(dataset: DatasetConfig) -> Family:
    if dataset.family not in FAMILIES:
        raise ConfigError(unknown("dataset.family", dataset.family, FAMILIES))
    family = FAMILIES[dataset.family]
    names = [entry.name for entry in _imported(family.entries)()]
    if dataset.name not in names:
        raise ConfigError(unknown("dataset.name", dataset.name, names))
    return family


def _imported(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function
