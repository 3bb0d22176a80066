"""Everything that is measured on one matched pair and its controls."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from eqntk_cli.errors import DataError
from eqntk_cli.report.examples import orbit_examples, parity, trajectories
from eqntk_cli.report.findings import ORBIT_MEAN, OrbitStatistics, TaskMetrics, VarianceComparison
from eqntk_cli.report.model import ControlAnalysis, MeanComparison, Outcome, PairAnalysis
from eqntk_cli.report.read.coupled import common_members, require_equal_starts
from eqntk_cli.report.read.match import Control, Pair
from eqntk_cli.report.read.reduce import IDENTITY, SYMMETRISED, Reduced, reduce_run
from eqntk_cli.report.read.runs import SPLITS, Run
from eqntk_cli.report.read.theory import KERNEL_OF, Theory
from eqntk_cli.report.statistics.comparison import Comparison, Settings
from eqntk_cli.report.statistics.orbit import orbit_statistics
from eqntk_cli.report.statistics.scaling import member_scaling
from eqntk_cli.report.statistics.task import task_metrics
from eqntk_cli.report.statistics.variance import compare_variance, finite_width
from eqntk_cli.report.verdict import judge

BETWEEN = "augmented - gcnn"
AGAINST = {"augmented_ensemble": "augmented - theory", "gcnn_ensemble": "gcnn - theory"}


@dataclass(frozen=True)
class PairResult:
    """The analysis of a pair, and its differences point by point on the test split, for extrapolation."""

    pair: Pair
    analysis: PairAnalysis
    differences: dict[str, Float[np.ndarray, "step point"]]


class Ensembles:
    """Ensembles that were read already, so that each is read once per report."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._known: dict[tuple[Path, tuple[int, ...], bool], Reduced] = {}

    def get(self, run: Run, members: tuple[int, ...], *, symmetrise: bool) -> Reduced:
        """The ensemble reduced to moments and units."""
        key = (run.folder, members, symmetrise)
        if key not in self._known:
            folder = self._scratch / str(len(self._known))
            folder.mkdir()
            self._known[key] = reduce_run(run, members, folder, symmetrise=symmetrise)
        return self._known[key]

    def both(self, a: Run, b: Run) -> tuple[Reduced, Reduced]:
        """Two ensembles to be compared; coupled ones with the members that both have, which must start equal.

        Raises:
            DataError: fewer than two members to compare, or coupled members that do not start equal.
        """
        coupled = a.record.coupling == "shared"
        own = tuple(a.record.done_members()), tuple(b.record.done_members())
        of_a, of_b = (common_members(a, b),) * 2 if coupled else own
        if min(len(of_a), len(of_b)) < 2:
            raise DataError(f"{a.name} and {b.name} have fewer than 2 members to compare; go on with them first.")
        both = self.get(a, of_a, symmetrise=coupled), self.get(b, of_b, symmetrise=False)
        if a.record.group == b.record.group:  # the orbit of another group has another mean: a control may differ in it
            require_equal_starts(*both)
        return both


def analyse_pair(pair: Pair, name: str, ensembles: Ensembles, settings: Settings) -> PairResult:
    """All statistics of one pair.

    Args:
        pair: the runs.
        name: unique within the report.
        ensembles: what was read before.
        settings: margin, level and resampling.
    """
    a, b = ensembles.both(pair.augmented, pair.gcnn)
    theory = None if pair.theory is None else Theory.of(pair.theory)
    test = _compare(a, b, theory, "test", settings)
    if test is None:
        raise DataError(f"{a.run.folder} has no test samples; make the run again with dataset.n_test above 0.")
    run = pair.gcnn
    variances = tuple(_variances(a, b, theory))
    analysis = PairAnalysis(
        name=name,
        title=_title(pair),
        run_a=pair.augmented.name,
        run_b=run.name,
        run_ntk=None if pair.theory is None else pair.theory.name,
        width=run.record.width or 0,
        coupled=pair.coupled,
        verdict=judge(test, settings),
        test=test,
        ood=_compare(a, b, theory, "ood", settings),
        train=_compare(a, b, theory, "train", settings),
        unmoved=_compare(a, b, theory, "test", settings, IDENTITY) if pair.coupled else None,
        theory=tuple(_against_theory(a, b, theory, settings)),
        variances=variances,
        orbits=tuple(_orbits(a)),
        metrics=tuple(_metrics(a, b, theory)),
        trajectories=trajectories(a, b, theory),
        orbit_examples=orbit_examples(a, b),
        parities=tuple(filter(None, (parity(each) for each in (a, b)))),
        member_scaling=member_scaling(
            a.samples["test", _kind(a)],
            b.samples["test", IDENTITY],
            len(run.steps) - 1,
            run.steps[-1],
            test.noise_floor[-1],
        ),
        controls=tuple(_control(control, ensembles, theory, settings) for control in pair.controls),
        notes=(*_notes(a, b, pair), *_departures(variances, run)),
    )
    return PairResult(pair, analysis, _differences(a, b, theory))


def _compare(
    a: Reduced, b: Reduced, theory: Theory | None, split: str, settings: Settings, inputs: str | None = None
) -> MeanComparison | None:
    """Augmented against gcnn ensemble on one split; None if it has no samples.

    Args:
        a: augmented ensemble.
        b: gcnn ensemble.
        theory: sets the margin, where it is known.
        split: which samples.
        settings: margin, level and resampling.
        inputs: IDENTITY or SYMMETRISED; orbit means where the ensembles are coupled, unless given.
    """
    places = b.places(split)
    if len(places) == 0:
        return None
    mu = None if theory is None else theory.mean(theory.kernel_for("gcnn_ensemble"), places)
    kind = "paired" if b.run.record.coupling == "shared" else "independent"
    sample_a, sample_b = a.samples[split, inputs or _kind(a)], b.samples[split, IDENTITY]
    comparison = Comparison("paired" if kind == "paired" else "independent", sample_a, sample_b, mu, settings)
    return comparison.run(BETWEEN, split, b.run.steps)


def _kind(a: Reduced) -> str:
    """Coupled ensembles are compared through the orbit mean of each plain network."""
    return SYMMETRISED if ("test", SYMMETRISED) in a.samples else IDENTITY


def _against_theory(a: Reduced, b: Reduced, theory: Theory | None, settings: Settings) -> Iterator[MeanComparison]:
    if theory is None:
        return
    for split in ("test", "ood"):
        for ensemble in (a, b):
            places = ensemble.places(split)
            if len(places) == 0:
                continue
            model = ensemble.run.record.model
            mu = theory.mean(theory.kernel_for(model), places)
            comparison = Comparison("theory", ensemble.samples[split, IDENTITY], None, mu, settings)
            yield comparison.run(AGAINST[model], split, ensemble.run.steps)


def _variances(a: Reduced, b: Reduced, theory: Theory | None) -> Iterator[VarianceComparison]:
    for split in ("test", "ood") if theory is not None else ():
        for ensemble in (a, b):
            places, model = ensemble.places(split), ensemble.run.record.model
            predicted = theory.variance(model, places) if theory is not None else None
            if predicted is None or len(places) == 0:
                continue
            measured = ensemble.variance[:, places]
            labels = (model, KERNEL_OF[model], split)
            yield compare_variance(labels, ensemble.run.steps, ensemble.samples[split, IDENTITY], measured, predicted)


def _orbits(a: Reduced) -> Iterator[OrbitStatistics]:
    if len(a.run.elements) < 2:
        return
    for split in ("test", "ood"):
        places = a.places(split)
        if len(places):
            yield orbit_statistics(
                (a.run.record.model, split),
                a.run.steps,
                a.run.elements,
                a.orbit_mean[:, :, places],
                a.orbit_variance[:, places],
                np.square(a.mean[:, places]) + a.variance[:, places],
                len(a.members),
                a.run.task,
                a.run.scale,
            )


def _metrics(a: Reduced, b: Reduced, theory: Theory | None) -> Iterator[TaskMetrics]:
    run = b.run
    task, scale = run.task, run.scale
    for split in SPLITS:
        places = b.places(split)
        if len(places) == 0:
            continue
        target, label = run.target[places], None if run.label is None else run.label[places]
        for ensemble in (a, b):
            labels = (ensemble.run.record.model, split)
            mean, sample = ensemble.mean[:, places], ensemble.samples[split, IDENTITY]
            yield from task_metrics(
                labels, run.steps, task, scale, mean, target, label, sample, ensemble.last[:, places]
            )
        if (split, SYMMETRISED) in a.samples:
            labels, mean = (a.run.record.model, split), a.orbit_mean.mean(axis=1)[:, places]
            sample = a.samples[split, SYMMETRISED]
            yield from task_metrics(labels, run.steps, task, scale, mean, target, label, sample, inputs=ORBIT_MEAN)
        if theory is not None:
            mu = theory.mean(theory.kernel_for("gcnn_ensemble"), places).reshape(len(run.steps), len(places), -1)
            yield from task_metrics(("ntk", split), run.steps, task, scale, mu, target, label)


def _control(control: Control, ensembles: Ensembles, theory: Theory | None, settings: Settings) -> ControlAnalysis:
    a, b = ensembles.both(control.run_a, control.run_b)
    comparison = _compare(a, b, theory, "test", settings)
    if comparison is None:
        raise DataError(f"{a.run.folder} has no test samples; make the run again with dataset.n_test above 0.")
    verdict = judge(comparison, settings)
    return ControlAnalysis(
        control=control.kind,
        run_a=control.run_a.name,
        run_b=control.run_b.name,
        changed=control.changed,
        comparison=comparison,
        verdict=verdict,
        as_expected=verdict.outcome is Outcome.DIFFERENT,
    )


def _differences(a: Reduced, b: Reduced, theory: Theory | None) -> dict[str, Float[np.ndarray, "step point"]]:
    places = b.places("test")
    mean_a = a.orbit_mean.mean(axis=1) if _kind(a) == SYMMETRISED else a.mean
    steps = len(b.mean)
    found = {BETWEEN: (mean_a[:, places] - b.mean[:, places]).reshape(steps, -1)}
    for ensemble in (a, b) if theory is not None else ():
        model = ensemble.run.record.model
        mean = ensemble.mean[:, places].reshape(steps, -1)
        found[AGAINST[model]] = mean - (theory.mean(theory.kernel_for(model), places) if theory is not None else 0)
    return found


def _notes(a: Reduced, b: Reduced, pair: Pair) -> Iterator[str]:
    for reduced in (a, b):
        record = reduced.run.record
        if record.state != "done" or len(reduced.members) != record.members:
            yield f"{record.run_id}: {len(reduced.members)} of {record.members} members are used (state {record.state})"
        yield from (f"{record.run_id}: {note}" for note in record.notes)
    if pair.augmented.record.augmentation == "haar":
        yield f"{pair.augmented.name}: augmented with sampled rotations, so agreement holds up to the sampling error"
    if pair.theory is None:
        yield "no ntk run among the runs: margins refer to the pooled mean of the ensembles"
    else:
        yield from (f"{pair.theory.name}: {note}" for note in pair.theory.record.notes)
    if b.run.record.training.get("loss") == "cross_entropy" and not b.run.record.training.get("centred"):
        yield "cross-entropy without centring: no agreement is expected by theory; this is a measurement"


def _departures(variances: Iterable[VarianceComparison], run: Run) -> Iterator[str]:
    """The measured variances that finite width alone explains, named."""
    yield from filter(None, (finite_width(found, run.record.width or 0) for found in variances))


def rotations_in_words(pair: Pair) -> str:
    """How many random rotations every sample was trained on, as the end of a title; empty for the whole orbit."""
    samples = pair.augmented.record.haar_samples
    return f", {samples} random rotation{'s' if samples > 1 else ''}" if samples else ""


def _title(pair: Pair) -> str:
    record = pair.gcnn.record
    architecture = f"{record.architecture.get('name', 'network')}, width {record.width}"
    coupled = ", coupled" if record.coupling == "shared" else ""
    return f"{record.dataset}, {record.group}, {architecture}{coupled}{rotations_in_words(pair)}"
