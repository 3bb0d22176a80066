"""Findings on one pair of ensembles, and on several runs together: what they are measured on and where they go."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.findings.base import Finding, table_of
from eqntk_cli.report.findings.draws import KernelDraws
from eqntk_cli.report.model import Analysis, PairAnalysis
from eqntk_cli.report.paper.drawing import Drawing, file_name
from eqntk_cli.report.paper.table import Cell, Column, Table
from eqntk_cli.report.read.match import Pair
from eqntk_cli.report.read.reduce import Reduced
from eqntk_cli.report.read.runs import Run
from eqntk_cli.report.read.theory import Theory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACROSS = "across"  # section of what belongs to no single pair
LEARNING = "learning"  # section of the learning curves of kernels
PAIR = Column("pair", "Pair")


@dataclass(frozen=True)
class PairCase:
    """What a finding on a pair is measured on."""

    pair: Pair
    a: Reduced  # the augmented ensemble
    b: Reduced  # the group ensemble
    theory: Theory | None

    @property
    def ensembles(self) -> tuple[Reduced, Reduced]:
        """Both, the augmented one first."""
        return self.a, self.b


@dataclass(frozen=True)
class PairResult:
    """The analysis of a pair, and its differences point by point on the test split, for extrapolation."""

    pair: Pair
    analysis: PairAnalysis
    differences: dict[str, Float[np.ndarray, "step point"]]


@dataclass(frozen=True)
class Study:
    """What a finding on several runs is measured on."""

    results: Sequence[PairResult]
    kernels: Sequence[Run]  # runs that learning curves of kernels are made of
    margin: float

    @cached_property
    def kernel_draws(self) -> KernelDraws:
        """Their predictions, by learning curve."""
        return KernelDraws.of(self.kernels)


@dataclass(frozen=True)
class Picture:
    """The words of a figure of a pair."""

    name: str  # of the file, behind the pair's
    title: str
    caption: str
    needs: str  # what would have to be there, for the case that nothing can be drawn


@dataclass(frozen=True)
class Registered(Finding):
    """A finding that the list of the report may hold."""

    SECTION: ClassVar[str | None] = None  # None: that of its pair
    LABELS: ClassVar[tuple[Column, ...]] = ()

    @classmethod
    def labelled(cls, analysis: Analysis) -> Iterator[tuple[Mapping[str, Cell], Finding]]:
        """Everything of this kind in a report, with what stands before its rows."""
        yield from (({}, finding) for finding in analysis.of(cls))

    @classmethod
    def tables(cls, analysis: Analysis) -> Iterator[Table]:
        """Its tables."""
        for sheet in cls.SHEETS:
            yield table_of(cls, sheet, cls.labelled(analysis), cls.LABELS)

    @classmethod
    def drawings(cls, analysis: Analysis) -> Iterator[Drawing]:  # noqa: ARG003
        """Its figures; none unless it says how it is drawn."""
        yield from ()


@dataclass(frozen=True)
class PairFinding(Registered):
    """A finding on one matched pair.

    Examples:
        >>> from eqntk_cli.report.findings.variance import VarianceComparison
        >>> issubclass(VarianceComparison, PairFinding), VarianceComparison.KEY
        (True, 'variances')
    """

    PICTURE: ClassVar[Picture | None] = None
    LABELS: ClassVar[tuple[Column, ...]] = (PAIR,)

    @classmethod
    def measure(cls, case: PairCase) -> Iterable[Self]:
        """What the pair shows."""
        raise NotImplementedError

    @classmethod
    def draw(cls, pair: PairAnalysis) -> "Figure | None":
        """The figure of its PICTURE; None where there is nothing to draw."""
        raise NotImplementedError

    @classmethod
    def caption(cls, pair: PairAnalysis) -> str:  # noqa: ARG003
        """What stands under the figure."""
        return cls.PICTURE.caption if cls.PICTURE is not None else ""

    @classmethod
    def labelled(cls, analysis: Analysis) -> Iterator[tuple[Mapping[str, Cell], Finding]]:
        """Everything of this kind with the name of its pair."""
        for pair in analysis.pairs:
            yield from (({PAIR.key: pair.name}, finding) for finding in pair.of(cls))

    @classmethod
    def drawings(cls, analysis: Analysis) -> Iterator[Drawing]:
        """One figure per pair."""
        picture = cls.PICTURE
        if picture is None:
            return
        for pair in analysis.pairs:
            name = file_name(f"{pair.name}-{picture.name}")
            make = partial(cls.draw, pair)
            yield Drawing(name, pair.name, picture.title, cls.caption(pair), make, picture.needs)


@dataclass(frozen=True)
class StudyFinding(Registered):
    """A finding on several runs together.

    Examples:
        >>> from eqntk_cli.report.findings.kernel_gain import KernelGain
        >>> issubclass(KernelGain, StudyFinding), KernelGain.KEY
        (True, 'kernel_gains')
    """

    SECTION: ClassVar[str | None] = ACROSS

    @classmethod
    def measure(cls, study: Study) -> Iterable[Self]:
        """What the runs show."""
        raise NotImplementedError
