"""What every test shares: double precision, and where the real data are."""

import os
import signal
from pathlib import Path

import jax
import pytest

jax.config.update("jax_enable_x64", True)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell starts background jobs deaf to Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder with real data files: $EQNTK_DATA, else the project's neighbour; skips where it is absent."""
    root = Path(os.environ.get("EQNTK_DATA", _DEFAULT))
    if not root.is_dir():
        pytest.skip(f"no data at {root}; set EQNTK_DATA to the folder that holds medmnist/ and qm9/")
    return root


@pytest.fixture(scope="session")
def reference_root(data_root: Path) -> Path:
    """The folder with kernel values from independent code; skips where it is absent."""
    root = data_root.parent / "reference"
    if not root.is_dir():
        pytest.skip(f"no reference values at {root}")
    return root
