"""What several pairs show together: scaling with the width, extrapolation to infinite width, learning curves."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from eqntk_cli.report.findings import UNMOVED, Extrapolation, LearningCurve, WidthScaling
from eqntk_cli.report.model import MeanComparison
from eqntk_cli.report.pair import AGAINST, BETWEEN, PairResult, rotations_in_words
from eqntk_cli.report.read.differences import architecture
from eqntk_cli.report.statistics.scaling import distance_at, extrapolate, power_law

PER_MEMBER, OF_MEANS = "difference per member", "distance of the means"


def width_scalings(results: Sequence[PairResult]) -> Iterator[WidthScaling]:
    """Differences at the last step against the width, for every set of pairs that differ in nothing else."""
    for group in _sweeps(results):
        first = group[0].analysis
        if first.coupled:
            yield _scaling(group, PER_MEMBER, _member_slope(group[0]))
        yield _scaling(group, OF_MEANS, -1.0)
        if all(each.analysis.run_ntk for each in group):
            for name in AGAINST.values():
                yield _scaling(group, name, -1.0)


def extrapolations(results: Sequence[PairResult]) -> Iterator[Extrapolation]:
    """Differences of means at infinite width, for every set of pairs that differ in width alone."""
    for group in _sweeps(results):
        for name in group[0].differences:
            if not all(name in each.differences for each in group):
                continue
            comparisons = [_comparison(each, name) for each in group]
            steps = comparisons[0].steps
            widths = [each.analysis.width for each in group]
            rows = [
                extrapolate(
                    widths,
                    np.stack([each.differences[name][index] for each in group]),
                    [comparison.noise_floor[index] for comparison in comparisons],
                )
                for index in range(len(steps))
            ]
            distance, floor, unbiased, bias = (tuple(column) for column in zip(*rows, strict=True))
            yield Extrapolation(_title(group), name, steps, tuple(widths), distance, floor, unbiased, bias)


def learning_curves(results: Sequence[PairResult]) -> Iterator[LearningCurve]:
    """Test metrics of the ensemble means against the number of training samples, where several were used."""
    curves: dict[tuple[object, ...], list[tuple[int, float, float]]] = defaultdict(list)
    for result in results:
        record, run = result.pair.gcnn.record, result.pair.gcnn
        test = (record.fingerprint or {}).get("test")
        key: tuple[object, ...] = (
            _title([result]),
            record.width,
            record.coupling,
            record.seed,
            test,
            _frozen(architecture(record)),
        )
        for metric in (metric for metric in result.analysis.metrics if metric.inputs == UNMOVED):
            if metric.split == "test":
                error = metric.ensemble_error if metric.ensemble_error is not None else float("nan")
                curve = (*key, metric.model, metric.metric, metric.unit)
                curves[curve].append((len(run.samples_of("train")), metric.ensemble[-1], error))
    for place, entries in curves.items():
        sizes, values, errors = (tuple(column) for column in zip(*sorted(entries), strict=True))
        if len(set(sizes)) > 1:
            title, model, name, unit = (str(place[number]) for number in (0, -3, -2, -1))
            yield LearningCurve(title, model, name, unit, sizes, values, errors)


def _sweeps(results: Sequence[PairResult]) -> list[list[PairResult]]:
    """Sets of at least two pairs that agree in all but the width, ordered by width."""
    groups: dict[tuple[object, ...], list[PairResult]] = defaultdict(list)
    for result in results:
        record = result.pair.gcnn.record
        data = (record.fingerprint or {}).get("all")
        steps = tuple(record.record_steps)
        settings = _frozen(architecture(record)), _frozen(record.training), record.step_size
        samples = result.pair.augmented.record.haar_samples
        groups[data, record.group, record.coupling, record.seed, samples, steps, *settings].append(result)
    ordered = [sorted(group, key=lambda each: each.analysis.width) for group in groups.values()]
    return [group for group in ordered if len({each.analysis.width for each in group}) > 1]


def _member_slope(result: PairResult) -> float:
    """Exponent of the difference of coupled members, plain ones averaged over the group: -1/2, centred -1.

    The kernels of two members agree after averaging over the group; the rest, of order n^(-1/2), acts only on the part
    of the residual that is not invariant. At the start that is f_0 of the plain network, of order 1, or, centred,
    nothing at all; there it grows to order n^(-1/2) by the same rest, and the difference is of order 1/n.
    """
    return -1.0 if result.pair.gcnn.record.training.get("centred") else -0.5


def _scaling(group: Sequence[PairResult], quantity: str, expected: float) -> WidthScaling:
    values, errors, floors = [], [], []
    for each in group:
        if quantity == PER_MEMBER:
            value, error = each.analysis.test.member_rms[-1], each.analysis.test.member_rms_error[-1]
            floor = float("nan")
        else:
            comparison = _comparison(each, BETWEEN if quantity == OF_MEANS else quantity)
            value, error = distance_at(comparison, len(comparison.steps) - 1)
            floor = comparison.noise_floor[-1]
        values.append(value)
        errors.append(error)
        floors.append(floor)
    widths = [each.analysis.width for each in group]
    exponent, exponent_error = power_law(widths, values, errors)
    return WidthScaling(
        title=_title(group),
        quantity=quantity,
        step=group[0].analysis.test.steps[-1],
        widths=tuple(widths),
        value=tuple(values),
        error=tuple(errors),
        floor=tuple(floors),
        exponent=exponent,
        exponent_error=exponent_error,
        expected=expected,
    )


def _comparison(result: PairResult, name: str) -> MeanComparison:
    """The comparison of this name on the test split."""
    if name == BETWEEN:
        return result.analysis.test
    return next(each for each in result.analysis.theory if each.name == name and each.split == "test")


def _title(group: Sequence[PairResult]) -> str:
    record = group[0].pair.gcnn.record
    coupled = ", coupled" if record.coupling == "shared" else ""
    architecture = record.architecture.get("name", "network")
    return f"{record.dataset}, {record.group}, {architecture}{coupled}{rotations_in_words(group[0].pair)}"


def _frozen(settings: dict[str, object]) -> str:
    return repr(sorted((key, str(value)) for key, value in settings.items()))
