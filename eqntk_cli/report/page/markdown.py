"""The report as Markdown: the same answers and tables for a repository, an issue or a plain text reader."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eqntk_cli.report.findings.kernel_curve import KernelCurve
from eqntk_cli.report.findings.scope import ACROSS, LEARNING
from eqntk_cli.report.model import Analysis
from eqntk_cli.report.page import sections
from eqntk_cli.report.page.summary import conditions, distinguished, facts
from eqntk_cli.report.paper.table import Table, printable

if TYPE_CHECKING:
    from eqntk_cli.report.paper.drawing import Rendered

_SPECIAL = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|~$"})


def markdown_page(analysis: Analysis, figures: Sequence["Rendered"]) -> str:
    """The whole report; figures are linked from the folder `figures`."""
    analysis = distinguished(analysis)
    curves = analysis.of(KernelCurve)
    parts = [f"**{plain(analysis.first_line)}**", plain(conditions(analysis))]
    if analysis.pairs or not curves:
        parts += ["## Verdict", markdown_table(sections.verdicts(analysis))]
    for section in sections.pair_sections(analysis):
        parts += _pair(section, figures)
    if curves:
        parts += ["## Learning curves of kernels", *_part(LEARNING, sections.learning(analysis), figures)]
    if across := sections.across(analysis):
        parts += ["## Across runs", *_part(ACROSS, across, figures)]
    used, left_out = sections.runs(analysis)
    parts += ["## Runs", markdown_table(used)]
    if left_out.rows:
        parts += ["### Runs left out", markdown_table(left_out)]
    commands = (f"    {' '.join(command.split())}" for command in sections.commands(analysis))
    parts += ["### Commands", "\n".join(commands)]
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


def _part(name: str, tables: Sequence[Table], figures: Sequence["Rendered"]) -> list[str]:
    parts = [_figure(figure) for figure in figures if figure.drawing.section == name]
    for table in tables:
        parts += [f"### {table.title}", markdown_table(table)]
    return parts


def _pair(section: sections.PairSection, figures: Sequence["Rendered"]) -> list[str]:
    pair = section.pair
    parts = [f"## {plain(pair.title)}", f"**{plain(pair.verdict.sentence)}**"]
    parts.append("\n".join(f"- {plain(name)}: {plain(value)}" for name, value in facts(pair)))
    parts.append("\n".join(f"- {plain(note)}" for note in pair.notes))
    parts += _part(pair.name, (), figures)
    parts += ["### Step by step", markdown_table(section.steps)]
    parts.append("### Controls")
    if pair.controls:
        parts.append(markdown_table(section.controls))
    else:
        parts.append("None were given, so nothing shows that this comparison would have seen a difference.")
    return parts + _part("", section.findings, ())


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
