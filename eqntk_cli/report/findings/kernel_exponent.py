"""How fast the test errors of kernels fall with the number N of training samples."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from eqntk_cli.report.findings.base import METRIC, UNIT, Finding, Sheet, column
from eqntk_cli.report.findings.kernel_curve import SETTING, KernelCurve
from eqntk_cli.report.findings.scope import LEARNING, Registered
from eqntk_cli.report.model import Analysis
from eqntk_cli.report.paper.table import Cell, integer, number


@dataclass(frozen=True)
class KernelExponent(Registered):
    """The power law through one learning curve of a kernel; in report.json it stands with its curve."""

    SECTION = LEARNING
    SHEETS = (
        Sheet(
            "kernel_exponents",
            "How fast test errors fall",
            "Test error at the last step ~ N^(-beta), a straight line in log-log weighted with the spread over draws; "
            "beta above 0: the error falls. loss: 1/(2 test samples) sum of (f - y)^2, for which Spigler, Geiger and "
            "Wyart (arXiv 1905.10843) found beta near 0.4 on MNIST. error: 1 - accuracy.",
            tracked=True,
        ),
    )

    title: Annotated[str, SETTING]
    kernel: Annotated[str, column("Kernel")]
    metric: Annotated[str, METRIC]
    beta: Annotated[float, column("beta", number)]
    beta_error: Annotated[float | None, column("its error", number)]
    first: Annotated[int | None, column("N from", integer)]
    last: Annotated[int | None, column("to", integer)]
    value: Annotated[float, column("at largest N", number)]
    error: Annotated[float, column("its error", number)]
    kcal_per_mol: Annotated[float | None, column("kcal/mol", number)]
    unit: Annotated[str, UNIT]

    @classmethod
    def labelled(cls, analysis: Analysis) -> Iterator[tuple[Mapping[str, Cell], Finding]]:
        """One for every curve that has an exponent."""
        for curve in analysis.of(KernelCurve):
            if curve.beta is None:
                continue
            first, last = curve.fitted or (None, None)
            kcal = curve.kcal_per_mol[-1] if curve.kcal_per_mol else None
            fit = (curve.title, curve.label, curve.metric, curve.beta, curve.beta_error, first, last)
            yield {}, cls(*fit, curve.value[-1], curve.error[-1], kcal, curve.unit)
