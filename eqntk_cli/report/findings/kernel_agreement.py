"""The theorem on kernels, measured: the equivariant kernel on N samples and the plain kernel on their orbits agree."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from eqntk_cli.report.findings.base import Sheet, column
from eqntk_cli.report.findings.kernel_curve import SETTING
from eqntk_cli.report.findings.scope import LEARNING, Study, StudyFinding
from eqntk_cli.report.paper.table import integer, number, yes_no
from eqntk_cli.report.read.differences import differences
from eqntk_cli.report.read.runs import Run
from eqntk_cli.report.read.selection import Setting, kinds_of, n_train, setting_of
from eqntk_cli.report.statistics.learning import relative_rms


@dataclass(frozen=True)
class KernelAgreement(StudyFinding):
    """How far the means of the equivariant kernel on N samples and of the plain kernel on their orbits are apart."""

    KEY = "kernel_agreements"
    SECTION = LEARNING
    SHEETS = (
        Sheet(
            "kernel_agreements",
            "Equivariant and augmented kernel, the same predictor",
            "RMS difference over the test points between the means of the equivariant kernel on N samples and of the "
            "plain kernel on their orbits, in units of the RMS prediction: the largest over runs on the same data and "
            "over all recorded steps t > 0. By theory the two are the same predictor; allowed is what rounding "
            "explains, and never more than the margin. Networks that are not exactly equivariant are not compared.",
            ("title", "group", "comparisons", "difference", "allowed", "within", "n_train", "step", "run_a", "run_b"),
        ),
    )

    title: Annotated[str, SETTING]
    group: Annotated[str, column("Group")]
    comparisons: Annotated[int, column("Comparisons", integer)]  # predictions on the same data that were compared
    # largest over comparisons and steps t > 0 of RMS(difference) / RMS(equivariant), test points
    difference: Annotated[float, column("Largest difference", number)]
    run_a: Annotated[str, column("Equivariant")]  # where that is: the run with the equivariant kernel
    run_b: Annotated[str, column("Augmented")]
    n_train: Annotated[int, column("N", integer)]
    step: Annotated[int, column("Step", integer)]
    # what rounding explains: sqrt(unit rounding) times the condition number, at most the margin
    allowed: Annotated[float, column("Allowed", number)]
    within: Annotated[bool, column("Within", yes_no)]

    @classmethod
    def measure(cls, study: Study) -> Iterator["KernelAgreement"]:
        """One per setting and group."""
        yield from agreements(study.kernels, study.kernel_draws.titles, study.margin)


def agreements(runs: Sequence[Run], named: Mapping[Setting, str], margin: float) -> Iterator[KernelAgreement]:
    """One comparison per setting and group; runs on other data or with another step size are not compared.

    Nor are networks that the group does not act on exactly, for which the two predictors are not the same.

    Args:
        runs: kernel runs.
        named: titles of the settings.
        margin: never more than this relative difference is allowed.
    """
    sides: dict[tuple[Setting, str], list[Run]] = defaultdict(list)
    for run in runs:
        sides[setting_of(run), run.record.group].append(run)
    for (setting, group), members in sorted(sides.items(), key=lambda entry: (named[entry[0][0]], entry[0][1])):
        pairs = [
            (a, b)
            for a in members
            for b in members
            if "equivariant" in kinds_of(a).values()
            and "augmented" in kinds_of(b).values()
            and a.record.fingerprint == b.record.fingerprint
            and not differences(a, b)
            and _exact(a)
            and _exact(b)
        ]
        if pairs:
            yield _compared(named[setting], group, pairs, margin)


def _compared(title: str, group: str, pairs: Sequence[tuple[Run, Run]], margin: float) -> KernelAgreement:
    rows = [_Row.of(a, b, margin) for a, b in pairs]
    beyond = [row for row in rows if row.difference > row.allowed]
    worst = max(beyond or rows, key=lambda row: row.difference)
    return KernelAgreement(
        title=title,
        group=group,
        comparisons=len(pairs),
        difference=worst.difference,
        run_a=worst.a.name,
        run_b=worst.b.name,
        n_train=n_train(worst.a),
        step=worst.step,
        allowed=worst.allowed,
        within=not beyond,
    )


@dataclass(frozen=True)
class _Row:
    """One comparison at the step where it is worst."""

    a: Run
    b: Run
    difference: float
    allowed: float
    step: int

    @classmethod
    def of(cls, a: Run, b: Run, margin: float) -> "_Row":
        apart = relative_rms(_mean(a, "equivariant"), _mean(b, "augmented"))
        after = [index for index, step in enumerate(a.steps) if step > 0] or [len(a.steps) - 1]
        worst = max(after, key=lambda index: float(apart[index]))
        allowed = min(margin, max(_rounding(a), _rounding(b)))
        return cls(a, b, float(apart[worst]), allowed, a.steps[worst])


def _mean(run: Run, kind: str) -> np.ndarray:
    """The prediction (step, point) of the kernel of this kind at the test points."""
    kinds = list(kinds_of(run).values())
    values = run.data["mean"][kinds.index(kind)].values[:, run.samples_of("test")]
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)


def _exact(run: Run) -> bool:
    """Whether the network is exactly equivariant; where it is not (a 3x1 window under C4) the two predictors differ."""
    return (run.record.kernel or {}).get("exact") is not False


def _rounding(run: Run) -> float:
    """The relative error of predictions that rounding may cause; infinite where the spectrum is not on record.

    Between a sample and (nearly) itself an arc-cosine kernel goes with the angle, which is the square root of what the
    correlation lacks to 1, so entries are known up to the root of the unit rounding; solving multiplies that by the
    condition number.
    """
    spectra = [entry for entry in (run.record.kernel or {}).values() if isinstance(entry, dict)]
    numbers = [spectrum.get("condition_number") for spectrum in spectra]
    known = [float(number) for number in numbers if number is not None]  # None: infinite, or not on record
    entries = float(np.sqrt(np.finfo(run.record.precision).eps))
    return entries * max(known) if known and len(known) == len(numbers) else float("inf")
