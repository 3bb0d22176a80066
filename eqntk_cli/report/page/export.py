"""Everything that a report is made of, written to a folder: HTML, Markdown, JSON, CSV tables, SVG and PDF figures."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from eqntk_cli.files.atomic import make_folder, write_bytes
from eqntk_cli.report.model import Analysis
from eqntk_cli.report.page.entries import analysis_entries
from eqntk_cli.report.page.files import MADE_BY, MANIFEST, begin, end, manifest_of, remove_stale, require_free
from eqntk_cli.report.paper.table import Cell, Table

if TYPE_CHECKING:
    from eqntk_cli.report.paper.drawing import Drawing


def write_report(analysis: Analysis, folder: Path) -> Path:
    """Write the report and return the path of report.html; an earlier report in the folder is replaced.

    Raises:
        StorageError: the folder holds something else, the disk is full or the folder cannot be written.
    """
    from eqntk_cli.report.findings.catalogue import drawings_of, tables_of
    from eqntk_cli.report.page.html import html_page
    from eqntk_cli.report.page.markdown import markdown_page
    from eqntk_cli.report.paper.drawing import render

    require_free(folder)
    tables, drawings = tables_of(analysis), drawings_of(analysis)
    begin(folder, [run.record.run_id for run in analysis.runs], _names(tables, drawings))
    earlier = manifest_of(folder) or {}
    drawn, missing, written = [], [], [MANIFEST, "report.md", "report.html"]
    for drawing in drawings:
        figure = render(drawing)
        if figure is None:
            missing.append(drawing)
            continue
        drawn.append(figure)
        for ending, content in (("svg", figure.svg), ("pdf", figure.pdf)):
            written.append(f"figures/{drawing.name}.{ending}")
            _write(folder / written[-1], content)
    for table in tables.values():
        written.append(f"tables/{table.name}.csv")
        _write(folder / written[-1], csv_text(table).encode())
    _write(folder / "report.md", markdown_page(analysis, drawn).encode())
    _write(folder / "report.html", html_page(analysis, drawn, missing).encode())
    _write(folder / MANIFEST, json_text(analysis, written).encode())
    remove_stale(folder, earlier.get("files", ()), written)
    end(folder)
    return folder / "report.html"


def _names(tables: Iterable[str], drawings: "Iterable[Drawing]") -> list[str]:
    """The files that a report with these tables and figures may have."""
    figures = [f"figures/{drawing.name}.{ending}" for drawing in drawings for ending in ("svg", "pdf")]
    return [MANIFEST, "report.md", "report.html", *figures, *(f"tables/{name}.csv" for name in tables)]


def _write(path: Path, content: bytes) -> None:
    make_folder(path.parent)
    write_bytes(path, content)


def json_text(analysis: Analysis, files: Sequence[str]) -> str:
    """report.json: the schema version first, then the whole analysis and the list of files; strict JSON, no nan."""
    entries = analysis_entries(analysis)
    head = {"schema": entries.pop("schema"), "made_by": MADE_BY}
    return json.dumps({**head, **entries, "files": sorted(files)}, indent=1, allow_nan=False) + "\n"


def csv_text(table: Table) -> str:
    """A table with full precision: keys in the first line, an empty cell where there is no number."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([column.key for column in table.columns])
    writer.writerows([[_cell(cell) for cell in row] for row in table.rows])
    return buffer.getvalue()


def _cell(cell: Cell) -> str:
    if cell is None or (isinstance(cell, float) and not isfinite(cell)):
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float | int):
        return repr(cell) if not hasattr(cell, "item") else repr(cell.item())
    return f"'{cell}" if cell[:1] in ("=", "+", "@", "\t", "\r") else cell  # a spreadsheet must not run a run's name
