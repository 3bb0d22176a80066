"""The Markdown report: tables that keep their columns, the verdict first, links to the figures."""

import re

import pytest
from invented import analysis

from eqntk_cli.report.findings import catalogue
from eqntk_cli.report.page.markdown import markdown_page, markdown_table, plain
from eqntk_cli.report.paper.drawing import render
from eqntk_cli.report.paper.table import Column, Table, number

HOSTILE = "a|b\nc <b>d</b> [x](http://y) `e` $f$ *g* \x1b[2J"


@pytest.fixture(scope="module")
def page() -> str:
    made = analysis(title=HOSTILE)
    drawn = [render(one) for one in catalogue.drawings_of(made) if one.name == "pair-1-members"]
    return markdown_page(made, [one for one in drawn if one is not None])


def test_every_row_has_the_columns_of_its_head(page: str) -> None:
    blocks = re.findall(r"(?:^\|.*\n?)+", page, re.MULTILINE)
    assert len(blocks) >= 8
    for block in blocks:
        rows = block.splitlines()
        assert len({len(row) for row in rows}) == 1, rows[0]  # aligned
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1, rows[0]


def test_first_line_comes_first_and_words_stay_words(page: str) -> None:
    assert page.splitlines()[0] == f"**{plain(analysis().first_line)}**"
    assert "<b>" not in page.replace("\\<b\\>", "")
    assert "\x1b" not in page
    assert "](http" not in page.replace("\\](http", "")


def test_figures_are_linked_and_commands_are_literal(page: str) -> None:
    assert "](figures/pair-1-members.svg)" in page
    assert "    eqntk train model=ntk width=512" in page


def test_table_by_hand() -> None:
    table = Table("t", "T", (Column("a", "Name"), Column("b", "x|y", number)), (("p|q", 0.5), ("r", None)), "n_1")
    assert markdown_table(table).splitlines() == [
        r"| Name |  x\|y |",
        r"| ---- | ----: |",
        r"| p\|q | 0.500 |",
        r"| r    |     - |",
        "",
        r"n\_1",
    ]
