"""What a kernel is computed on: arrays, or the samples of a data set, with their domain.

Images are (n, H, W, C) for architecture=mlp and cnn; signals on the sphere (n, 2L, 2L-1, C), on the equiangular grid of
`eqntk_cli.domains.equiangular`, for architecture=spherical_mlp. Arrays enter as they are, without normalisation.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Shaped

from eqntk_cli.architectures.checks import check, check_network
from eqntk_cli.config.schema import Config
from eqntk_cli.errors import DataError

_SPHERICAL = "spherical_mlp"


@dataclass(frozen=True)
class KernelInputs:
    """Samples along rows and columns (`x2` None: the same), where they live, and the settings that go with them."""

    config: Config
    domain: Any
    x1: Any
    x2: Any
    targets: Any = None


def from_arrays(
    config: Config,
    x1: Shaped[np.ndarray, "..."],
    x2: Shaped[np.ndarray, "..."] | None = None,
    names: tuple[str, str] = ("x1", "x2"),
) -> KernelInputs:
    """The samples of one or two arrays, which messages call by these names.

    Raises:
        ConfigError: group and architecture do not go together.
        DataError: an array that is not a set of samples of this architecture.
    """
    given = [x1] if x2 is None else [x1, x2]
    arrays = [_samples(array, name, config.precision) for array, name in zip(given, names, strict=False)]
    shapes = [array.shape[1:] for array in arrays]
    if shapes[0] != shapes[-1]:
        raise DataError(
            f"the samples of {names[0]} have shape {shapes[0]}, those of {names[1]} {shapes[1]}; expected equal shapes."
        )
    spherical = config.architecture.name == _SPHERICAL
    config = replace(
        config, dataset=replace(config.dataset, name="arrays", kind="molecules" if spherical else "images")
    )
    where: Any
    if spherical:
        from eqntk_cli.domains.equiangular import to_coefficients
        from eqntk_cli.domains.sphere import Sphere

        arrays = [to_coefficients(array) for array in arrays]
        where = Sphere(bandlimit=shapes[0][0] // 2, channels=shapes[0][2])
        config = replace(config, architecture=replace(config.architecture, bandlimit=where.bandlimit))
    else:
        from eqntk_cli.domains.pixels import PixelGrid

        where = PixelGrid(*shapes[0])
    check_network(config)
    return KernelInputs(config, where, arrays[0], arrays[1] if x2 is not None else None)


def from_dataset(config: Config, rows: str, columns: str | None) -> KernelInputs:
    """Samples of the data set of the settings, by the names of their splits.

    Raises:
        ConfigError: settings that do not go together.
        DataError: files that are missing or damaged.
    """
    from eqntk_cli.data.registry import load_data

    check(config)
    data = load_data(config.dataset, config.architecture)
    other = None if columns in (None, rows) else getattr(data, f"{columns}_x")
    return KernelInputs(config, data.domain, getattr(data, f"{rows}_x"), other, getattr(data, f"{rows}_y"))


def _samples(array: np.ndarray, name: str, precision: str) -> np.ndarray:
    if array.ndim != 4:
        raise DataError(
            f"{name} holds an array of shape {array.shape}; expected four axes, (sample, height, width, channel) or "
            "(sample, theta, phi, channel). A single channel is added by x[..., None]."
        )
    if array.size == 0:
        raise DataError(f"{name} holds an array of shape {array.shape}, without any numbers; expected samples.")
    return array if np.issubdtype(array.dtype, np.floating) else array.astype(precision)
