"""A process made ready once, whose forked commands find all that is expensive: imports, programs, and their numbers.

A fork keeps no threads but its own, and XLA compiles and computes in threads. So every command is done once, and once
more broken off half-way and gone on with, before it is forked; what was compiled, trained and computed then is given
to its children in place of doing it again. A child that asks for anything else ends at once with NOT_READY. The files
of a child are written by the program itself, from these numbers. New interpreters compute theirs themselves.
"""

import contextlib
import hashlib
import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.crash.moments import STEPS, Moment, watch

NOT_READY = 75  # EX_TEMPFAIL of sysexits.h
_OF_FLAX = ("_id", "_state", "_parent_ref")  # of a module: other ones in every object


class Stopped(BaseException):
    """The end of a command that is done up to one step; nobody takes it for an error of theirs."""


class AtHome:
    """In the place of a function that works in the process that was made ready, and in none of its children."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self._home = function, os.getpid()

    def __call__(self, *given: Any, **named: Any) -> Any:
        if os.getpid() != self._home:
            os.write(2, f"not made ready: {getattr(self._function, '__qualname__', self._function)}\n".encode())
            os._exit(NOT_READY)
        return self._function(*given, **named)


class Recalled:
    """In the place of a function: what it returned in the process made ready, by `key` of its arguments."""

    def __init__(self, function: Callable[..., Any], key: Callable[..., Hashable]) -> None:
        self._function, self._key = AtHome(function), key
        self._known: dict[Hashable, Any] = {}

    def __call__(self, *given: Any, **named: Any) -> Any:
        key = self._key(*given, **named)
        if key not in self._known:
            self._known[key] = self._function(*given, **named)
        return self._known[key]


@dataclass(frozen=True)
class Picture:
    """In the place of the figure of a run's metrics: what is to be drawn."""

    rows: Any
    model: str


class Drawn:
    """In the place of to_bytes: pictures are drawn once."""

    def __init__(self, to_bytes: Callable[..., bytes], figure: Callable[..., Any]) -> None:
        self._to_bytes, self._figure = to_bytes, figure
        self._recalled = Recalled(self._draw, lambda picture, form: (repr(picture), form))

    def __call__(self, figure: Any, form: str) -> bytes:
        return self._recalled(figure, form) if isinstance(figure, Picture) else self._to_bytes(figure, form)

    def _draw(self, picture: Picture, form: str) -> bytes:
        return self._to_bytes(self._figure(picture.rows, picture.model), form)


class Models:
    """In the place of build_model: ensembles are built once for settings that differ in their members alone."""

    def __init__(self, build: Callable[..., Any]) -> None:
        self._build = Recalled(build, lambda config, *_: _but_members(config))
        self._build_kernel = build

    def __call__(self, config: Any, data: Any, grams: Any = None) -> Any:
        if config.model.name == "ntk":  # its tiles are on the disk
            return self._build_kernel(config, data, grams)
        return replace(self._build(config, data, grams), members=config.model.members)


def _but_members(config: Any) -> str:
    training = asdict(config.training) | {"step_size": None}  # on a resume it is that of the record: the same
    return repr(asdict(config) | {"model": asdict(config.model) | {"members": None}, "training": training})


def prepare() -> None:
    """Import the whole program, and put what recalls in the place of what compiles, trains and computes."""
    import eqntk_cli

    for module in pkgutil.walk_packages(eqntk_cli.__path__, "eqntk_cli."):
        importlib.import_module(module.name)
    for name in ("zarr", "xarray", "sklearn.datasets", "matplotlib.backends.backend_svg", "rich.console"):
        importlib.import_module(name)
    import jax
    from hydra.core.plugins import Plugins
    from jax._src.interpreters import mlir

    from eqntk_cli.config import compose
    from eqntk_cli.kernels.gram import program as tiles
    from eqntk_cli.models import registry
    from eqntk_cli.models.ensemble import FiniteEnsemble
    from eqntk_cli.report.paper import canvas, command_figures, drawing
    from eqntk_cli.runs import provenance

    Plugins.instance()
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    mlir.lower_jaxpr_to_module = AtHome(mlir.lower_jaxpr_to_module)
    _put(registry.build_model, Models(registry.build_model))
    _put(compose.compose, Recalled(compose.compose, lambda words, config_dir=None: (tuple(words), config_dir)))
    _put(canvas.to_bytes, Drawn(canvas.to_bytes, command_figures.metrics_figure))
    _put(command_figures.metrics_figure, Picture)
    _put(drawing.render, Recalled(drawing.render, lambda picture: (Path.cwd().parent.name, picture.name)))
    program = Recalled(partial(_trained, FiniteEnsemble._program), lambda model, first: (id(model.trainer), first))
    invariance = Recalled(FiniteEnsemble.invariance_error, lambda model: id(model._last))
    start = Recalled(tiles.TileProgram.start, lambda program, pairs: (id(program), _digest(pairs)))
    tiles.compile_tiles = Recalled(tiles.compile_tiles, lambda kernel, *sides: (_parts(kernel), _shapes(sides)))
    commit = Recalled(provenance.git_commit, lambda: None)
    commit()
    provenance.git_commit = commit
    FiniteEnsemble._program = lambda model, first, _: _handed(model, first, *program(model, first))
    FiniteEnsemble.invariance_error = lambda model: invariance(model)
    tiles.TileProgram.start = lambda program, pairs: start(program, pairs)


def _put(function: Any, other: Any) -> None:
    """Put `other` in the place of a function, in every module that knows it."""
    for module in list(sys.modules.values()):
        for name in [name for name, value in vars(module).items() if value is function]:
            setattr(module, name, other)


def _trained(program: Callable[..., Any], model: Any, first: int) -> tuple[Any, Any]:
    """The predictions of a program of members, and their parameters."""
    return program(model, first, lambda _: None), model._last


def _handed(model: Any, first: int, values: Any, last: Any) -> Any:
    model._kept, model._last = (first, values), last
    return values


def do_once(work: Callable[[], int], folder: Path, log: Path, stop_at: int | None = None) -> int | None:
    """Do the work in this process, so that its children find what it needs; or only up to one step."""
    before, real = Path.cwd(), {step: getattr(os, step) for step in STEPS}
    os.chdir(folder)
    try:
        with log.open("a") as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            if stop_at is not None:
                watch(folder, partial(_stop, stop_at))
            return work()
    except Stopped:
        return None
    finally:
        os.chdir(before)
        for step, function in real.items():
            setattr(os, step, function)


def _stop(number: int, moment: Moment, _: Path) -> None:
    if moment.number == number:
        raise Stopped


def _parts(value: Any) -> Any:
    """What a kernel is made of, by classes, names and numbers, without the addresses of its parts."""
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, list | tuple):
        return tuple(_parts(item) for item in value)
    if isinstance(value, dict):
        return tuple((str(key), _parts(item)) for key, item in value.items() if key not in _OF_FLAX)
    if hasattr(value, "tobytes"):
        return value.tobytes()
    return type(value).__qualname__, getattr(value, "__qualname__", ""), _parts(getattr(value, "__dict__", {}))


def _shapes(sides: Any) -> str:
    import jax

    return repr([(leaf.shape, leaf.dtype) if hasattr(leaf, "shape") else leaf for leaf in jax.tree.leaves(sides)])


def _digest(pairs: Any) -> str:
    import jax
    import numpy as np

    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(pairs):
        digest.update(f"{leaf.shape}{leaf.dtype}".encode() + np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()
