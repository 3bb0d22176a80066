"""`eqntk doctor`: what a run will find on this machine, one line each, and what to do about a problem."""

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import typer

from eqntk_cli.errors import how_to_install

_PACKAGES = ("jax", "flax", "optax", "e3nn-jax", "hydra-core", "omegaconf", "typer", "numpy", "scipy", "xarray", "zarr")
_LITTLE_DISK = 2e9  # bytes


@dataclass(frozen=True)
class Finding:
    """One line: `ok`, `note` (works, but worth knowing) or `problem`, with its remedy."""

    state: str
    subject: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.state:<8}{self.subject:<10} {self.text}" + (f"; {self.remedy}" if self.remedy else "")


def doctor() -> None:
    """Look at devices, precision, versions, data and tracking; exit status 2 if something must be mended first."""
    problems = 0
    for part in PARTS:
        for finding in part():
            typer.echo(str(finding))
            problems += finding.state == "problem"
    if problems:
        raise typer.Exit(2)


def versions() -> Iterator[Finding]:
    """Python and the packages that results depend on."""
    missing = [name for name in _PACKAGES if _version(name) is None]
    installed = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES if _version(name) is not None)
    yield Finding("ok", "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    if missing:
        yield Finding(
            "problem",
            "packages",
            f"{', '.join(missing)} not installed",
            f"install them: {how_to_install(' '.join(missing))}",
        )
    else:
        yield Finding("ok", "packages", installed)


def devices() -> Iterator[Finding]:
    """What jax computes on, and whether 64-bit arrays can be had there."""
    try:
        import jax

        available = jax.devices()
    except (ImportError, RuntimeError) as error:
        said = " ".join(str(error).split())
        yield Finding("problem", "devices", f"jax finds none ({said})", "check JAX_PLATFORMS and the driver")
        return
    kinds = ", ".join(sorted({f"{device.platform} {device.device_kind}" for device in available}))
    yield Finding("ok", "devices", f"{len(available)} x {kinds}, {os.cpu_count()} processor cores")
    yield _precision()
    if available[0].platform == "cpu" and shutil.which("nvidia-smi") is not None:
        yield Finding("note", "devices", "a GPU is here that jax does not use", how_to_install("eqntk[cuda]"))


def memory_and_disk() -> Iterator[Finding]:
    """Room for a run."""
    import psutil

    free = psutil.virtual_memory().available
    yield Finding("ok" if free > 1e9 else "note", "memory", f"{free / 1e9:.1f} GB free")
    disk = shutil.disk_usage(Path.cwd()).free
    if disk > _LITTLE_DISK:
        yield Finding("ok", "disk", f"{disk / 1e9:.0f} GB free in this folder")
    else:
        yield Finding("note", "disk", f"{disk / 1e9:.1f} GB free in this folder", "a run needs some; free some space")
    if not os.access(Path.cwd(), os.W_OK):
        yield Finding("problem", "disk", "this folder cannot be written", "change to one of your own")


def data() -> Iterator[Finding]:
    """Which data sets a run can use without fetching anything."""
    from eqntk_cli.data.catalogue import stock

    folder = os.environ.get("EQNTK_DATA")
    if folder is not None and not Path(folder).expanduser().is_dir():
        yield Finding("problem", "data", f"EQNTK_DATA={folder} is no folder", "correct it or unset it")
        return
    here = [item.entry.name for item in stock() if item.here]
    where = "EQNTK_DATA is not set" if folder is None else f"EQNTK_DATA={folder}"
    yield Finding("ok", "data", f"{' '.join(here)} are here ({where})", "eqntk data fetch NAME gets another")


def tracking() -> Iterator[Finding]:
    """Where Weights & Biases would mirror to."""
    from eqntk_cli.runs.tracking import tracking_mode

    mode = tracking_mode("auto")
    remedy = "" if mode == "online" else "`wandb login` for a mirror while running, `wandb sync` for one afterwards"
    yield Finding("ok", "tracking", f"auto means {mode} here", remedy)


def cluster() -> Iterator[Finding]:
    """What a sweep can be handed to."""
    launchers = ["basic", *(name for name, module in _LAUNCHERS.items() if _installed(module))]
    if "slurm" in launchers and shutil.which("sbatch") is None:
        yield Finding("ok", "launchers", "basic joblib; slurm is installed but there is no sbatch on this machine")
        return
    remedy = "" if "slurm" in launchers else f"for a cluster: {how_to_install('eqntk[slurm]')}"
    yield Finding("ok", "launchers", " ".join(launchers), remedy)


PARTS: tuple[Callable[[], Iterator[Finding]], ...] = (
    versions,
    devices,
    memory_and_disk,
    data,
    tracking,
    cluster,
)
_LAUNCHERS = {
    "joblib": "hydra_plugins.hydra_joblib_launcher",
    "slurm": "submitit",
}


def _precision() -> Finding:
    import jax
    import jax.numpy as jnp

    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", True)
    kind = jnp.zeros(1).dtype.name
    jax.config.update("jax_enable_x64", before)
    if kind == "float64":
        return Finding("ok", "precision", "float32 by default, float64 with precision=float64")
    return Finding("problem", "precision", f"asked for float64, got {kind}", "unset JAX_ENABLE_X64")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _installed(module: str) -> bool:
    """Whether it is there; it is not imported, since submitit sets up the logging of whoever does."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it is in
        return False
