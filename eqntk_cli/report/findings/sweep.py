"""Sweeps over the width: pairs that differ in nothing else, and the words that name them."""

from collections import defaultdict
from collections.abc import Sequence

from eqntk_cli.report.findings.comparison import MeanComparison
from eqntk_cli.report.findings.scope import PairResult
from eqntk_cli.report.read.differences import architecture
from eqntk_cli.report.read.match import rotations_in_words

BETWEEN = "augmented - gcnn"
AGAINST = {"augmented_ensemble": "augmented - theory", "gcnn_ensemble": "gcnn - theory"}


def sweeps_over_width(results: Sequence[PairResult]) -> list[list[PairResult]]:
    """Sets of at least two pairs that agree in all but the width, ordered by width."""
    groups: dict[tuple[object, ...], list[PairResult]] = defaultdict(list)
    for result in results:
        record = result.pair.gcnn.record
        data = (record.fingerprint or {}).get("all")
        steps = tuple(record.record_steps)
        settings = frozen(architecture(record)), frozen(record.training), record.step_size
        samples = result.pair.augmented.record.haar_samples
        groups[data, record.group, record.coupling, record.seed, samples, steps, *settings].append(result)
    ordered = [sorted(group, key=lambda result: result.analysis.width) for group in groups.values()]
    return [group for group in ordered if len({result.analysis.width for result in group}) > 1]


def comparison_of(result: PairResult, name: str) -> MeanComparison:
    """The comparison of this name on the test split."""
    if name == BETWEEN:
        return result.analysis.test
    return next(
        comparison for comparison in result.analysis.theory if comparison.name == name and comparison.split == "test"
    )


def title_of(group: Sequence[PairResult]) -> str:
    """What the pairs of a group share, in words."""
    record = group[0].pair.gcnn.record
    coupled = ", coupled" if record.coupling == "shared" else ""
    architecture = record.architecture.get("name", "network")
    return f"{record.dataset}, {record.group}, {architecture}{coupled}{rotations_in_words(group[0].pair)}"


def frozen(settings: dict[str, object]) -> str:
    """Settings as something that can be compared."""
    return repr(sorted((key, str(value)) for key, value in settings.items()))
