"""Everything that is measured on one matched pair and its controls."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from eqntk_cli.errors import DataError
from eqntk_cli.report.findings.catalogue import findings_on_pair
from eqntk_cli.report.findings.comparison import MeanComparison, Settings
from eqntk_cli.report.findings.means import Comparison
from eqntk_cli.report.findings.scope import PairCase, PairResult
from eqntk_cli.report.findings.sweep import AGAINST, BETWEEN
from eqntk_cli.report.model import ControlAnalysis, Outcome, PairAnalysis, Verdict
from eqntk_cli.report.paper.table import number
from eqntk_cli.report.read.coupled import common_members, require_equal_starts
from eqntk_cli.report.read.match import Control, Pair, rotations_in_words
from eqntk_cli.report.read.reduce import IDENTITY, SYMMETRISED, Reduced, reduce_run
from eqntk_cli.report.read.runs import Run
from eqntk_cli.report.read.theory import Theory
from eqntk_cli.report.read.units import members_per_unit
from eqntk_cli.report.verdict import judge


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

    def both(self, a: Run, b: Run, most: int | None = None) -> tuple[Reduced, Reduced]:
        """Two ensembles to be compared; coupled ones with the members that both have, which must start equal.

        Only the first `most` members of each are taken, if that is given.

        Raises:
            DataError: fewer than two draws to compare, or coupled members that do not start equal.
        """
        coupled = a.record.coupling == "shared"
        own = tuple(a.record.done_members()), tuple(b.record.done_members())
        of_a, of_b = (members[:most] for members in ((common_members(a, b),) * 2 if coupled else own))
        if any(len(of) < 2 * members_per_unit(run.record) for run, of in ((a, of_a), (b, of_b))):
            raise DataError(
                f"{a.name} and {b.name} have fewer than 2 independent members (pairs of antithetic ones) to compare; "
                "go on with them first."
            )
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
    theory = None if pair.theory is None else Theory.of(pair.theory)
    (a, b), test, verdict = _look(pair.augmented, pair.gcnn, ensembles, theory, settings)
    record = pair.gcnn.record
    findings = findings_on_pair(PairCase(pair, a, b, theory))
    remarks = (remark for finding in findings for remark in finding.remarks(record.width or 0))
    analysis = PairAnalysis(
        name=name,
        title=_title(pair),
        run_a=pair.augmented.name,
        run_b=pair.gcnn.name,
        run_ntk=None if pair.theory is None else pair.theory.name,
        width=record.width or 0,
        coupled=pair.coupled,
        verdict=verdict,
        test=test,
        ood=_compare(a, b, theory, "ood", settings),
        train=_compare(a, b, theory, "train", settings),
        unmoved=_compare(a, b, theory, "test", settings, IDENTITY) if pair.coupled else None,
        theory=tuple(_against_theory(a, b, theory, settings)),
        controls=tuple(_control(control, ensembles, theory, settings) for control in pair.controls),
        notes=(*_notes(a, b, pair, test), *remarks),
        invariance_error=record.invariance_error,
        findings=findings,
    )
    return PairResult(pair, analysis, _differences(a, b, theory))


def _look(
    run_a: Run, run_b: Run, ensembles: Ensembles, theory: Theory | None, settings: Settings
) -> tuple[tuple[Reduced, Reduced], MeanComparison, Verdict]:
    """The verdict of the first look of the plan that decides, with what it saw; else that of the last look made.

    Members that came later, because something else was still open, do not change what was decided, neither of this
    comparison nor of a partner that went on alone: a look takes as many members of both. Where the smaller ensemble
    has a number of members that is no look, all members of both are taken, as without a plan.

    Raises:
        DataError: there are no test samples.
    """
    have = min(len(run.record.done_members()) for run in (run_a, run_b))
    for most in (look for look in settings.looks if look < have):
        seen = _seen(run_a, run_b, ensembles, theory, settings, most)
        if seen[2].outcome is not Outcome.UNDECIDED:
            return seen
    return _seen(run_a, run_b, ensembles, theory, settings, have if have in settings.looks else None)


def _seen(
    run_a: Run, run_b: Run, ensembles: Ensembles, theory: Theory | None, settings: Settings, most: int | None
) -> tuple[tuple[Reduced, Reduced], MeanComparison, Verdict]:
    """The verdict of one look at the first `most` members."""
    a, b = ensembles.both(run_a, run_b, most)
    test = _compare(a, b, theory, "test", settings)
    if test is None:
        raise DataError(f"{a.run.folder} has no test samples; make the run again with dataset.n_test above 0.")
    return (a, b), test, judge(test, settings)


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
    sample_a, sample_b = a.samples[split, inputs or a.compared], b.samples[split, IDENTITY]
    comparison = Comparison(
        "paired" if b.run.record.coupling == "shared" else "independent", sample_a, sample_b, mu, settings
    )
    return comparison.run(BETWEEN, split, b.run.steps)


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


def _control(control: Control, ensembles: Ensembles, theory: Theory | None, settings: Settings) -> ControlAnalysis:
    _, comparison, verdict = _look(control.run_a, control.run_b, ensembles, theory, settings)
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
    mean_a = a.orbit_mean.mean(axis=1) if a.compared == SYMMETRISED else a.mean
    steps = len(b.mean)
    differences = {BETWEEN: (mean_a[:, places] - b.mean[:, places]).reshape(steps, -1)}
    for ensemble in (a, b) if theory is not None else ():
        model = ensemble.run.record.model
        mean = ensemble.mean[:, places].reshape(steps, -1)
        expected = theory.mean(theory.kernel_for(model), places) if theory is not None else 0
        differences[AGAINST[model]] = mean - expected
    return differences


def _notes(a: Reduced, b: Reduced, pair: Pair, test: MeanComparison) -> Iterator[str]:
    for reduced in (a, b):
        record = reduced.run.record
        if record.state != "done" or len(reduced.members) != record.members:
            yield f"{record.run_id}: {len(reduced.members)} of {record.members} members are used (state {record.state})"
        yield from (f"{record.run_id}: {note}" for note in record.notes)
    yield from _doubts(a, test)
    if pair.augmented.record.augmentation == "haar":
        yield f"{pair.augmented.name}: augmented with sampled rotations, so agreement holds up to the sampling error"
    if pair.theory is None:
        yield "no ntk run among the runs: margins refer to the pooled mean of the ensembles"
    else:
        yield from (f"{pair.theory.name}: {note}" for note in pair.theory.record.notes)
    if b.run.record.training.get("loss") == "cross_entropy" and not b.run.record.training.get("centred"):
        yield "cross-entropy without centring: no agreement is expected by theory; this is a measurement"
    earlier = [reduced.run.name for reduced in (a, b) if reduced.run.record.config_fingerprint is None]
    if earlier:
        yield f"{', '.join(earlier)}: of an earlier program, whose records do not say whether settings were edited"


def _doubts(a: Reduced, test: MeanComparison) -> Iterator[str]:
    """What the tests cannot do with these units."""
    unit = "pairs of antithetic members" if a.run.record.antithetic else "members"
    if test.units < test.fewest_units:
        yield (
            f"{test.units} {unit} are too few to show a difference: no test of equal means can reject with fewer than "
            f"{test.fewest_units}"
        )
    if test.skewness is not None:
        yield (
            f"the {unit} are skewed (skewness {number(test.skewness)} of the difference of their means, where normal "
            f"ones have 0): bounds and p-values from {test.units} of them may be wrong several times as often as stated"
        )


def _title(pair: Pair) -> str:
    record = pair.gcnn.record
    architecture = f"{record.architecture.get('name', 'network')}, width {record.width}"
    coupled = ", coupled" if record.coupling == "shared" else ""
    return f"{record.dataset}, {record.group}, {architecture}{coupled}{rotations_in_words(pair)}"
