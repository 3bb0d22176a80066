"""`eqntk convergence`: empirical kernels of finite networks against the recursion, over widths."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eqntk_cli.cli.train import ConfigDir, Settings
from eqntk_cli.errors import ConfigError

if TYPE_CHECKING:
    from eqntk_cli.config.schema import Config
    from eqntk_cli.models.convergence import Study

_COLUMNS = (7, 9, 12, 10, 10, 7)  # widths of the printed columns after network and kernel


def convergence(
    settings: Settings = None,
    widths: Annotated[str, typer.Option(help="Widths, separated by commas.")] = "16,32,64,128,256",
    members: Annotated[int, typer.Option(min=2, help="Networks per width.")] = 64,
    samples: Annotated[int, typer.Option(min=2, help="Training samples between which kernels are taken.")] = 4,
    out: Annotated[Path, typer.Option(help="Folder for the table (csv, json) and the figure (svg, pdf).")] = Path(
        "convergence"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
    config_dir: ConfigDir = None,
) -> None:
    """Empirical NTK and NNGP of group and plain networks: fluctuation, bias, and how they fall with the width."""
    from dataclasses import replace

    from eqntk_cli.cli.going_on import say_loading
    from eqntk_cli.config.compose import compose

    sizes = _widths(widths)
    say_loading()
    for word in settings or []:
        if word.startswith(("model", "dataset.n_train=")):
            raise ConfigError(f"{word} has no effect here; use --widths, --members and --samples")
    config = compose([*(settings or []), f"dataset.n_train={samples}"], config_dir)
    config = replace(config, model=replace(config.model, members=members, antithetic=False, route="auto"))
    config.set_precision()
    study = _measured(config, sizes)
    _write(study, out)
    _tell(study, out, as_json)


def _widths(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(sorted({int(word) for word in text.split(",")}))
    except ValueError:
        sizes = ()
    if not sizes or sizes[0] < 1:
        raise ConfigError(f"--widths {text} is not possible; expected whole numbers such as 16,32,64")
    return sizes


def _measured(config: "Config", widths: tuple[int, ...]) -> "Study":
    import jax.numpy as jnp

    from eqntk_cli.architectures.checks import check
    from eqntk_cli.data.registry import load_data
    from eqntk_cli.domains.samples import cast
    from eqntk_cli.models.convergence import study
    from eqntk_cli.progress import Bar

    check(config)
    data = load_data(config.dataset, config.architecture)
    x = cast(data.train_x, jnp.dtype(config.precision))
    with Bar("convergence") as bar:
        return study(config, data.domain, x, widths, lambda share: bar(share, 1.0))


def _write(study: "Study", out: Path) -> None:
    import csv
    import io
    import json
    from dataclasses import asdict

    from eqntk_cli.errors import DiskError, StorageError
    from eqntk_cli.files.atomic import make_folder, write_bytes, write_text
    from eqntk_cli.report.paper.canvas import styled, to_bytes
    from eqntk_cli.report.paper.command_figures import convergence_figure

    rows = [asdict(row) for row in study.rows]
    networks = {
        name: [row for row in rows if row["network"] == name and row["kernel"] == "ntk"] for name in ("group", "plain")
    }
    try:
        make_folder(out)
        write_text(out / "convergence.json", json.dumps(asdict(study), indent=1) + "\n")
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        write_text(out / "convergence.csv", text.getvalue())
        with styled():
            figure = convergence_figure(networks)
            for form in ("svg", "pdf"):
                write_bytes(out / f"convergence.{form}", to_bytes(figure, form))
    except DiskError as error:
        raise StorageError(f"{error} Then run the same command again, or choose another --out.") from error


def _tell(study: "Study", out: Path, as_json: bool) -> None:
    import json
    from dataclasses import asdict

    if as_json:
        typer.echo(json.dumps(asdict(study), indent=1))
        return
    typer.echo("relative to the RMS of the recursion; worst: largest deviation of the mean in standard errors")
    typer.echo(
        f"{'network':8}{'kernel':7}{'width':>7}{'members':>9}{'one member':>12}{'bias':>10}{'s.e.':>10}{'worst':>7}"
    )
    for row in study.rows:
        typer.echo(
            f"{row.network:8}{row.kernel:7}{row.width:7d}{row.members:9d}{row.fluctuation:12.2e}{row.bias:10.2e}"
            f"{row.standard_error:10.2e}{row.worst:7.1f}"
        )
    for fit in study.fits:
        typer.echo(f"{fit.network}: one member's NTK differs like width^({fit.exponent:.3f} +- {fit.error:.3f})")
    typer.echo(f"table and figure in {out}")
