"""The first line of a report without ensembles: which kernels, whether they agree, what symmetry gains."""

from math import isfinite

from eqntk_cli.report.findings import KernelGain
from eqntk_cli.report.learning.curves import KernelStudy

_SHOWN = 3  # groups, titles; more would be no sentence


def curves_line(study: KernelStudy) -> str:
    """The first line of a report on learning curves alone; a disagreement of kernels that should agree comes first."""
    kernels = len({(curve.title, curve.group, curve.kind) for curve in study.curves})
    titles = list(dict.fromkeys(curve.title for curve in study.curves))
    more = f" and {len(titles) - _SHOWN} more" if len(titles) > _SHOWN else ""
    line = (
        f"Learning curves of {_counted(kernels, 'kernel')} on {'; '.join(titles[:_SHOWN])}{more}; no ensembles among "
        "the runs, so no verdict on them."
    )
    parts = [line, *_agreement(study), *_gains(study)]
    warning = disagreement(study)
    return " ".join([f"WARNING: {warning}.", *parts] if warning else parts)


def disagreement(study: KernelStudy) -> str:
    """The kernels that should be the same predictor and are not, in words; empty if there are none."""
    failing = [each for each in study.agreements if not each.within]
    if not failing:
        return ""
    worst = max(failing, key=lambda each: each.difference / each.allowed)
    return (
        f"the equivariant kernel and the plain kernel on the orbits of {worst.group} should be the same predictor, but "
        f"differ by {worst.difference:.2g} of the RMS prediction (N = {worst.n_train}, step {worst.step}, runs "
        f"{worst.run_a} and {worst.run_b}) where {worst.allowed:.2g} is allowed"
    )


def _agreement(study: KernelStudy) -> list[str]:
    if not study.agreements or disagreement(study):
        return []
    worst = max(each.difference for each in study.agreements)
    total = _counted(sum(each.comparisons for each in study.agreements), "comparison")
    return [
        f"Equivariant kernel and plain kernel on the orbits: the same predictor up to {worst:.1e} of its RMS ({total})."
    ]


def _gains(study: KernelStudy) -> list[str]:
    """The loss (or the first error there is) of the equivariant kernels in units of the plain kernel's."""
    metric = next((gain.metric for gain in study.gains), None)
    found = [gain for gain in study.gains if gain.metric == metric and isfinite(gain.ratio[-1])]
    if not found:
        return []
    words = ", ".join(_in_words(gain, named=len({each.title for each in found}) > 1) for gain in found[:_SHOWN])
    return [f"Test {metric} in units of the plain kernel's: {words}."]


def _in_words(gain: KernelGain, *, named: bool) -> str:
    error = gain.ratio_error[-1]
    spread = f" +- {error:.1g}" if isfinite(error) else ""
    where = f" on {gain.title}" if named else ""
    return f"{gain.label} {gain.ratio[-1]:.3g}{spread}{where} at N = {gain.n_train[-1]}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
