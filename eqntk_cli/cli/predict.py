"""`eqntk predict`: mean and covariance of the infinite ensemble over training time, from Gram matrices."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from eqntk_cli.errors import ConfigError, DiskError, StorageError

if TYPE_CHECKING:
    import numpy as np

    from eqntk_cli.kernels.dynamics.prediction import InfiniteEnsemble
    from eqntk_cli.kernels.dynamics.spectrum import Schedule


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
    from eqntk_cli.kernels.dynamics.prediction import fit
    from eqntk_cli.kernels.dynamics.spectrum import describe
    from eqntk_cli.kernels.gram.archive import open_array, read_gram

    schedule = _schedule(steps, step_size, time)
    if not out.parent.is_dir():
        raise StorageError(f"there is no folder {out.parent} to write {out.name} in; make it first.")
    values = open_array(targets)
    noise = ridge if kernel == "nngp" else 0.0
    ensemble = fit(read_gram(train), values[:, None] if values.ndim == 1 else values, kernel, ridge, target_noise=noise)
    arrays = _predicted(ensemble, cross, test, schedule)
    known = describe(ensemble.spectrum)
    _save(out, {**arrays, "times": _times(schedule), **known})
    _told(known, out, as_json)


def _schedule(steps: str | None, step_size: float | None, time: str | None) -> "Schedule":
    from eqntk_cli.kernels.dynamics.spectrum import Schedule

    if (steps is None) == (time is None):
        raise ConfigError(
            "give either --steps with --step-size, or --time; for example --steps 1,10,100 --step-size 0.1."
        )
    if steps is not None:
        if step_size is None:
            raise ConfigError("--steps needs --step-size; the stability limit 2N/lambda_max is printed by --time 0.")
        return Schedule(_numbers(steps, "--steps"), step_size)
    if step_size is not None:
        raise ConfigError("--step-size belongs to --steps; leave it out with --time, which is gradient flow.")
    return Schedule(_numbers(time or "", "--time"))


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"{option} {text} is not possible; expected numbers with commas, such as 1,10,inf."
        ) from error


def _predicted(
    ensemble: "InfiniteEnsemble", cross: Path, test: Path | None, schedule: "Schedule"
) -> "dict[str, np.ndarray]":
    from eqntk_cli.kernels.gram.archive import read_gram

    between = read_gram(cross)
    arrays = {"mean": ensemble.mean(between, schedule)}
    if test is not None:
        arrays["covariance"] = ensemble.covariance(between, read_gram(test), schedule)
    return arrays


def _times(schedule: "Schedule") -> "np.ndarray":
    import numpy as np

    return np.asarray(schedule.times)


def _save(out: Path, arrays: "dict[str, np.ndarray | float]") -> None:
    import numpy as np

    from eqntk_cli.files.atomic import whole_file

    try:
        with whole_file(out) as file:
            np.savez(file, allow_pickle=False, **arrays)
    except DiskError as error:
        raise StorageError(f"{error} Then run the same command again, or choose another --out.") from error


def _told(known: dict[str, float], out: Path, as_json: bool) -> None:
    if as_json:
        # json has no infinity
        finite = {key: value if abs(value) < float("inf") else None for key, value in known.items()}
        typer.echo(json.dumps({**finite, "out": str(out)}))
        return
    typer.echo(
        f"{out}: condition number {known['condition_number']:.3g}, lambda_max {known['lambda_max']:.6g}, stable below "
        f"step size {known['stability_limit']:.6g}"
    )
