"""Which runs belong together: pairs of subjects, their infinite ensemble, and the controls that must fail.

A pair is one augmented and one gcnn ensemble that agree in data, architecture, group, training, steps and width. A
control pair agrees in the same way except for the one thing that the control declares. What fits nowhere is refused,
and the difference is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from eqntk_cli.errors import ConfigError
from eqntk_cli.report.provenance import Unmatched
from eqntk_cli.report.read.differences import differences, follows_from_group, named
from eqntk_cli.report.read.runs import Run

_CHANGED = {"no_augmentation": "augmentation", "other_group": "group", "other_step_size": "step_size"}
_PARTNER = {"augmented_ensemble": "gcnn_ensemble", "gcnn_ensemble": "augmented_ensemble"}


@dataclass(frozen=True)
class Control:
    """A control run with the subject that it is compared with."""

    run_a: Run  # the augmented ensemble of the two
    run_b: Run  # the gcnn ensemble of the two
    kind: str
    changed: str


@dataclass
class Pair:
    """One matched pair."""

    augmented: Run
    gcnn: Run
    theory: Run | None = None
    controls: list[Control] = field(default_factory=list)

    @property
    def coupled(self) -> bool:
        """Whether member m of both ensembles started from the same weights."""
        return self.augmented.record.coupling == "shared"


def match(runs: Sequence[Run], *, partial: bool = False, needed: bool = True) -> tuple[list[Pair], list[Unmatched]]:
    """Pairs with their theory and controls, and the runs that belong to none.

    Args:
        runs: all runs that were given.
        partial: list runs that fit nowhere instead of refusing them (a sweep may be half done).
        needed: there must be a pair (not so beside learning curves of kernels).

    Raises:
        ConfigError: there is no pair though one is needed, or a run fits nowhere; names the difference to its nearest
            counterpart.
    """
    subjects = [run for run in runs if run.record.role == "subject" and run.is_ensemble]
    pairs = _pairs(subjects)
    used = {id(run) for pair in pairs for run in (pair.augmented, pair.gcnn)}
    for run in runs:
        if run.record.model == "ntk":
            fitting = [pair for pair in pairs if not differences(run, pair.gcnn)]
            for pair in fitting:
                pair.theory = pair.theory or run  # a sweep over widths makes the same prediction several times
            used |= {id(run)} if fitting else set()
        elif run.record.role == "control" and _attach(run, pairs):
            used.add(id(run))
    unmatched = [Unmatched(run.name, _reason(run, subjects, pairs)) for run in runs if id(run) not in used]
    if (needed and not pairs) or (unmatched and not partial):
        raise ConfigError(_refusal(unmatched, none=needed and not pairs))
    return sorted(pairs, key=_order), unmatched


def rotations_in_words(pair: Pair) -> str:
    """How many random rotations every sample was trained on, as the end of a title; empty for the whole orbit."""
    samples = pair.augmented.record.haar_samples
    return f", {samples} random rotation{'s' if samples > 1 else ''}" if samples else ""


def _pairs(subjects: Sequence[Run]) -> list[Pair]:
    """Every gcnn ensemble with one augmented ensemble; with one for each number of random rotations where sampled."""
    pairs = []
    free = [run for run in subjects if run.record.model == "augmented_ensemble"]
    for gcnn in (run for run in subjects if run.record.model == "gcnn_ensemble"):
        fitting = [run for run in free if not differences(run, gcnn)]
        for samples in sorted({run.record.haar_samples or 0 for run in fitting}):
            alike = [run for run in fitting if (run.record.haar_samples or 0) == samples]
            chosen = min(alike, key=lambda run: (run.record.seed != gcnn.record.seed, run.record.seed))
            free.remove(chosen)
            pairs.append(Pair(augmented=chosen, gcnn=gcnn))
    return pairs


def _attach(run: Run, pairs: Sequence[Pair]) -> bool:
    """Add a control to every pair with a subject from which it differs in the declared thing alone."""
    attached = False
    for pair in pairs:
        gcnn = run.record.model == "gcnn_ensemble"
        subject = pair.augmented if gcnn else pair.gcnn
        differing = differences(run, subject)
        if not _is_declared(run, subject, differing):
            continue
        ends = (subject, run) if gcnn else (run, subject)
        pair.controls.append(Control(*ends, str(run.record.control), named(differing)))
        attached = True
    return attached


def _is_declared(run: Run, subject: Run, differing: dict[str, str]) -> bool:
    declared = _CHANGED.get(run.record.control or "")
    others = set(differing) - {declared}
    if declared == "group" and follows_from_group(run, subject):
        others -= {"step_size"}
    return declared in differing and not others


def _reason(run: Run, subjects: Sequence[Run], pairs: Sequence[Pair]) -> str:
    """Why a run fits nowhere: the fewest differences to anything that it could have been compared with."""
    if run.record.model == "ntk":
        others = [pair.gcnn for pair in pairs] or list(subjects)
    else:
        others = [other for other in subjects if other.record.model == _PARTNER[run.record.model]]
    others = [other for other in others if other is not run]
    if not others and run.record.model == "ntk":
        return (
            "there is no ensemble among the runs to compare it with, and no learning curve either, which takes runs "
            "that differ in dataset.n_train and dataset.split_seed alone"
        )
    if not others:
        return f"there is no {_PARTNER[run.record.model]} among the runs to compare it with"
    differing, nearest = min(((differences(run, other), other) for other in others), key=lambda entry: len(entry[0]))
    if run.record.role != "control":
        taken = f"{nearest.name} has a partner already"
        return f"differs from {nearest.name} in {named(differing)}" if differing else taken
    declared = _CHANGED.get(run.record.control or "", "nothing")
    if declared not in differing:
        return f"declared as control {run.record.control}, but does not differ from {nearest.name} in {declared}"
    rest = {key: words for key, words in differing.items() if key != declared}
    return f"control {run.record.control} differs from {nearest.name} also in {named(rest)}"


def _refusal(unmatched: Sequence[Unmatched], *, none: bool) -> str:
    said = ". ".join(f"{run.run_id}: {run.reason}" for run in unmatched[:3])
    if none:
        said = said or "no ensembles with role=subject among the runs"
        return f"no pair of an augmented_ensemble and a gcnn_ensemble can be compared. {said}."
    more = f" ({len(unmatched) - 3} more such runs)" if len(unmatched) > 3 else ""
    return f"not comparable with the other runs. {said}{more}. Leave them out, or list them with --partial."


def _order(pair: Pair) -> tuple[str, str, int, int]:
    record = pair.gcnn.record
    return record.dataset, record.group, record.width or 0, pair.augmented.record.haar_samples or 0
