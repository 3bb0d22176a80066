"""Learning curves of kernels: every metric averaged over draws of the data, its exponent, and what symmetry gains."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.report.findings import KernelAgreement, KernelCurve, KernelGain
from eqntk_cli.report.learning.agreement import agreements
from eqntk_cli.report.read.runs import Run
from eqntk_cli.report.read.selection import CurveKey, curves_of, n_train, titles
from eqntk_cli.report.statistics.learning import decay, mean_and_error, ratio_of_means, size_for
from eqntk_cli.targets.scale import TargetScale
from eqntk_cli.targets.task import Task, squared_loss

ERRORS = ("loss", "error", "mae", "rmse")  # what falls with N; the rest is a score
KINDS = ("equivariant", "augmented", "plain")
_MEV_PER_KCAL = 43.3641  # 1 kcal/mol per molecule (CODATA 2018)
Metric = tuple[str, str]  # name and unit


@dataclass(frozen=True)
class Draw:
    """The prediction of one kernel for one draw of the data."""

    run: Run
    kernel: str

    @property
    def sample(self) -> tuple[object, object]:
        """Which draw it is: the fingerprints of training and test samples."""
        found = self.run.record.fingerprint or {}
        return found.get("train"), found.get("test")

    @cached_property
    def metrics(self) -> list[dict[Metric, float]]:
        """The metrics on the test points at every recorded step."""
        run, places = self.run, self.run.samples_of("test")
        task, scale = run.task, run.scale
        target, label = run.target[places], None if run.label is None else run.label[places]
        names = [str(name) for name in run.data["kernel"].values]
        means = run.data["mean"][names.index(self.kernel)].values[:, places]
        return [_metrics(task, scale, np.asarray(mean, dtype=np.float64), target, label) for mean in means]


@dataclass(frozen=True)
class KernelStudy:
    """What the kernel runs of a report show together."""

    curves: tuple[KernelCurve, ...] = ()
    agreements: tuple[KernelAgreement, ...] = ()
    gains: tuple[KernelGain, ...] = ()


def kernel_study(runs: Sequence[Run], margin: float) -> KernelStudy:
    """Curves, agreements and gains of the runs that `selection.select` chose.

    Args:
        runs: kernel runs.
        margin: largest relative difference of two means that may count as none, whatever the rounding.
    """
    found: dict[CurveKey, dict[int, dict[object, Draw]]] = defaultdict(lambda: defaultdict(dict))
    for run in sorted(runs, key=lambda run: run.data.sizes["kernel"]):  # one made for this kernel alone comes first
        for kernel, key in curves_of(run).items():
            draw = Draw(run, kernel)
            found[key][n_train(run)].setdefault(draw.sample, draw)
    named = titles(list(dict.fromkeys(key.setting for key in found)))
    order = sorted(found, key=lambda key: (named[key.setting], key.group, KINDS.index(key.kind)))
    curves = [curve for key in order for curve in _curves(key, named[key.setting], found[key])]
    gains = [gain for key in order for gain in _gains(key, named[key.setting], found)]
    return KernelStudy(tuple(curves), tuple(agreements(runs, named, margin)), tuple(gains))


def label_of(kind: str, group: str) -> str:
    """What a curve is called: "C4 equivariant kernel"."""
    planar = group[0] in "cd" and group[1:].rstrip("z").isdigit()
    name = "SO(3)" if group == "so3" else group[0].upper() + group[1:] if planar else group
    words = {
        "equivariant": f"{name} equivariant kernel",
        "augmented": f"plain kernel on the {name} orbit",
        "plain": "plain kernel",
    }
    return words[kind]


def _metrics(
    task: Task,
    scale: TargetScale,
    mean: Float[np.ndarray, "sample output"],
    target: Float[np.ndarray, "sample output"],
    label: Int[np.ndarray, "sample label"] | None,
) -> dict[Metric, float]:
    """The loss 1/(2 samples) sum (f - y)^2, and what the task asks for."""
    found: dict[Metric, float] = {}
    if len(target) and np.isfinite(target).all():
        found["loss", ""] = squared_loss(mean, target)
    for name, value in task.metrics(mean, target, label, scale).items():
        if name == "acc":
            found["error", ""] = 1 - value
        found[name, task.unit(scale)] = value
    return found


def _curves(key: CurveKey, title: str, draws: dict[int, dict[object, Draw]]) -> Iterator[KernelCurve]:
    sizes = sorted(draws)
    first = next(iter(draws[sizes[0]].values()))
    for metric in first.metrics[-1]:
        series = [_over_draws(list(draws[size].values()), metric) for size in sizes]
        value, error = zip(*(mean_and_error(each[:, -1].tolist()) for each in series), strict=True)
        counts = tuple(len(draws[size]) for size in sizes)
        fall = decay(sizes, value, error, counts) if metric[0] in ERRORS else None
        yield KernelCurve(
            title=title,
            group=key.group,
            kind=key.kind,
            label=label_of(key.kind, key.group),
            metric=metric[0],
            unit=metric[1],
            step=first.run.steps[-1],
            n_train=tuple(sizes),
            draws=counts,
            value=value,
            error=error,
            kcal_per_mol=tuple(each / _MEV_PER_KCAL for each in value) if metric[1] == "meV" else None,
            beta=fall.beta if fall else None,
            beta_error=fall.beta_error if fall else None,
            amplitude=fall.amplitude if fall else None,
            fitted=(fall.first, fall.last) if fall else None,
            steps=first.run.steps,
            history=tuple(tuple(each.mean(axis=0).tolist()) for each in series),
        )


def _gains(key: CurveKey, title: str, found: dict[CurveKey, dict[int, dict[object, Draw]]]) -> Iterator[KernelGain]:
    """The equivariant kernel against the plain one of the same setting, on the draws that both have."""
    plain = next((each for each in found if each.setting == key.setting and each.kind == "plain"), None)
    if key.kind != "equivariant" or plain is None:
        return
    ours, theirs = found[key], found[plain]
    common = {size: sorted(set(ours[size]) & set(theirs[size]), key=str) for size in sorted(set(ours) & set(theirs))}
    common = {size: samples for size, samples in common.items() if samples}
    if not common:
        return
    first = next(iter(ours[min(common)].values()))
    for metric in (metric for metric in first.metrics[-1] if metric[0] in ERRORS):
        pairs = [
            [_over_draws([side[size][sample] for sample in samples], metric)[:, -1] for side in (ours, theirs)]
            for size, samples in common.items()
        ]
        ratios, errors = zip(*(ratio_of_means(a.tolist(), b.tolist()) for a, b in pairs), strict=True)
        means = [float(b.mean()) for _, b in pairs]
        reached = [size_for(float(a.mean()), list(common), means) for a, _ in pairs]
        yield KernelGain(
            title=title,
            group=key.group,
            label=label_of(key.kind, key.group),
            metric=metric[0],
            n_train=tuple(common),
            draws=tuple(len(samples) for samples in common.values()),
            ratio=ratios,
            ratio_error=errors,
            samples=tuple(None if size is None else size / n for n, size in zip(common, reached, strict=True)),
        )


def _over_draws(draws: Sequence[Draw], metric: Metric) -> Float[np.ndarray, "draw step"]:
    return np.array([[row.get(metric, np.nan) for row in draw.metrics] for draw in draws])
