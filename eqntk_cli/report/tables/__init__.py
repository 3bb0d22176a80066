"""The tables of the report: the same rows as CSV, HTML, Markdown and on the terminal."""

from eqntk_cli.report.model import Analysis
from eqntk_cli.report.paper.table import Table
from eqntk_cli.report.tables.findings import finding_tables
from eqntk_cli.report.tables.learning import learning_tables
from eqntk_cli.report.tables.runs import run_table, unmatched_table
from eqntk_cli.report.tables.verdicts import control_table, step_table, verdict_table


def tables_of(analysis: Analysis) -> dict[str, Table]:
    """Every table that has rows, by the name of its CSV file."""
    tables = [verdict_table(analysis), control_table(analysis), step_table(analysis), *finding_tables(analysis)]
    tables += learning_tables(analysis)
    tables += [run_table(analysis), unmatched_table(analysis)]
    return {table.name: table for table in tables if table.rows}
