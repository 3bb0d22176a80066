"""`eqntk kernel`: NNGP and NTK Gram matrices of arrays or of a data set, in one npz file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from eqntk_cli.cli.train import ConfigDir, Settings
from eqntk_cli.errors import ConfigError, DeviceMemoryError, StorageError

if TYPE_CHECKING:
    from eqntk_cli.config.schema import Config
    from eqntk_cli.interface.inputs import KernelInputs
    from eqntk_cli.kernels.gram.matrix import GramReport
    from eqntk_cli.kernels.pair.base import PairKernel

Split = Literal["train", "test", "ood"]
_ROUTES = ("auto", "collapsed", "recursion")
_GIB = 1 << 30


def kernel(
    out: Annotated[Path, typer.Option(help="The npz file to write, with the arrays nngp and ntk.")],
    settings: Settings = None,
    x1: Annotated[
        Path | None, typer.Option(help="npy file of the samples along the rows, (n1, H, W, C).", show_default=False)
    ] = None,
    x2: Annotated[
        Path | None, typer.Option(help="Samples along the columns; else those of --x1.", show_default=False)
    ] = None,
    rows: Annotated[Split, typer.Option(help="Without --x1: which samples of the data set along the rows.")] = "train",
    columns: Annotated[
        Split | None, typer.Option(help="The same for the columns; else those of --rows.", show_default=False)
    ] = None,
    targets: Annotated[
        Path | None, typer.Option(help="Write the targets of --rows of the data set here (npy).", show_default=False)
    ] = None,
    dtype: Annotated[
        Literal["float32", "float64"] | None,
        typer.Option(help="Numbers in the file; else the precision of the computation.", show_default=False),
    ] = None,
    memory: Annotated[
        float | None, typer.Option(help="GiB of memory for one tile on each device.", show_default=False)
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file at --out that holds the result of other settings.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what it cost, for programs.")] = False,
    config_dir: ConfigDir = None,
) -> None:
    """NNGP and NTK of all pairs of samples, of two arrays or of a data set (dataset=NAME).

    Without --x2 (or --columns) the matrix is square and exactly symmetric, ready for kernel="precomputed" in
    scikit-learn. Killed, it goes on where it was when the same command is run again; the tiles wait in OUT.partial.
    Started several times at once, the processes share the work.
    """
    from eqntk_cli.cli.going_on import say_loading

    say_loading()
    from eqntk_cli.config.compose import compose
    from eqntk_cli.interface.inputs import from_dataset

    if memory is not None and not memory > 0:
        raise ConfigError(f"--memory {memory:g} is not possible; expected a positive number of GiB.")
    _require_folder(out, targets)
    config = compose(_overrides(settings or []), config_dir)
    if config.model.route not in _ROUTES:
        raise ConfigError(f"route={config.model.route} is not possible for one kernel; expected {' | '.join(_ROUTES)}.")
    config.set_precision()
    if x1 is not None:
        if columns is not None or targets is not None or rows != "train":
            raise ConfigError("--rows, --columns and --targets choose from a data set; leave them out with --x1.")
        inputs = _from_files(config, x1, x2)
    elif x2 is not None:
        raise ConfigError("--x2 needs --x1; for a data set choose the columns with --columns.")
    else:
        inputs = from_dataset(config, rows, columns)
    if targets is not None:
        _save_targets(inputs, targets)
    pair, report = _computed(inputs, out, dtype, memory, force)
    _print_report(pair, report, out, as_json)


def _from_files(config: "Config", x1: Path, x2: Path | None) -> "KernelInputs":
    from eqntk_cli.interface.inputs import from_arrays
    from eqntk_cli.kernels.gram.archive import open_array

    columns = None if x2 is None else open_array(x2)
    return from_arrays(config, open_array(x1), columns, names=(str(x1), str(x2)))


def _save_targets(inputs: "KernelInputs", path: Path) -> None:
    """Write the targets of the samples along the rows, as `eqntk predict --targets` takes them."""
    import numpy as np

    from eqntk_cli.files.atomic import whole_file

    with whole_file(path) as file:  # numpy.save would add a suffix to the name
        np.save(file, inputs.targets)


def _overrides(settings: list[str]) -> list[str]:
    # here only one model has routes, so its name may be left out
    return [f"model.{word}" if word.startswith("route=") else word for word in settings]


def _require_folder(*files: Path | None) -> None:
    for file in files:
        if file is not None and not file.parent.is_dir():
            raise StorageError(f"there is no folder {file.parent} to write {file.name} in; make it first.")


def _computed(
    inputs: "KernelInputs", out: Path, dtype: str | None, memory: float | None, force: bool
) -> "tuple[PairKernel, GramReport]":
    from eqntk_cli.architectures.registry import pair_kernel
    from eqntk_cli.cli.going_on import going_on
    from eqntk_cli.groups.registry import get_group
    from eqntk_cli.kernels.gram.archive import ForeignResultError
    from eqntk_cli.kernels.gram.matrix import Engine, gram_file, tiles_folder
    from eqntk_cli.kernels.gram.store import ForeignTilesError
    from eqntk_cli.progress import Bar

    config = inputs.config
    pair = pair_kernel(config.architecture, get_group(config.group), inputs.domain, config.model.route)
    tiles = None if memory is None else int(memory * _GIB)
    try:
        with Bar("kernel", "pairs") as bar, going_on("go on by the same command.", tiles_folder(out)):
            engine = Engine(memory=tiles, precision=config.precision, progress=bar, say=bar.say)
            kind = dtype or config.precision
            report = gram_file(pair, inputs.x1, inputs.x2, out, _identity(config), kind, engine, replace=force)
    except ForeignResultError as error:
        raise StorageError(f"{error} --force replaces it.") from error
    except ForeignTilesError as error:
        raise StorageError(f"{error} Or choose another --out.") from error
    except DeviceMemoryError as error:
        raise ConfigError(f"{error} --memory says how many GiB a tile may need.") from error
    return pair, report


def _identity(config: "Config") -> dict[str, str]:
    """Everything that the numbers depend on besides the samples."""
    from dataclasses import asdict

    from eqntk_cli import __version__

    parts = {"architecture": asdict(config.architecture), "group": asdict(config.group)}
    flat = {f"{part}.{key}": value for part, values in parts.items() for key, value in values.items()}
    common = {"route": config.model.route, "precision": config.precision, "version": __version__}
    return {key: str(value) for key, value in {**flat, **common}.items()}


def _print_report(pair: "PairKernel", report: "GramReport", out: Path, as_json: bool) -> None:
    from eqntk_cli.kernels.gram.program import peak_bytes

    grid = report.grid
    shape = [grid.rows, grid.columns]
    if as_json:
        summary = {
            "pairs": report.pairs,
            "compile_s": report.compile_seconds,
            "compute_s": report.compute_seconds,
            "peak_bytes": peak_bytes(),
            "route": pair.route,
            "notes": [*pair.notes, *report.notes],
            "shape": shape,
            "pairs_from_before": report.pairs_kept,
            "tile": [grid.tile_rows, grid.tile_columns],
            "tile_bytes": report.bytes_per_tile,
            "devices": report.devices,
            "out": str(out),
        }
        typer.echo(json.dumps(summary))
        return
    rate = (report.pairs - report.pairs_kept) / max(report.compute_seconds, 1e-9)
    typer.echo(
        f"{out}: {shape[0]} x {shape[1]}, route {pair.route}, {report.compute_seconds:.1f} s ({rate:.3g} pairs per "
        f"second) after {report.compile_seconds:.1f} s of compiling"
    )
    for note in (*pair.notes, *report.notes):
        typer.echo(f"note: {note}")
