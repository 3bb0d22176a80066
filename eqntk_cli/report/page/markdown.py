"""The report as Markdown: the same answers and tables for a repository, an issue or a plain text reader."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eqntk_cli.report.model import Analysis, PairAnalysis
from eqntk_cli.report.page.html import ACROSS_TABLES, PAIR_TABLES, commands, step_table_of
from eqntk_cli.report.page.summary import conditions, distinguished, facts
from eqntk_cli.report.paper.table import Table, printable
from eqntk_cli.report.tables.learning import on_screen
from eqntk_cli.report.tables.runs import ON_SCREEN, run_table, selected, unmatched_table
from eqntk_cli.report.tables.verdicts import verdict_table

if TYPE_CHECKING:
    from eqntk_cli.report.figures.catalogue import Rendered

_VERDICT = (
    "pair",
    "width",
    "members_augmented",
    "verdict",
    "largest_difference",
    "bound",
    "margin",
    "p_value",
    "controls",
)
_SPECIAL = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|~$"})


def markdown_page(analysis: Analysis, tables: dict[str, Table], figures: Sequence["Rendered"]) -> str:
    """The whole report; figures are linked from the folder `figures`."""
    analysis = distinguished(analysis)
    parts = [f"**{plain(analysis.first_line)}**"]
    parts.append(plain(conditions(analysis)))
    if analysis.pairs or not analysis.kernel_curves:
        parts += ["## Verdict", markdown_table(selected(verdict_table(analysis), _VERDICT).columns_with_values())]
    for pair in analysis.pairs:
        parts += _pair(pair, tables, figures)
    if analysis.kernel_curves:
        parts.append("## Learning curves of kernels")
        parts += [_figure(figure) for figure in figures if figure.drawing.section == "learning"]
        for table in on_screen(tables):
            parts += [f"### {table.title}", markdown_table(table)]
    across = [tables[name] for name in ACROSS_TABLES if name in tables]
    if across:
        parts.append("## Across runs")
        parts += [_figure(figure) for figure in figures if figure.drawing.section == "across"]
        for table in across:
            parts += [f"### {table.title}", markdown_table(table)]
    parts += ["## Runs", markdown_table(selected(run_table(analysis), ON_SCREEN).columns_with_values())]
    left_out = unmatched_table(analysis)
    if left_out.rows:
        parts += ["### Runs left out", markdown_table(left_out)]
    parts += ["### Commands", "\n".join(f"    {' '.join(command.split())}" for command in commands(analysis))]
    made = analysis.provenance
    parts.append(
        f"Made by eqntk {plain(made.version)} on {plain(made.host)}, {made.created}; seed of the resampling "
        f'{made.seed}. Definitions: report.html, section "What exactly is compared".'
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(table: Table) -> str:
    """Aligned columns between bars; words of users cannot break out of their cell."""
    head = [plain(column.heading) for column in table.columns]
    body = [[plain(cell) for cell in row] for row in table.printed()]
    widths = [max([3, *(len(row[at]) for row in [head, *body])]) for at in range(len(head))]
    left = [column.is_text for column in table.columns]
    rule = [("-" * width) if flush else ("-" * (width - 1) + ":") for width, flush in zip(widths, left, strict=True)]
    lines = [_row(head, widths, left), f"| {' | '.join(rule)} |", *(_row(row, widths, left) for row in body)]
    return "\n".join(lines) + (f"\n\n{plain(table.note)}" if table.note else "")


def plain(words: str) -> str:
    """Words in which Markdown and HTML find nothing to interpret."""
    return printable(words).translate(_SPECIAL)


def _pair(pair: PairAnalysis, tables: dict[str, Table], figures: Sequence["Rendered"]) -> list[str]:
    parts = [f"## {plain(pair.title)}", f"**{plain(pair.verdict.sentence)}**"]
    parts.append("\n".join(f"- {plain(name)}: {plain(value)}" for name, value in facts(pair)))
    parts.append("\n".join(f"- {plain(note)}" for note in pair.notes))
    parts += [_figure(figure) for figure in figures if figure.drawing.section == pair.name]
    steps = step_table_of(pair, tables["steps"], comparison=pair.test.name, split=pair.test.split)
    parts += ["### Step by step", markdown_table(steps)]
    parts.append("### Controls")
    if pair.controls:
        parts.append(markdown_table(tables["controls"].only(pair=pair.name)))
    else:
        parts.append("None were given, so nothing shows that this comparison would have seen a difference.")
    for name in PAIR_TABLES:
        if name in tables and (own := tables[name].only(pair=pair.name).columns_with_values()).rows:
            parts += [f"### {own.title}", markdown_table(own)]
    return parts


def _figure(figure: "Rendered") -> str:
    drawing = figure.drawing
    return (
        f"![{plain(drawing.title)}](figures/{drawing.name}.svg)\n\n*{plain(drawing.title)}.* {plain(drawing.caption)}"
    )


def _row(cells: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> str:
    padded = (
        cell.ljust(width) if flush else cell.rjust(width)
        for cell, width, flush in zip(cells, widths, left, strict=True)
    )
    return f"| {' | '.join(padded)} |"
