"""What every test shares: double precision, and where the real data are."""

import ctypes
import gc
import os
import signal
import sys
import tempfile
from pathlib import Path

# The programs of tests are compiled once and run on a handful of samples: compiling is what costs. Commands that tests
# start inherit this, so that they are the same programs. Has to be set before jax is imported.
_QUICK_TO_COMPILE = (
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)
os.environ["XLA_FLAGS"] = f"{_QUICK_TO_COMPILE} {os.environ.get('XLA_FLAGS', '')}"
# The matrices of tests are small: threads of the linear algebra wait for each other far longer than they compute, and
# there is a worker per core anyway. Has to be set before numpy is imported.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import jax  # noqa: E402
import psutil  # noqa: E402
import pytest  # noqa: E402

from tests import shapes  # noqa: E402

shapes.install()
jax.config.update("jax_enable_x64", True)
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # of this process alone: another one may be killed as it writes
    _PROGRAMS = tempfile.TemporaryDirectory(prefix="programs-of-tests-")
    jax.config.update("jax_compilation_cache_dir", _PROGRAMS.name)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell starts background jobs deaf to Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # and nohup what it starts to the end of the terminal
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


gc.set_threshold(50_000, 20, 20)  # tracing makes many objects and no garbage: looking for it took a twentieth


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take longest first, so that no worker is left with one of them at the end."""
    items.sort(key=lambda item: _LONGEST_FIRST.get(item.path.parent.name, len(_LONGEST_FIRST)))


def pytest_collection_finish() -> None:
    """Modules stay until the end: nobody looks for garbage among them."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logfinish() -> None:
    """Compiled programs are kept while there is room: looking for them anew, and for garbage, took a tenth of the time.

    A worker stays below 2 GiB. On the disk programs live as long as the process.
    """
    if _PROCESS.memory_info().rss < _ENOUGH:
        return
    jax.clear_caches()
    gc.collect()
    if sys.platform == "linux":  # what was compiled is freed in small pieces, which the allocator would keep
        ctypes.CDLL(None).malloc_trim(0)


_PROCESS = psutil.Process()
_ENOUGH = 1_300 * 2**20  # bytes
_LONGEST_FIRST = {folder: place for place, folder in enumerate(("models", "layers", "recursion", "cli", "kernels"))}
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
