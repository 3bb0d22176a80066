"""Check, on real data, that augmented and equivariant ensembles share one mean.

The commands of `eqntk` as functions, and estimators that follow scikit-learn:

    kernel, predict                 NNGP and NTK of arrays; the infinite ensemble at any time
    NTKRegressor, NTKClassifier     the same as estimators
    train, sweep, compare           runs in folders, and the report on them
    open_run                        the predictions in a run folder as an xarray data set

Each is imported when it is used and not before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eqntk_cli.interface.estimators import NTKClassifier as NTKClassifier
    from eqntk_cli.interface.estimators import NTKRegressor as NTKRegressor
    from eqntk_cli.interface.kernels import Prediction as Prediction
    from eqntk_cli.interface.kernels import kernel as kernel
    from eqntk_cli.interface.kernels import predict as predict
    from eqntk_cli.interface.runs import compare as compare
    from eqntk_cli.interface.runs import open_run as open_run
    from eqntk_cli.interface.runs import sweep as sweep
    from eqntk_cli.interface.runs import train as train

__version__ = "0.1.0"

_WHERE = {
    "NTKClassifier": "estimators",
    "NTKRegressor": "estimators",
    "Prediction": "kernels",
    "kernel": "kernels",
    "predict": "kernels",
    "compare": "runs",
    "open_run": "runs",
    "sweep": "runs",
    "train": "runs",
}

__all__ = [*sorted(_WHERE)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_WHERE))}.")
    return getattr(import_module(f"{__name__}.interface.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
