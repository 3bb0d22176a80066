"""`eqntk predict`: mean and covariance of the infinite ensemble over training time, from Gram matrices."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from eqntk_cli.errors import ConfigError, DiskError, StorageError

if TYPE_CHECKING:
    from eqntk_cli.interface.kernels import Prediction


def predict(
    train: Annotated[Path, typer.Option(help="npz file of `eqntk kernel`, train x train.")],
    cross: Annotated[Path, typer.Option(help="npz file of `eqntk kernel`, test x train.")],
    targets: Annotated[Path, typer.Option(help="npy file of the training targets, (train, output).")],
    out: Annotated[Path, typer.Option(help="The npz file to write: mean (time, test, output), covariance, times.")],
    test: Annotated[
        Path | None,
        typer.Option(help="npz file, test x test; then the covariance is written, too.", show_default=False),
    ] = None,
    steps: Annotated[
        str | None, typer.Option(help="Numbers of steps, such as 1,10,100,inf.", show_default=False)
    ] = None,
    step_size: Annotated[float | None, typer.Option(help="Size of these steps.", show_default=False)] = None,
    time: Annotated[
        str | None, typer.Option(help="Times of gradient flow instead, such as 0.5,5,inf.", show_default=False)
    ] = None,
    kernel: Annotated[
        Literal["ntk", "nngp"], typer.Option(help="ntk: all weights are trained; nngp: only the read-out.")
    ] = "ntk",
    ridge: Annotated[
        float, typer.Option(help="Added to the diagonal of the kernel, in its units; for nngp the noise variance.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is known of the kernel, for programs.")] = False,
) -> None:
    """Mean and covariance of the infinitely wide ensemble at given training times, for the loss 1/(2N) sum |f - y|^2.

    The ridge R is a weight decay R/(2N) |theta - theta_0|^2 towards the initialisation. With --kernel nngp it is also
    the variance of noise on the targets, so that --time inf gives the posterior of the Gaussian process.
    """
    from eqntk_cli.cli.going_on import say_loading

    say_loading()
    from eqntk_cli.interface import kernels
    from eqntk_cli.kernels.gram.archive import open_array, read_gram

    clock = _clock(steps, step_size, time)
    if not out.parent.is_dir():
        raise StorageError(f"there is no folder {out.parent} to write {out.name} in; make it first.")
    of_test = None if test is None else read_gram(test)
    prediction = kernels.predict(
        read_gram(train), read_gram(cross), open_array(targets), test=of_test, kernel=kernel, ridge=ridge, **clock
    )
    _save(out, prediction)
    _print_spectrum(prediction.spectrum, out, as_json)


def _clock(steps: str | None, step_size: float | None, time: str | None) -> dict[str, Any]:
    if (steps is None) == (time is None):
        raise ConfigError(
            "give either --steps with --step-size, or --time; for example --steps 1,10,100 --step-size 0.1."
        )
    if steps is not None:
        if step_size is None:
            raise ConfigError("--steps needs --step-size; the stability limit 2N/lambda_max is printed by --time 0.")
        return {"steps": _numbers(steps, "--steps"), "step_size": step_size}
    if step_size is not None:
        raise ConfigError("--step-size belongs to --steps; leave it out with --time, which is gradient flow.")
    return {"time": _numbers(time or "", "--time")}


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"{option} {text} is not possible; expected numbers with commas, such as 1,10,inf."
        ) from error


def _save(out: Path, prediction: "Prediction") -> None:
    import numpy as np

    from eqntk_cli.files.atomic import whole_file

    arrays = {"mean": prediction.mean, "covariance": prediction.covariance, "times": prediction.times}
    kept = {name: array for name, array in arrays.items() if array is not None}
    try:
        with whole_file(out) as file:
            np.savez(file, allow_pickle=False, **kept, **prediction.spectrum)
    except DiskError as error:
        raise StorageError(f"{error} Then run the same command again, or choose another --out.") from error


def _print_spectrum(known: dict[str, float], out: Path, as_json: bool) -> None:
    if as_json:
        # json has no infinity
        finite = {key: value if abs(value) < float("inf") else None for key, value in known.items()}
        typer.echo(json.dumps({**finite, "out": str(out)}))
        return
    typer.echo(
        f"{out}: condition number {known['condition_number']:.3g}, lambda_max {known['lambda_max']:.6g}, stable below "
        f"step size {known['stability_limit']:.6g}"
    )
