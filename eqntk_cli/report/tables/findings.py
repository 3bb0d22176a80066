"""Tables of what stands beside the verdict: variances, orbits, task metrics, scaling laws, single points."""

from collections.abc import Iterable

from eqntk_cli.report.model import Analysis
from eqntk_cli.report.paper.table import Cell, Column, Table, integer, number, percent

Rows = tuple[tuple[Cell, ...], ...]
_INPUTS = Column("inputs", "Inputs")
_PAIR, _MODEL, _SPLIT, _STEP = (
    Column("pair", "Pair"),
    Column("model", "Model"),
    Column("split", "Points"),
    Column("step", "Step", integer),
)


def finding_tables(analysis: Analysis) -> list[Table]:
    """Every table beside the verdict, in the order of the report; those without rows are left out."""
    tables = (
        _variances(analysis),
        _orbits(analysis),
        _metrics(analysis),
        _metrics_over_time(analysis),
        _widths(analysis),
        _extrapolations(analysis),
        _members(analysis),
        _learning(analysis),
        _trajectories(analysis),
        _parities(analysis),
        _variance_points(analysis),
    )
    return [table for table in tables if table.rows]


def _table(name: str, title: str, columns: Iterable[Column], rows: Iterable[tuple[Cell, ...]], note: str) -> Table:
    return Table(name, title, tuple(columns), tuple(rows), note)


def _variances(analysis: Analysis) -> Table:
    columns = (
        *(_PAIR, _MODEL, _SPLIT, _STEP),
        Column("measured", "Variance measured", number),
        Column("measured_error", "its error", number),
        Column("predicted", "predicted", number),
        Column("ratio", "Ratio", number),
        Column("ratio_error", "its error", number),
    )
    rows = (
        (pair.name, found.model, found.split, *values)
        for pair in analysis.pairs
        for found in pair.variances
        for values in zip(
            found.steps,
            found.measured,
            found.measured_error,
            found.predicted,
            found.ratio,
            found.ratio_error,
            strict=True,
        )
    )
    note = "Variance over members (initialisations), mean over points, against the infinite-width covariance."
    return _table("variances", "Variance over members, measured and predicted", columns, rows, note)


def _orbits(analysis: Analysis) -> Table:
    columns = (
        *(_PAIR, _MODEL, _SPLIT, _STEP),
        Column("deviation", "Orbit deviation", percent),
        Column("deviation_floor", "expected from noise", percent),
        Column("member_deviation", "single member", percent),
        Column("same_prediction", "Same class on orbit", percent),
        Column("same_prediction_error", "its error", percent),
    )
    rows: list[tuple[Cell, ...]] = []
    for pair in analysis.pairs:
        for found in pair.orbits:
            nothing = (None,) * len(found.steps)
            same, error = found.same_prediction or nothing, found.same_prediction_error or nothing
            values = zip(
                found.steps, found.deviation, found.deviation_floor, found.member_deviation, same, error, strict=True
            )
            rows.extend((pair.name, found.model, found.split, *row) for row in values)
    note = (
        "Orbit deviation: standard deviation of the ensemble mean over the group elements, in units of its RMS. "
        "Same class: share of moved samples that get the class of the unmoved one."
    )
    return _table("orbits", "Invariance on the orbit", columns, rows, note)


def _metrics(analysis: Analysis) -> Table:
    columns = (
        *(_PAIR, _MODEL, _SPLIT, _INPUTS, _STEP),
        Column("metric", "Metric"),
        Column("unit", "Unit"),
        Column("ensemble", "Ensemble", number),
        Column("ensemble_error", "its error", number),
        Column("member", "Single member", number),
        Column("member_error", "its error", number),
        Column("member_spread", "spread", number),
    )
    rows = (
        (
            pair.name,
            found.model,
            found.split,
            found.inputs,
            found.steps[-1],
            found.metric,
            found.unit,
            found.ensemble[-1],
        )
        + (found.ensemble_error, found.member, found.member_error, found.member_spread)
        for pair in analysis.pairs
        for found in pair.metrics
    )
    note = (
        "At the last recorded step: the metric of the mean prediction, and of members on their own. Inputs: unmoved "
        "are the samples as they are; orbit mean is the mean prediction over the orbit of each sample, by which "
        "coupled ensembles are compared in the verdict."
    )
    return _table("metrics", "Task metrics at the last step", columns, rows, note)


def _metrics_over_time(analysis: Analysis) -> Table:
    columns = (
        *(_PAIR, _MODEL, _SPLIT, _INPUTS, _STEP),
        Column("metric", "Metric"),
        Column("unit", "Unit"),
        Column("value", "Value", number),
    )
    rows = (
        (pair.name, found.model, found.split, found.inputs, step, found.metric, found.unit, value)
        for pair in analysis.pairs
        for found in pair.metrics
        for step, value in zip(found.steps, found.ensemble, strict=True)
    )
    return _table("metrics_over_time", "Task metrics over training", columns, rows, "Of the ensemble mean.")


def _widths(analysis: Analysis) -> Table:
    columns = (
        Column("title", "Sweep"),
        Column("quantity", "Quantity"),
        _STEP,
        Column("width", "Width", integer),
        Column("value", "Value", number),
        Column("error", "its error", number),
        Column("floor", "Noise floor", number),
        Column("exponent", "Exponent", number),
        Column("exponent_error", "its error", number),
        Column("expected", "expected", number),
    )
    rows = (
        (found.title, found.quantity, found.step, *values, found.exponent, found.exponent_error, found.expected)
        for found in analysis.scalings
        for values in zip(found.widths, found.value, found.error, found.floor, strict=True)
    )
    return _table(
        "widths", "Scaling with the width n", columns, rows, "RMS with the noise removed; value ~ n^exponent."
    )


def _extrapolations(analysis: Analysis) -> Table:
    columns = (
        Column("title", "Sweep"),
        Column("comparison", "Comparison"),
        _STEP,
        Column("rms_distance", "Distance at infinite width", number),
        Column("noise_floor", "Noise floor", number),
        Column("unbiased_squared", "D^2 - floor^2", number),
        Column("bias_rms", "Bias times width", number),
    )
    rows = (
        (found.title, found.name, *values)
        for found in analysis.extrapolations
        for values in zip(
            found.steps, found.rms_distance, found.noise_floor, found.unbiased_squared, found.bias_rms, strict=True
        )
    )
    note = "The mean difference of each point, extrapolated in 1/n to infinite width."
    return _table("extrapolations", "Extrapolated to infinite width", columns, rows, note)


def _members(analysis: Analysis) -> Table:
    columns = (
        *(_PAIR, _STEP),
        Column("members", "Members", integer),
        Column("distance", "Distance", number),
        Column("floor", "Noise floor", number),
    )
    rows = (
        (pair.name, pair.member_scaling.step, *values)
        for pair in analysis.pairs
        for values in zip(
            pair.member_scaling.members, pair.member_scaling.distance, pair.member_scaling.floor, strict=True
        )
    )
    return _table("members", "Distance with fewer members", columns, rows, "Of the first m members of each ensemble.")


def _learning(analysis: Analysis) -> Table:
    columns = (
        Column("title", "Runs"),
        *(_MODEL, Column("metric", "Metric"), Column("unit", "Unit")),
        Column("n_train", "Training samples", integer),
        Column("value", "Value", number),
        Column("error", "its error", number),
    )
    rows = (
        (found.title, found.model, found.metric, found.unit, *values)
        for found in analysis.learning_curves
        for values in zip(found.n_train, found.value, found.error, strict=True)
    )
    return _table("learning_curves", "Learning curves", columns, rows, "Test points, last step, ensemble mean.")


def _trajectories(analysis: Analysis) -> Table:
    keys = (
        "mean_augmented",
        "spread_augmented",
        "mean_gcnn",
        "spread_gcnn",
        "mu",
        "mu_spread_plain",
        "mu_spread_group",
    )
    columns = (
        *(_PAIR, _SPLIT, Column("sample", "Sample", integer), Column("output", "Output"), _STEP),
        *(Column(key, key.replace("_", " "), number) for key in keys),
        Column("target", "Target", number),
    )
    rows: list[tuple[Cell, ...]] = []
    for pair in analysis.pairs:
        for found in pair.trajectories:
            nothing = (None,) * len(found.steps)
            theory = (found.mu or nothing, found.mu_spread_a or nothing, found.mu_spread_b or nothing)
            series = (found.mean_a, found.spread_a, found.mean_b, found.spread_b, *theory)
            head = (pair.name, found.split, found.sample, found.output)
            rows.extend((*head, *row, found.target) for row in zip(found.steps, *series, strict=True))
    return _table("trajectories", "Predictions of single points", columns, rows, "In the units of training.")


def _parities(analysis: Analysis) -> Table:
    columns = (
        *(_PAIR, _MODEL, _SPLIT, Column("quantity", "Quantity"), Column("unit", "Unit")),
        *(Column(key, key, number) for key in ("target", "prediction", "spread")),
    )
    rows = (
        (pair.name, found.model, found.split, found.quantity, found.unit, *values)
        for pair in analysis.pairs
        for found in pair.parities
        for values in zip(found.target, found.prediction, found.spread, strict=True)
    )
    return _table("parity", "Predicted and true values", columns, rows, "At the last step, in physical units.")


def _variance_points(analysis: Analysis) -> Table:
    columns = (
        *(_PAIR, _MODEL, _SPLIT, _STEP),
        *(Column(key, key, number) for key in ("measured", "error", "predicted")),
    )
    rows = (
        (pair.name, found.model, found.split, found.scatter_step, *values)
        for pair in analysis.pairs
        for found in pair.variances
        for values in zip(found.scatter_measured, found.scatter_error, found.scatter_predicted, strict=True)
    )
    return _table("variance_points", "Variance of single samples", columns, rows, "Mean over outputs.")
