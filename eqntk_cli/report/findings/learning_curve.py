"""Metrics of the ensemble means at the last step against the number of training samples."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np

from eqntk_cli.report.findings.base import METRIC, MODEL, UNIT, Counts, Series, Sheet, column
from eqntk_cli.report.findings.draws import Draw, Draws, mean_curve, sample_of
from eqntk_cli.report.findings.metrics import UNMOVED, TaskMetrics, in_words
from eqntk_cli.report.findings.scope import ACROSS, PairResult, Study, StudyFinding
from eqntk_cli.report.findings.sweep import frozen, title_of
from eqntk_cli.report.model import Analysis
from eqntk_cli.report.paper.drawing import Drawing
from eqntk_cli.report.paper.style import look_of
from eqntk_cli.report.paper.table import integer, number
from eqntk_cli.report.read.differences import architecture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CAPTION = "Metric of the mean prediction at the last step against the number of training samples, inputs unmoved."
_Key = tuple[object, ...]


@dataclass(frozen=True)
class LearningCurve(StudyFinding):
    """A metric of the ensemble mean at the last step on the test split against the number of training samples."""

    KEY = "learning_curves"
    SHEETS = (Sheet("learning_curves", "Learning curves", "Test points, last step, ensemble mean."),)

    title: Annotated[str, column("Runs")]
    model: Annotated[str, MODEL]
    metric: Annotated[str, METRIC]
    unit: Annotated[str, UNIT]
    n_train: Annotated[Counts, column("Training samples", integer)]
    value: Annotated[Series, column("Value", number)]  # mean over draws of the data
    error: Annotated[Series, column("its error", number)]  # over draws; of a single draw over members
    draws: Annotated[Counts, column("Draws", integer)]  # different training sets that were averaged over

    @classmethod
    def measure(cls, study: Study) -> Iterator["LearningCurve"]:
        """Every model and metric of pairs that differ in the training samples alone, where they are of several numbers.

        A draw may differ in dataset.split_seed only by its training samples: the test samples stay the same.
        """
        draws: dict[_Key, Draws] = defaultdict(lambda: defaultdict(dict))
        for result in study.results:
            run = result.pair.gcnn
            for model, draw in _draws(result).items():
                draws[(*_setting(result), model)][len(run.samples_of("train"))].setdefault(draw.sample, draw)
        for key, by_size in draws.items():
            for metric in next(iter(next(iter(by_size.values())).values())).history if len(by_size) > 1 else ():
                points = mean_curve(by_size, metric)
                yield cls(str(key[0]), str(key[-1]), *metric, points.n_train, points.value, points.error, points.draws)

    @classmethod
    def drawings(cls, analysis: Analysis) -> Iterator[Drawing]:
        """One figure per metric with every model."""
        kinds = dict.fromkeys((curve.title, curve.metric, curve.unit) for curve in analysis.of(cls))
        for place, kind in enumerate(kinds, 1):
            curves = [curve for curve in analysis.of(cls) if (curve.title, curve.metric, curve.unit) == kind]
            title, needs = f"{kind[0]}: learning curve", "two numbers of training samples"
            yield Drawing(f"learning-{place}", ACROSS, title, _CAPTION, partial(draw_learning, curves), needs)


def draw_learning(curves: Sequence[LearningCurve]) -> "Figure | None":
    """Metric of the ensemble mean against training samples for every model; `curves` share metric and unit."""
    from eqntk_cli.report.paper.canvas import legend_above, log_counts, new_figure

    if not curves or max(len(curve.n_train) for curve in curves) < 2:
        return None
    figure, (axes,) = new_figure(2.5)
    for curve in curves:
        error = np.nan_to_num(np.array(curve.error, dtype=float))
        axes.errorbar(curve.n_train, curve.value, yerr=error, **look_of(curve.model).style())
    if curves[0].unit:
        axes.set_yscale("log")
    axes.set_ylabel(in_words(curves[0].metric, curves[0].unit), parse_math=False)
    log_counts(axes, [count for curve in curves for count in curve.n_train], "training samples")
    legend_above(figure, axes, 3)
    return figure


def _setting(result: PairResult) -> _Key:
    """Everything but the training samples."""
    record = result.pair.gcnn.record
    test, settings = (record.fingerprint or {}).get("test"), frozen(architecture(record))
    return title_of([result]), record.width, record.coupling, record.seed, test, settings


def _draws(result: PairResult) -> dict[str, Draw]:
    """The prediction of every model of a pair on the test points, unmoved."""
    metrics: dict[str, list[TaskMetrics]] = defaultdict(list)
    for row in result.analysis.of(TaskMetrics):
        if (row.split, row.inputs) == ("test", UNMOVED):
            metrics[row.model].append(row)
    run = result.pair.gcnn
    return {
        model: Draw(
            sample_of(run),
            run.steps,
            {(row.metric, row.unit): row.ensemble for row in rows},
            {(row.metric, row.unit): row.ensemble_error for row in rows if row.ensemble_error is not None},
        )
        for model, rows in metrics.items()
    }
