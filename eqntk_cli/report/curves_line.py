"""The first line of a report without ensembles: which kernels, whether they agree, what symmetry gains."""

from collections.abc import Sequence
from math import isfinite

from eqntk_cli.report.findings.base import Finding, of_kind
from eqntk_cli.report.findings.kernel_agreement import KernelAgreement
from eqntk_cli.report.findings.kernel_curve import KernelCurve
from eqntk_cli.report.findings.kernel_gain import KernelGain

_SHOWN = 3  # groups, titles; more would be no sentence


def curves_line(findings: Sequence[Finding]) -> str:
    """The first line of a report on learning curves alone; a disagreement of kernels that should agree comes first."""
    curves = of_kind(KernelCurve, findings)
    kernels = len({(curve.title, curve.group, curve.kind) for curve in curves})
    titles = list(dict.fromkeys(curve.title for curve in curves))
    more = f" and {len(titles) - _SHOWN} more" if len(titles) > _SHOWN else ""
    line = (
        f"Learning curves of {_counted(kernels, 'kernel')} on {'; '.join(titles[:_SHOWN])}{more}; no ensembles among "
        "the runs, so no verdict on them."
    )
    parts = [line, *_agreement(findings), *_gains(findings)]
    warning = disagreement(findings)
    return " ".join([f"WARNING: {warning}.", *parts] if warning else parts)


def disagreement(findings: Sequence[Finding]) -> str:
    """The kernels that should be the same predictor and are not, in words; empty if there are none."""
    failing = [agreement for agreement in of_kind(KernelAgreement, findings) if not agreement.within]
    if not failing:
        return ""
    worst = max(failing, key=lambda agreement: agreement.difference / agreement.allowed)
    return (
        f"the equivariant kernel and the plain kernel on the orbits of {worst.group} should be the same predictor, but "
        f"differ by {worst.difference:.2g} of the RMS prediction (N = {worst.n_train}, step {worst.step}, runs "
        f"{worst.run_a} and {worst.run_b}) where {worst.allowed:.2g} is allowed"
    )


def _agreement(findings: Sequence[Finding]) -> list[str]:
    agreements = of_kind(KernelAgreement, findings)
    if not agreements or disagreement(findings):
        return []
    worst = max(agreement.difference for agreement in agreements)
    total = _counted(sum(agreement.comparisons for agreement in agreements), "comparison")
    return [
        f"Equivariant kernel and plain kernel on the orbits: the same predictor up to {worst:.1e} of its RMS ({total})."
    ]


def _gains(findings: Sequence[Finding]) -> list[str]:
    """The loss (or the first error there is) of the equivariant kernels in units of the plain kernel's."""
    known = of_kind(KernelGain, findings)
    metric = next((gain.metric for gain in known), None)
    gains = [gain for gain in known if gain.metric == metric and isfinite(gain.ratio[-1])]
    if not gains:
        return []
    words = ", ".join(_in_words(gain, named=len({other.title for other in gains}) > 1) for gain in gains[:_SHOWN])
    return [f"Test {metric} in units of the plain kernel's: {words}."]


def _in_words(gain: KernelGain, *, named: bool) -> str:
    error = gain.ratio_error[-1]
    spread = f" +- {error:.1g}" if isfinite(error) else ""
    where = f" on {gain.title}" if named else ""
    return f"{gain.label} {gain.ratio[-1]:.3g}{spread}{where} at N = {gain.n_train[-1]}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
