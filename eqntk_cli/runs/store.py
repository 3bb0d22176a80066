"""predictions.zarr: the predictions of a run with the names of their axes, opened by xarray.

Ensembles: `prediction` (member, step, element, sample, output), one chunk per block of members, NaN until the
block is written. Kernels: `mean` (kernel, step, sample, output) and `covariance` (kernel, step, sample, sample2).
Both: `target` (sample, output), for classification `label` (sample, label) with -1 where it is unknown, and
`input` (shown, ...), a few of the inputs, whose places among the samples are `shown`. Coordinates: step, element,
kernel and output by name, and `split` (train, test or ood) of each sample.

Names are stored in zarr's variable-length string type, which xarray opens without a warning. Chunks are not
compressed, so that the room they need is known before anything is computed.
"""

import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray
import zarr
from jaxtyping import Float, Int
from zarr.errors import ZarrUserWarning

from eqntk_cli.errors import StorageError
from eqntk_cli.files.atomic import disk_errors, flush
from eqntk_cli.files.digest import bytes_digest
from eqntk_cli.files.room import require_room
from eqntk_cli.runs.contents import STORE

BLOCKS = f"{STORE}/prediction/c/"  # the chunks of the predictions of members
ENSEMBLE_AXES = ("member", "step", "element", "sample", "output")
MEAN_AXES = ("kernel", "step", "sample", "output")
COVARIANCE_AXES = ("kernel", "step", "sample", "sample2")
_NAMES = np.dtypes.StringDType()
_DOUBLE = 8  # bytes: kernel predictions are kept in double precision
ROOM = ("the predictions", "ask for fewer members, samples or record_steps")


@dataclass(frozen=True)
class Points:
    """The evaluation points of a run, in the order train, test, ood, and what is known of them."""

    steps: tuple[int, ...]
    split: tuple[str, ...]  # per sample
    outputs: tuple[str, ...]
    target: Float[np.ndarray, "sample output"]
    label: Int[np.ndarray, "sample label"] | None = None
    shown: tuple[int, ...] = ()  # the samples whose inputs are kept for figures
    input: Float[np.ndarray, "shown ..."] | None = None


class EnsembleStore:
    """The predictions of an ensemble on the disk, written and read by blocks of members."""

    def __init__(self, folder: Path, array: zarr.Array) -> None:
        self._folder = folder
        self._array = array

    @classmethod
    def create(
        cls, folder: Path, points: Points, elements: tuple[str, ...], members: int, block_size: int, dtype: str
    ) -> "EnsembleStore":
        """An empty store in the run folder, in place of one that may be there.

        Raises:
            StorageError: there is no room for all members; nothing has been computed then.
        """
        samples, outputs = points.target.shape
        shape = (members, len(points.steps), len(elements), samples, outputs)
        chunks = (min(block_size, members), *shape[1:])
        require_room(folder, ensemble_bytes(shape, block_size, dtype), *ROOM)
        with disk_errors(folder):
            group = _new_group(folder)
            _array(group, "prediction", ENSEMBLE_AXES, shape, dtype, chunks)
            _named(group, "element", "element", elements)
            _write_points(group, points)
            _into_place(folder)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> "EnsembleStore":
        """The store of a run folder, for writing more blocks.

        Raises:
            StorageError: there is none, or it is damaged.
        """
        try:
            group = zarr.open_group(folder / STORE, mode="r+", use_consolidated=False)
            array = group["prediction"]
        except (FileNotFoundError, KeyError, ValueError) as error:
            raise StorageError(f"{folder / STORE} is missing or damaged ({error}); start a new run.") from error
        if not isinstance(array, zarr.Array):
            raise StorageError(f"{folder / STORE} holds no predictions of an ensemble; start a new run.")
        return cls(folder, array)

    @property
    def shape(self) -> tuple[int, ...]:
        """(member, step, element, sample, output)."""
        return self._array.shape

    @property
    def chunk(self) -> int:
        """Members that are stored together."""
        return int(self._array.chunks[0])

    @property
    def block_bytes(self) -> int:
        """What one block of members takes on the disk."""
        return int(np.prod(self._array.chunks)) * self._array.dtype.itemsize

    def write_block(self, start: int, values: Float[np.ndarray, "member step element sample output"]) -> str:
        """Write the members from `start` on, which must be in one chunk, and bring them to the disk.

        Members that share the chunk stay as they are: it is replaced as a whole.

        Returns:
            sha256 of the predictions as they are stored; the block counts once the record has it.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        stop = start + values.shape[0]
        values = np.ascontiguousarray(values, dtype=self._array.dtype)
        chunk = self._array.metadata.encode_chunk_key((start // self._array.chunks[0], 0, 0, 0, 0))
        with disk_errors(self._folder):
            self._array[start:stop] = values
            file = self._folder / STORE / self._array.path / chunk
            flush(file)
            flush(file.parent)
        return bytes_digest(values)

    def enlarge(self, members: int) -> None:
        """Make room for more members; those that are there stay as they are, and it can be done again at any time.

        Raises:
            StorageError: there is no room for them, or the disk cannot be written.
        """
        root = self._folder / STORE
        summary = zarr.open_group(root, mode="r")["prediction"]  # as the metadata of the whole store have it
        if self._array.shape[0] >= members and getattr(summary, "shape", None) == self._array.shape:
            return
        size = self._array.chunks[0]
        more = -(-members // size) - -(-self._array.shape[0] // size)
        require_room(self._folder, more * self.block_bytes, *ROOM)
        with disk_errors(self._folder):
            self._array.resize((max(members, self._array.shape[0]), *self._array.shape[1:]))
            _consolidate(root)
            for file in (root / self._array.path / "zarr.json", root / "zarr.json", root):
                flush(file)

    def read_block(self, start: int, stop: int) -> Float[np.ndarray, "member step element sample output"]:
        """The predictions of the members start, ..., stop - 1.

        Raises:
            StorageError: the chunk is damaged.
        """
        try:
            return np.asarray(self._array[start:stop])
        except (OSError, ValueError) as error:
            raise StorageError(f"{self._folder / STORE}: members {start}-{stop} are damaged ({error}).") from error


def ensemble_bytes(shape: tuple[int, int, int, int, int], block_size: int, dtype: str) -> int:
    """What the predictions of an ensemble, (member, step, element, sample, output), take on the disk: whole blocks."""
    block = min(block_size, shape[0])
    return -(-shape[0] // block) * block * int(np.prod(shape[1:])) * np.dtype(dtype).itemsize


def kernel_bytes(kernels: int, steps: int, samples: int, outputs: int, covariance: bool) -> int:
    """What the predictions of an infinite ensemble take on the disk."""
    return _DOUBLE * kernels * steps * samples * (outputs + (samples if covariance else 0))


def write_kernel_predictions(
    folder: Path,
    points: Points,
    kernels: tuple[str, ...],
    mean: Float[np.ndarray, "kernel step sample output"],
    covariance: Float[np.ndarray, "kernel step sample sample"] | None,
) -> None:
    """Write the mean and covariance of an infinite ensemble, whole or not at all.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    require_room(folder, mean.nbytes + (0 if covariance is None else covariance.nbytes), *ROOM)
    with disk_errors(folder):
        group = _new_group(folder)
        _array(group, "mean", MEAN_AXES, mean.shape, mean.dtype.str, (1, *mean.shape[1:]))[:] = mean
        if covariance is not None:
            chunks = (1, 1, *covariance.shape[2:])
            _array(group, "covariance", COVARIANCE_AXES, covariance.shape, covariance.dtype.str, chunks)[:] = covariance
        _named(group, "kernel", "kernel", kernels)
        _write_points(group, points)
        _into_place(folder)


def open_predictions(folder: Path) -> xarray.Dataset:
    """The predictions of a run, opened lazily; names are ordinary strings.

    Members that are not computed yet are NaN: which are complete stands in the record (`Record.done_members`).

    Raises:
        StorageError: there are none, or they are damaged.
    """
    try:
        data = xarray.open_zarr(folder / STORE, consolidated=False, chunks=None)
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise StorageError(f"{folder / STORE} is missing or damaged ({error}); make the run again.") from error
    names = {
        key: (coordinate.dims, np.array(coordinate.values.tolist()))
        for key, coordinate in data.coords.items()
        if coordinate.dtype == _NAMES
    }
    return data.assign_coords(names)


def clear_store(folder: Path) -> None:
    """Remove files that zarr had not finished when its process was killed; once nobody writes any more."""
    for path in (folder / STORE).rglob("*.partial"):
        path.unlink(missing_ok=True)


def _new_group(folder: Path) -> zarr.Group:
    beside = folder / f".{STORE}.tmp"
    shutil.rmtree(beside, ignore_errors=True)
    return zarr.open_group(beside, mode="w", zarr_format=3)


def _consolidate(store: Path) -> None:
    with warnings.catch_warnings():  # not in the format yet, but without it xarray warns who opens the store
        warnings.simplefilter("ignore", ZarrUserWarning)
        zarr.consolidate_metadata(store)


def _into_place(folder: Path) -> None:
    _consolidate(folder / f".{STORE}.tmp")
    shutil.rmtree(folder / STORE, ignore_errors=True)
    (folder / f".{STORE}.tmp").rename(folder / STORE)
    flush(folder)


def _array(
    group: zarr.Group,
    name: str,
    axes: tuple[str, ...],
    shape: tuple[int, ...],
    dtype: Any,
    chunks: tuple[int, ...] | None = None,
) -> zarr.Array:
    fill: Any = np.nan if np.dtype(dtype).kind == "f" else None
    per_sample: Mapping[str, str] = {"coordinates": "split"} if "sample" in axes else {}
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=chunks or tuple(max(side, 1) for side in shape),
        fill_value=fill,
        compressors=None,
        dimension_names=axes,
        attributes=dict(per_sample),
    )


def _named(group: zarr.Group, name: str, axis: str, values: tuple[str, ...]) -> None:
    group.create_array(name, data=np.array(values, dtype=_NAMES), dimension_names=(axis,))


def _write_points(group: zarr.Group, points: Points) -> None:
    _array(group, "step", ("step",), (len(points.steps),), "int64")[:] = np.array(points.steps)
    _named(group, "split", "sample", points.split)
    _named(group, "output", "output", points.outputs)
    _array(group, "target", ("sample", "output"), points.target.shape, "float64")[:] = points.target
    if points.label is not None:
        _array(group, "label", ("sample", "label"), points.label.shape, "int64")[:] = points.label
    if points.input is not None:
        axes = ("shown", *(f"axis{number}" for number in range(1, points.input.ndim)))
        _array(group, "input", axes, points.input.shape, "float32")[:] = points.input
        _array(group, "shown", ("shown",), (len(points.shown),), "int64")[:] = np.array(points.shown)
