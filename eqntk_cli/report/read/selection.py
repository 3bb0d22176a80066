"""Which kernel runs make learning curves, and what a curve keeps fixed.

A curve is made of model=ntk runs that agree in everything but the draw of the data: dataset.n_train and
dataset.split_seed. Kernel runs that stand for no pair of ensembles become curves where at least two n_train are
among them. So that no mistake hides there, a run is kept for the matching of pairs, which refuses it and names the
difference, if it may have been meant for an ensemble that has no kernel run: if it has that ensemble's data, or
differs from it in the data alone.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from eqntk_cli.report.read.differences import architecture, differences
from eqntk_cli.report.read.runs import Run

Setting = tuple[tuple[str, str], ...]  # sorted keys and values


class CurveKey(NamedTuple):
    """What the runs of one curve share."""

    setting: Setting
    group: str
    kind: str  # equivariant | augmented | plain


_DRAW = ("name", "root", "url", "n_train", "split_seed", "n_ood", "ood", "ood_dataset")  # no test sample depends on ood
_TRIVIAL = ("c1", "c1z")
_LEAST = 2  # numbers of training samples without which nothing is a curve


def select(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """The runs that learning curves are made of, and those that are for the matching of pairs.

    A kernel run that belongs to an ensemble is among the second, and also among the first if it lies on a curve.
    """
    ensembles = [run for run in runs if run.is_ensemble and run.record.role == "subject"]
    kernels = [run for run in runs if run.record.model == "ntk" and run.record.role == "subject"]
    fitting = [[run for run in kernels if not differences(run, ensemble)] for ensemble in ensembles]
    own = {id(run) for matching in fitting for run in matching}
    serving = {id(max(matching, key=lambda run: len(kinds_of(run)))) for matching in fitting if matching}
    lacking = [ensemble for ensemble, matching in zip(ensembles, fitting, strict=True) if not matching]
    others = [run for run in kernels if id(run) not in own]
    free = [run for run in others if not any(_may_be_for(run, ensemble) for ensemble in lacking)]
    sizes: dict[CurveKey, set[int]] = defaultdict(set)
    for run in free:
        for key in curves_of(run).values():
            sizes[key].add(n_train(run))
    curves = {key for key, counts in sizes.items() if len(counts) >= _LEAST}
    chosen = [run for run in kernels if (run in free or id(run) in own) and curves & set(curves_of(run).values())]
    taken = {id(run) for run in chosen} - serving
    return chosen, [run for run in runs if id(run) not in taken]


def curves_of(run: Run) -> dict[str, CurveKey]:
    """The curves that a run lies on, by the name of the kernel in its store."""
    setting = setting_of(run)
    return {name: CurveKey(setting, run.record.group, kind) for name, kind in kinds_of(run).items()}


def kinds_of(run: Run) -> dict[str, str]:
    """The kernels of a run by their name in the store, as what they are: equivariant, augmented or plain."""
    names = [str(name) for name in run.data["kernel"].values]
    if run.record.group in _TRIVIAL:
        return {names[0]: "plain"}
    return {name: {"group": "equivariant", "plain": "augmented"}.get(name, name) for name in names}


def n_train(run: Run) -> int:
    """The number of training samples."""
    return len(run.samples_of("train"))


def setting_of(run: Run) -> Setting:
    """Everything but the draw of the data, the group and the kernel on which a curve depends."""
    record = run.record
    setting: dict[str, object] = {"data": record.dataset, "task": record.task, "precision": record.precision}
    setting |= {f"dataset.{key}": value for key, value in run.dataset_settings.items() if key not in _DRAW}
    setting |= {f"architecture.{key}": value for key, value in architecture(record).items()}
    setting |= {f"training.{key}": value for key, value in record.training.items() if key != "record_steps"}
    setting |= {"recorded steps": record.record_steps, "test samples": len(run.samples_of("test"))}
    return tuple(sorted((key, str(value)) for key, value in setting.items()))


def titles(settings: Sequence[Setting]) -> dict[Setting, str]:
    """A title for every setting: data and architecture, and whatever else tells it from the others."""
    plain = {setting: _plain_title(dict(setting)) for setting in settings}
    labels = {}
    for setting, title in plain.items():
        others = [dict(other) for other in plain if other != setting and plain[other] == title]
        telling = [f"{key} {value}" for key, value in setting if any(other.get(key) != value for other in others)]
        labels[setting] = f"{title} ({', '.join(telling)})" if telling else title
    return labels


def _plain_title(setting: dict[str, str]) -> str:
    size = setting.get("dataset.image_size", "None")
    data = setting["data"] if size == "None" else f"{setting['data']} {size}x{size}"
    return f"{data}, {setting.get('architecture.name', 'network')}"


def _may_be_for(run: Run, ensemble: Run) -> bool:
    """Whether a kernel run has the data of an ensemble, or differs from it in nothing else."""
    differing = set(differences(run, ensemble))
    return "data" not in differing or differing == {"data"}
