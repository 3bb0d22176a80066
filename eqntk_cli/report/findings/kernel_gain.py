"""What symmetry gains: errors of equivariant kernels in units of the plain kernel's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from eqntk_cli.report.findings.base import METRIC, Counts, Series, Sheet, column
from eqntk_cli.report.findings.draws import ERRORS, Draws, Metric, over_draws
from eqntk_cli.report.findings.kernel_curve import SETTING, label_of
from eqntk_cli.report.findings.scope import LEARNING, Study, StudyFinding
from eqntk_cli.report.paper.table import integer, number
from eqntk_cli.report.statistics.learning import ratio_of_means, size_for


@dataclass(frozen=True)
class KernelGain(StudyFinding):
    """An error of the equivariant kernel in units of the plain kernel's on the same draws (series over n_train)."""

    KEY = "kernel_gains"
    SECTION = LEARNING
    SHEETS = (
        Sheet(
            "kernel_gains",
            "What the equivariant kernel gains",
            "The error of the equivariant kernel in units of the plain kernel's on the same draws (below 1: symmetry "
            "helps). Plain N / N: how many times as many samples the plain kernel needs for the same error; a dash "
            "where its own curve does not get there or starts below.",
        ),
    )

    title: Annotated[str, SETTING]
    group: str
    label: Annotated[str, column("Kernel", key="kernel")]  # of the equivariant kernel
    metric: Annotated[str, METRIC]
    n_train: Annotated[Counts, column("N", integer)]
    draws: Annotated[Counts, column("Draws", integer)]
    # mean error of the equivariant kernel / mean error of the plain one
    ratio: Annotated[Series, column("Error / plain kernel's", number)]
    ratio_error: Annotated[Series, column("its error", number)]  # standard error over draws; nan where there is one
    # times as many samples for the plain kernel to get there; None: beyond its curve
    samples: Annotated[tuple[float | None, ...], column("Plain N / N", number)]

    @classmethod
    def measure(cls, study: Study) -> Iterator["KernelGain"]:
        """Every equivariant kernel against the plain one of its setting, on the draws that both have."""
        known = study.kernel_draws
        plain = {key.setting: draws for key, draws in known.by_curve.items() if key.kind == "plain"}
        for key, ours in known.by_curve.items():
            if key.kind != "equivariant" or key.setting not in plain:
                continue
            common = _common(ours, plain[key.setting])
            first = next(iter(ours[min(common)].values())) if common else None
            for metric in first.history if first is not None else ():
                if metric[0] in ERRORS:
                    labels = (known.titles[key.setting], key.group, label_of(key.kind, key.group))
                    yield _gain(labels, metric, common, ours, plain[key.setting])


def _common(ours: Draws, theirs: Draws) -> dict[int, list[object]]:
    """The draws that both have, by N."""
    common = {size: sorted(set(ours[size]) & set(theirs[size]), key=str) for size in sorted(set(ours) & set(theirs))}
    return {size: samples for size, samples in common.items() if samples}


def _gain(
    labels: tuple[str, str, str], metric: Metric, common: dict[int, list[object]], ours: Draws, theirs: Draws
) -> KernelGain:
    pairs = [
        [over_draws([side[size][sample] for sample in samples], metric)[:, -1] for side in (ours, theirs)]
        for size, samples in common.items()
    ]
    ratios, errors = zip(*(ratio_of_means(a.tolist(), b.tolist()) for a, b in pairs), strict=True)
    means = [float(b.mean()) for _, b in pairs]
    reached = [size_for(float(a.mean()), list(common), means) for a, _ in pairs]
    title, group, label = labels
    return KernelGain(
        title=title,
        group=group,
        label=label,
        metric=metric[0],
        n_train=tuple(common),
        draws=tuple(len(samples) for samples in common.values()),
        ratio=ratios,
        ratio_error=errors,
        samples=tuple(None if size is None else size / n for n, size in zip(common, reached, strict=True)),
    )
