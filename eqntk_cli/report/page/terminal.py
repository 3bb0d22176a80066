"""The verdict on a terminal: the first line of the report and one row per pair and per control, in 80 columns."""

from typing import TYPE_CHECKING

from eqntk_cli.report.findings.kernel_curve import KernelCurve, KernelExponent
from eqntk_cli.report.findings.verdicts import worst_bound
from eqntk_cli.report.model import Analysis, PairAnalysis, Verdict
from eqntk_cli.report.page.summary import conditions, distinguished
from eqntk_cli.report.paper.table import integer, p_value, percent, printable

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod
    from rich.table import Table as RichTable
    from rich.text import Text

WIDTH = 80
_COLOURS = {"equivalent": "green", "different": "red", "undecided": "yellow"}
_HEADINGS = ("comparison", "members", "verdict", "differ", "bound", "p")
_EXPONENT = ("title", "kernel", "metric", "unit", "last", "value", "error", "beta", "beta_error")
_SENTENCES = 5  # pairs whose verdict is also given in words


def print_verdicts(analysis: Analysis, console: "Console") -> None:
    """Print first line, table and margin; words of users are never read as markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    analysis = distinguished(analysis)
    good = analysis.controls_ok and analysis.outcome == "equivalent"
    console.print(Text(printable(analysis.first_line), style="bold green" if good else "bold"), width=_width(console))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), width=_width(console))
    for heading in _HEADINGS:
        first = heading == _HEADINGS[0]
        words = first or heading == "verdict"
        table.add_column(heading, justify="left" if words else "right", no_wrap=not first, ratio=1 if first else None)
    for pair in analysis.pairs:
        table.add_row(*_row(printable(pair.title), pair, pair.verdict, pair.test.p_value))
        for control in pair.controls:
            name = f"  control: {control.control.replace('_', ' ')}"
            row = _row(name, pair, control.verdict, control.comparison.p_value, bound=False)
            table.add_row(*row, style="dim" if control.as_expected else "bold")
    if analysis.pairs:
        console.print(table)
    for pair in [pair for pair in analysis.pairs if not _is_plain(pair.verdict)][:_SENTENCES]:
        console.print(Text(printable(f"{pair.title}: {pair.verdict.sentence}")), width=_width(console))
    if analysis.of(KernelCurve):
        console.print(_curve_table(analysis, _width(console)))
    if analysis.pairs or not analysis.of(KernelCurve):
        console.print(Text(conditions(analysis)), width=_width(console))
    for run in analysis.unmatched:
        console.print(Text(printable(f"Left out: {run.run_id}: {run.reason}")), width=_width(console))


def _curve_table(analysis: Analysis, width: int) -> "RichTable":
    """One row per error and kernel: the value at the largest number N of training samples, and the exponent."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    (exponents,) = KernelExponent.tables(analysis)
    shown = exponents.selected(_EXPONENT).columns_with_values().without_repeated("title")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), width=width)
    for column in shown.columns:
        first = column.key in ("title", "kernel")
        justify: JustifyMethod = "left" if column.is_text else "right"
        table.add_column(column.heading, justify=justify, no_wrap=not first, ratio=1 if first else None)
    for row in shown.printed():
        table.add_row(*(Text(cell) for cell in row))
    return table


def _is_plain(verdict: Verdict) -> bool:
    """Whether one word says it all."""
    return verdict.outcome == "equivalent" and not verdict.finite_width_difference


def _row(name: str, pair: PairAnalysis, verdict: Verdict, p: float, *, bound: bool = True) -> list["Text | str"]:
    from rich.text import Text

    test, outcome = pair.test, str(verdict.outcome)
    members = integer(test.members_a)
    if bound and test.members_b != test.members_a:
        members += f"/{integer(test.members_b)}"
    return [
        Text(name),
        members if bound else "",
        Text(outcome, style=_COLOURS.get(outcome, "")),
        percent(verdict.size),
        percent(worst_bound(pair)) if bound else "",
        p_value(p),
    ]


def _width(console: "Console") -> int:
    return min(console.width, WIDTH) if console.is_terminal else WIDTH
