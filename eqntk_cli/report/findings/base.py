"""A finding describes itself: its fields carry heading, unit and format, its class its name, tables and place.

A finding is a frozen dataclass. A field that a table shows is annotated with its column,

    measured: Annotated[Series, column("Variance measured", number)]

and a field that is a tuple is a series: it gives one row per entry, beside which the other fields are repeated. From
this come CSV, JSON, Markdown, HTML, terminal and the tables in Weights & Biases; see `catalogue` for the list.

Conventions: series over training steps are as long as `steps`; a number that does not exist is None (scalars) or nan
(inside series). Predictions are in the units in which networks were trained (encoded labels, standardised targets)
unless a field names a physical unit. Model A is the augmented ensemble, model B the group ensemble, mu_t the mean of
the infinitely wide ensemble after t steps, a point one pair (sample, output).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar, get_type_hints

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.paper.table import Cell, Column, Form, Table, integer, text

Series = tuple[float, ...]  # one number per recorded step unless said otherwise
Counts = tuple[int, ...]


def column(heading: str, form: Form = text, key: str = "") -> Column:
    """The column of a field; its key in CSV files is the field's name unless given.

    Examples:
        >>> column("Step", integer, "step").heading
        'Step'
    """
    return Column(key, heading, form)


MODEL, SPLIT, TITLE = column("Model"), column("Points"), column("Sweep")
METRIC, UNIT = column("Metric"), column("Unit")
STEP, STEPS = column("Step", integer), column("Step", integer, "step")


Kind = TypeVar("Kind", bound="Finding")


@dataclass(frozen=True)
class Sheet:
    """A table of a finding.

    `fields` are shown in this order (all that have a column, unless given), under other columns where `renamed` says
    so; `last` takes only the last entry of every series.

    Examples:
        >>> from typing import Annotated
        >>> from eqntk_cli.report.paper.table import number
        >>> @dataclass(frozen=True)
        ... class Largest(Finding):
        ...     steps: Annotated[Counts, STEPS]
        ...     largest: Annotated[Series, column("Largest", number)]
        >>> sheet = Sheet("largest", "Largest predictions")
        >>> last = Sheet("last", "At the end", fields=("largest",), last=True)
        >>> list(Largest((0, 10), (0.5, 2.0)).rows(last))
        [(2.0,)]
    """

    name: str  # of the CSV file
    title: str
    note: str = ""
    fields: tuple[str, ...] = ()
    renamed: tuple[tuple[str, Column], ...] = ()
    last: bool = False
    on_page: bool = True  # folded on the page and in Markdown; the CSV file has every table
    tracked: bool = False  # a table in Weights & Biases


@dataclass(frozen=True)
class Finding:
    """Something that a report says, as plain data.

    Examples:
        >>> from typing import Annotated
        >>> from eqntk_cli.report.paper.table import number
        >>> @dataclass(frozen=True)
        ... class Largest(Finding):
        ...     steps: Annotated[Counts, STEPS]
        ...     largest: Annotated[Series, column("Largest", number)]
        >>> sheet = Sheet("largest", "Largest predictions")
        >>> list(Largest((0, 10), (0.5, 2.0)).rows(sheet))  # a series gives one row per entry
        [(0, 0.5), (10, 2.0)]
    """

    KEY: ClassVar[str | None] = None  # in report.json; None: it stands there under another name
    SINGLE: ClassVar[bool] = False  # in report.json one object, not a list
    SHEETS: ClassVar[tuple[Sheet, ...]] = ()

    def remarks(self, width: int) -> Iterable[str]:  # noqa: ARG002
        """What must be said of it in words, among the notes of its pair; most findings have nothing to add."""
        return ()

    @classmethod
    def columns(cls, sheet: Sheet) -> dict[str, Column]:
        """The columns of a table by the field that fills them."""
        hints = get_type_hints(cls, include_extras=True)
        known = {
            name: replace(entry, key=entry.key or name)
            for name, hint in hints.items()
            for entry in getattr(hint, "__metadata__", ())
            if isinstance(entry, Column)
        } | dict(sheet.renamed)
        return {name: known[name] for name in sheet.fields or known}

    def rows(self, sheet: Sheet) -> Iterator[tuple[Cell, ...]]:
        """The rows that this finding gives to a table."""
        values = [getattr(self, name) for name in self.columns(sheet)]
        series = [value for value in values if isinstance(value, tuple)]
        count = len(series[0]) if series else 1
        for at in [count - 1] if sheet.last else range(count):
            yield tuple(value[at] if isinstance(value, tuple) else value for value in values)


def of_kind(kind: type[Kind], findings: Iterable[Finding]) -> tuple[Kind, ...]:
    """The findings of one kind."""
    return tuple(finding for finding in findings if isinstance(finding, kind))


def table_of(
    kind: type[Finding], sheet: Sheet, labelled: Iterable[tuple[Mapping[str, Cell], Finding]], labels: Iterable[Column]
) -> Table:
    """The table of some findings of one kind.

    Args:
        kind: their class.
        sheet: which of its tables.
        labelled: findings with what stands before their rows, by the keys of `labels`.
        labels: columns before those of the finding.
    """
    labels = tuple(labels)
    rows = tuple(
        (*(before[label.key] for label in labels), *row) for before, finding in labelled for row in finding.rows(sheet)
    )
    columns = (*labels, *kind.columns(sheet).values())
    return Table(sheet.name, sheet.title, columns, rows, sheet.note, sheet.on_page, sheet.tracked)


def series(values: Float[np.ndarray, " entry"]) -> Series:
    """An array as a series.

    Examples:
        >>> series(np.array([1.0, 2.0]))
        (1.0, 2.0)
    """
    return tuple(float(value) for value in values)
