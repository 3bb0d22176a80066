"""A table of the report: columns that know how to print themselves, rows of raw values.

CSV files hold the raw values under machine-readable keys; HTML, Markdown and the terminal show the same rows
rounded, under headings for people.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import isfinite

from eqntk_cli.report.statistics.maximum import PValue

Cell = str | int | float | bool | None
Form = Callable[[Cell], str]
ABSENT = "-"


def text(value: Cell) -> str:
    """A word on one line, without control characters; a dash where there is none."""
    return ABSENT if value is None or value == "" else printable(str(value))


def number(value: Cell) -> str:
    """Three significant digits: 0.0123, 4.56e-07, whole numbers from 1,000; a dash for None, nan and infinity."""
    if value is None or isinstance(value, str) or not isfinite(value):
        return ABSENT
    size = abs(value)
    if size == 0:
        return "0"
    if 1e3 <= size < 1e6:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".") if 1e-3 <= size < 1e3 else f"{value:.2e}"


def integer(value: Cell) -> str:
    """A count with thousands separated by commas."""
    if value is None or isinstance(value, str) or not isfinite(value):
        return ABSENT
    return f"{int(value):,}"


def percent(value: Cell) -> str:
    """A share as a percentage with one decimal, below 1 % with two significant digits."""
    if value is None or isinstance(value, str) or not isfinite(value):
        return ABSENT
    hundred = 100 * value
    return f"{hundred:.1f} %" if abs(hundred) >= 1 or hundred == 0 else f"{hundred:.2g} %"


def setting(value: Cell) -> str:
    """A share that somebody chose, such as a margin, as a percentage without superfluous zeros."""
    return ABSENT if value is None or isinstance(value, str) else f"{100 * value:.4g} %"


def p_value(value: Cell) -> str:
    """A p-value to four digits after the point; never 0, and "<=" at the smallest that its resamplings can give."""
    if value is None or isinstance(value, str) or not isfinite(value):
        return ABSENT
    digits = f"{value:.3f}" if value >= 0.01 else (f"{value:.4f}" if value >= 1e-4 else f"{value:.0e}")
    return f"<= {digits}" if isinstance(value, PValue) and value.at_floor else digits


def p_equation(value: float) -> str:
    """A p-value in a sentence: "p = 0.03", "p <= 0.001"."""
    words = p_value(value)
    return f"p {words}" if words.startswith("<") else f"p = {words}"


def yes_no(value: Cell) -> str:
    """A truth value in words."""
    return ABSENT if value is None else ("yes" if value else "no")


def printable(words: str) -> str:
    """Words without control characters, which could redraw a terminal or break a line or a file."""
    return "".join(letter if letter.isprintable() else " " for letter in words)


@dataclass(frozen=True)
class Column:
    """One column: its key in CSV files, its heading for people, how a value is printed."""

    key: str
    heading: str
    form: Form = text

    @property
    def is_text(self) -> bool:
        """True for words, which are set flush left; numbers are set flush right."""
        return self.form in (text, yes_no)


@dataclass(frozen=True)
class Table:
    """Rows of raw values under columns; `note` explains the columns to a reader."""

    name: str  # of the CSV file
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    on_page: bool = True  # folded on the page; else in its CSV file alone, or where the page has a place for it
    tracked: bool = False  # also a table in Weights & Biases

    def only(self, **wanted: Cell) -> "Table":
        """The rows in which the given columns hold the given values, without these columns."""
        keys = [column.key for column in self.columns]
        places = {keys.index(key): value for key, value in wanted.items()}
        kept = tuple(row for row in self.rows if all(row[place] == value for place, value in places.items()))
        return replace(
            self,
            columns=tuple(column for place, column in enumerate(self.columns) if place not in places),
            rows=tuple(tuple(cell for place, cell in enumerate(row) if place not in places) for row in kept),
        )

    def columns_with_values(self) -> "Table":
        """The table without the columns in which nothing stands; the CSV file keeps them."""
        filled = [
            place
            for place, column in enumerate(self.columns)
            if not self.rows or any(column.form(row[place]) != ABSENT for row in self.rows)
        ]
        return replace(
            self,
            columns=tuple(self.columns[place] for place in filled),
            rows=tuple(tuple(row[place] for place in filled) for row in self.rows),
        )

    def without_repeated(self, key: str) -> "Table":
        """The table without a column in which the same stands in every row."""
        place = [column.key for column in self.columns].index(key)
        values = {row[place] for row in self.rows}
        return self.only(**{key: values.pop()}) if len(values) == 1 else self

    def selected(self, keys: Iterable[str]) -> "Table":
        """The table with these columns only, in this order."""
        keys = tuple(keys)
        places = [[column.key for column in self.columns].index(key) for key in keys]
        rows = tuple(tuple(row[place] for place in places) for row in self.rows)
        return replace(self, columns=tuple(self.columns[place] for place in places), rows=rows)

    def printed(self) -> list[list[str]]:
        """Every cell as people read it."""
        return [[column.form(cell) for column, cell in zip(self.columns, row, strict=True)] for row in self.rows]
