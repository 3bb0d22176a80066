"""neural-tangents 0.6.5 as a yardstick: its plain convolutional kernel under a jax that it does not know any more.

The library's last release imports names that jax has moved or dropped, and tensorflow, which kernels do not need.
Those names are put back before the import, for this process only. To install it where it disturbs nothing:

    pip install --no-deps --target DIR neural-tangents==0.6.5 frozendict
"""

import importlib
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax._src.util
import jax.extend.core
import jax.interpreters.ad


def load(folder: Path) -> Any:
    """The module neural_tangents.stax from the folder that holds the package."""
    sys.path.insert(0, str(folder))
    for name in ("Jaxpr", "JaxprEqn", "Literal", "Var", "Primitive"):
        if name not in vars(jax.core):
            setattr(jax.core, name, getattr(jax.extend.core, name))
    jax.util = jax._src.util  # type: ignore[attr-defined]
    sys.modules["jax.util"] = jax._src.util
    jax.interpreters.ad.zeros_like_p = jax.extend.core.Primitive("zeros_like")  # type: ignore[attr-defined]
    for name in ("neural_tangents.experimental", "jax.experimental.jax2tf"):
        sys.modules[name] = types.ModuleType(name)
    return importlib.import_module("neural_tangents.stax")


def convolutional_kernel(
    stax: Any, filter_size: int, padding: str, gains: Sequence[float], biases: Sequence[float]
) -> Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
    """(x1, x2) -> (NNGP, NTK) of convolutions with ReLU, average pooling and a dense read-out, compiled."""
    layers = []
    for gain, bias in zip(gains[:-1], biases[:-1], strict=True):
        layers += [stax.Conv(1, (filter_size,) * 2, padding=padding, W_std=gain, b_std=bias), stax.Relu()]
    layers += [stax.GlobalAvgPool(), stax.Dense(1, W_std=gains[-1], b_std=biases[-1])]
    _, _, kernel = stax.serial(*layers)
    return jax.jit(lambda x1, x2: tuple(kernel(x1, x2, ("nngp", "ntk"))))
