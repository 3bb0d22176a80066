"""The commands that are killed, each on the smallest study that still has several blocks, tiles, runs or looks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Words = tuple[str, ...]

_DATA = ("dataset=digits", "dataset.n_train=6", "dataset.n_test=4", "dataset.n_ood=2")
_SMALL = (*_DATA, "architecture=mlp", "architecture.hidden_layers=1", "training.steps=4", "tracking=disabled")
_WIDE = ("model.width=8", "model.block_size=2")
_STUDY = ("experiment=digits_quick", "runs=gcnn,augmented,no_augmentation", *_SMALL[1:], *_WIDE)


@dataclass(frozen=True)
class Study:
    """A command, and how its user goes on with it.

    Attributes:
        name: of the command.
        words: the command line.
        onward: the command line that goes on, by what lies in the working directory.
        before: commands that make what the command begins with.
        arrays: whether it reads x.npy.
        status: of the command when it ends by itself.
    """

    name: str
    words: Words
    onward: Callable[[Path], Words]
    before: tuple[Words, ...] = ()
    arrays: bool = False
    status: int = 0

    def begin(self, folder: Path) -> None:
        """Write the files that the command reads."""
        if self.arrays:
            values = np.random.default_rng(0).normal(size=(40, 4, 4, 1)).astype(np.float32)
            np.save(folder / "x.npy", values)


def _same(words: Words) -> Callable[[Path], Words]:
    return lambda _: words


def _resumed(words: Words) -> Callable[[Path], Words]:
    """`train --resume` as soon as there is a run to go on with."""
    return lambda folder: ("train", "--resume", "run") if (folder / "run" / "record.json").exists() else words


def _swept(words: Words) -> Callable[[Path], Words]:
    return lambda folder: ("sweep", "--resume", "study") if (folder / "study" / "sweep.json").exists() else words


_MEMBERS = ("train", *_SMALL, *_WIDE, "model=gcnn_ensemble", "group=c2", "--out", "run")
_ENSEMBLE = (*_MEMBERS, "model.members=6")
_NTK = ("train", *_SMALL, "dataset.n_train=40", "model=ntk", "group=c2", "--out", "run")
_KERNEL = ("kernel", "--x1", "x.npy", "--out", "k.npz", "group=c2", "architecture=mlp", "architecture.hidden_layers=1")
_GROW = ("train", "--resume", "run", "model.members=9")
_SWEEP = ("sweep", *_STUDY, "model.members=4", "--out", "study")
_COMPARE = ("compare-runs", "study", "--out", "report", "--tracking", "disabled")
_PLAN = ("plan", *_STUDY, "model.members=8", "looks=[4,8]", "--out", "study")
_DECIDE = ("decide", "study", "--tracking", "disabled")

STUDIES = (
    Study("train ensemble", _ENSEMBLE, _resumed(_ENSEMBLE)),
    Study("train ntk", _NTK, _same(_NTK)),
    Study("kernel", _KERNEL, _same(_KERNEL), arrays=True),
    Study("grow", _GROW, _same(_GROW), before=((*_MEMBERS, "model.antithetic=false", "model.members=5"),)),
    Study("sweep", _SWEEP, _swept(_SWEEP)),
    Study("compare-runs", _COMPARE, _same(_COMPARE), before=(_SWEEP,)),
    Study("decide", _DECIDE, _same(_DECIDE), before=(_PLAN,), status=3),
)
