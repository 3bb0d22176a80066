"""Tables of the learning curves of kernels: do the kernels agree, how fast do errors fall, what does symmetry gain."""

from collections.abc import Iterator, Mapping

from eqntk_cli.report.findings import KernelCurve
from eqntk_cli.report.model import Analysis
from eqntk_cli.report.paper.table import Cell, Column, Table, integer, number, yes_no

KERNEL_TABLES = ("kernel_exponents", "kernel_gains", "kernel_agreements", "kernel_curves")
_TITLE, _KERNEL, _METRIC, _UNIT = (
    Column("title", "Setting"),
    Column("kernel", "Kernel"),
    Column("metric", "Metric"),
    Column("unit", "Unit"),
)
_N = Column("n_train", "N", integer)
_DRAWS = Column("draws", "Draws", integer)


def learning_tables(analysis: Analysis) -> list[Table]:
    """The tables, in the order of the report; those without rows are left out."""
    tables = (_exponents(analysis), _gains(analysis), _agreements(analysis), _curves(analysis))
    return [table for table in tables if table.rows]


def on_screen(tables: Mapping[str, Table]) -> list[Table]:
    """The tables as a page shows them: without empty columns, and the setting only where there are several."""
    found = [tables[name] for name in KERNEL_TABLES if name in tables]
    return [table.columns_with_values().without_repeated("title") for table in found]


def _exponents(analysis: Analysis) -> Table:
    columns = (
        *(_TITLE, _KERNEL, _METRIC),
        Column("beta", "beta", number),
        Column("beta_error", "its error", number),
        Column("first", "N from", integer),
        Column("last", "to", integer),
        Column("value", "at largest N", number),
        Column("error", "its error", number),
        Column("kcal_per_mol", "kcal/mol", number),
        _UNIT,
    )
    rows = tuple(_exponent_row(curve) for curve in analysis.kernel_curves if curve.beta is not None)
    note = (
        "Test error at the last step ~ N^(-beta), a straight line in log-log weighted with the spread over draws; beta "
        "above 0: the error falls. loss: 1/(2 test samples) sum of (f - y)^2, for which Spigler, Geiger and Wyart "
        "(arXiv 1905.10843) found beta near 0.4 on MNIST. error: 1 - accuracy."
    )
    return Table("kernel_exponents", "How fast test errors fall", columns, rows, note)


def _exponent_row(curve: KernelCurve) -> tuple[Cell, ...]:
    first, last = curve.fitted or (None, None)
    kcal = curve.kcal_per_mol[-1] if curve.kcal_per_mol else None
    fit = (curve.title, curve.label, curve.metric, curve.beta, curve.beta_error, first, last)
    return (*fit, curve.value[-1], curve.error[-1], kcal, curve.unit)


def _gains(analysis: Analysis) -> Table:
    columns = (
        *(_TITLE, _KERNEL, _METRIC, _N, _DRAWS),
        Column("ratio", "Error / plain kernel's", number),
        Column("ratio_error", "its error", number),
        Column("samples", "Plain N / N", number),
    )
    rows = tuple(
        (gain.title, gain.label, gain.metric, *values)
        for gain in analysis.kernel_gains
        for values in zip(gain.n_train, gain.draws, gain.ratio, gain.ratio_error, gain.samples, strict=True)
    )
    note = (
        "The error of the equivariant kernel in units of the plain kernel's on the same draws (below 1: symmetry "
        "helps). Plain N / N: how many times as many samples the plain kernel needs for the same error; a dash where "
        "its own curve does not get there or starts below."
    )
    return Table("kernel_gains", "What the equivariant kernel gains", columns, rows, note)


def _agreements(analysis: Analysis) -> Table:
    columns = (
        *(_TITLE, Column("group", "Group"), Column("comparisons", "Comparisons", integer)),
        Column("difference", "Largest difference", number),
        Column("allowed", "Allowed", number),
        Column("within", "Within", yes_no),
        *(_N, Column("step", "Step", integer), Column("run_a", "Equivariant"), Column("run_b", "Augmented")),
    )
    rows = tuple(
        (found.title, found.group, found.comparisons, found.difference, found.allowed, found.within)
        + (found.n_train, found.step, found.run_a, found.run_b)
        for found in analysis.kernel_agreements
    )
    note = (
        "RMS difference over the test points between the means of the equivariant kernel on N samples and of the plain "
        "kernel on their orbits, in units of the RMS prediction: the largest over runs on the same data and over all "
        "recorded steps t > 0. By theory the two are the same predictor; allowed is what rounding explains, and never "
        "more than the margin. Networks that are not exactly equivariant are not compared."
    )
    return Table("kernel_agreements", "Equivariant and augmented kernel, the same predictor", columns, rows, note)


def _curves(analysis: Analysis) -> Table:
    columns = (
        *(_TITLE, _KERNEL, _METRIC, _UNIT, _N, _DRAWS),
        Column("value", "Mean over draws", number),
        Column("error", "its error", number),
        Column("kcal_per_mol", "kcal/mol", number),
        Column("step", "Step", integer),
    )
    rows = tuple(row for curve in analysis.kernel_curves for row in _curve_rows(curve))
    note = "Test points, last recorded step; the error is the standard error over draws of the data."
    return Table("kernel_curves", "Learning curves, all values", columns, rows, note)


def _curve_rows(curve: KernelCurve) -> Iterator[tuple[Cell, ...]]:
    kcal = curve.kcal_per_mol or (None,) * len(curve.n_train)
    for n, draws, value, error, other in zip(curve.n_train, curve.draws, curve.value, curve.error, kcal, strict=True):
        yield (curve.title, curve.label, curve.metric, curve.unit, n, draws, value, error, other, curve.step)
