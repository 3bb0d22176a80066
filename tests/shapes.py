"""Shapes are checked while tests run: what an annotation such as Float[Array, "sample channel"] says must be so.

Only the annotations of arrays are checked, and of those the axes and the kind of number; the rest is the type checker's
business, and whether an array is numpy's or jax's is nobody's. One axis name stands for one size throughout a call, so
that a function which returns an axis of another length than it promises fails its test.
"""

import functools
import inspect
import operator
import os
import types
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jaxtyping
from beartype import beartype
from jaxtyping import AbstractArray

ROOMS = ("groups", "domains", "layers", "training")  # where every annotation is known to be so


def install() -> None:
    """Check the shapes of every function of these rooms, or of $EQNTK_SHAPES; before anything of them is imported."""
    rooms = os.environ.get("EQNTK_SHAPES", " ".join(ROOMS)).split()
    packages = ["eqntk_cli" if room == "all" else f"eqntk_cli.{room}" for room in rooms]
    jaxtyping.install_import_hook(packages, "tests.shapes.checked")


@contextmanager
def broken_on_purpose() -> Iterator[None]:
    """Where a test hands over an array of a wrong shape to see it refused by the function itself."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def checked(function: Callable) -> Callable:
    """The function with its annotations of arrays checked, and no others."""
    hints = {name: of_any_array(hint) for name, hint in function.__annotations__.items() if names_a_shape(hint)}
    if not hints:
        return function
    function.__annotations__ = hints
    return beartype(function)


def names_a_shape(hint: object) -> bool:
    """Whether an annotation is of an array with axes, or holds one: Float[Array, "n"] | None."""
    return is_shape(hint) or any(names_a_shape(part) for part in typing.get_args(hint))


def is_shape(hint: object) -> bool:
    """Whether an annotation is of one array."""
    return inspect.isclass(hint) and issubclass(hint, AbstractArray)


def of_any_array(hint: typing.Any) -> typing.Any:
    """The annotation for arrays of every library."""
    if is_shape(hint):
        return hint.dtype[typing.Any, hint.dim_str]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if not names_a_shape(hint) or origin is Callable:
        return hint
    parts = tuple(of_any_array(part) for part in parts)
    return functools.reduce(operator.or_, parts) if origin in (typing.Union, types.UnionType) else origin[parts]
