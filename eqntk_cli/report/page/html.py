"""The report as one HTML page that needs nothing else: styles and figures are part of it, scripts there are none.

Jinja escapes every word that comes from a run; the page forbids itself scripts and the network besides.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eqntk_cli.report.findings.catalogue import tables_of
from eqntk_cli.report.findings.kernel_agreement import KernelAgreement
from eqntk_cli.report.findings.kernel_curve import KernelCurve
from eqntk_cli.report.findings.scope import ACROSS, LEARNING
from eqntk_cli.report.model import Analysis
from eqntk_cli.report.page import sections
from eqntk_cli.report.page.summary import conditions, distinguished, facts
from eqntk_cli.report.paper.style import css_variables
from eqntk_cli.report.paper.table import Table, integer, number, setting
from eqntk_cli.report.provenance import ReportedRun

if TYPE_CHECKING:
    from eqntk_cli.report.paper.drawing import Drawing, Rendered

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # no browser may be sent them
_BOX = re.compile(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_LETTERS, _LINE, _GAP = 70, 0.037, 0.09  # of a caption: letters in a line, its height; space below (in widths)
_SEARCHED = 12  # figures that are tried on either side; any more stand on the right
TEMPLATES = Path(__file__).parent / "templates"


def html_page(analysis: Analysis, figures: Sequence["Rendered"], missing: Sequence["Drawing"]) -> str:
    """The whole page; `missing` figures, which could not be drawn, are named with what they need."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    analysis = distinguished(analysis)
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    drawn = _figures(figures)
    used, left_out = sections.runs(analysis)
    page = environment.get_template("report.html").render(
        analysis=analysis,
        title=f"{_word(analysis)}: eqntk report",
        tone=_tone(analysis),
        css=_css(),
        margin=setting(analysis.margin),
        level=setting(analysis.level),
        confidence=setting(1 - analysis.level),
        conditions=conditions(analysis),
        fixing=f"{analysis.fixing.words[0].upper()}{analysis.fixing.words[1:]}.",
        verdicts=sections.verdicts(analysis),
        sections=[_section(section, drawn, missing) for section in sections.pair_sections(analysis)],
        across=_part(ACROSS, sections.across(analysis), drawn, missing),
        learning=_part(LEARNING, sections.learning(analysis), drawn, missing),
        runs=used,
        unmatched=left_out,
        commands=sections.commands(analysis),
        details=[_details(run) for run in analysis.runs],
        versions=_words(analysis.provenance.versions),
        seconds=number(analysis.provenance.seconds),
        csv=list(tables_of(analysis)),
    )
    return _CONTROL.sub(" ", page)


def _word(analysis: Analysis) -> str:
    """What the tab of the browser says."""
    curves = analysis.of(KernelCurve) and not analysis.pairs
    return "Learning curves" if curves else str(analysis.outcome).capitalize()


def _tone(analysis: Analysis) -> str:
    """The class that colours the first line."""
    if not analysis.pairs and analysis.of(KernelCurve):
        return "curves" if all(agreement.within for agreement in analysis.of(KernelAgreement)) else "warned"
    return str(analysis.outcome) if analysis.controls_ok or analysis.outcome != "equivalent" else "warned"


def _part(
    name: str, tables: Sequence[Table], drawn: dict[str, list[dict]], missing: Sequence["Drawing"]
) -> dict[str, object]:
    return {"figures": balanced(drawn.get(name, [])), "missing": _missing(missing, name), "tables": tables}


def _section(
    section: sections.PairSection, drawn: dict[str, list[dict]], missing: Sequence["Drawing"]
) -> dict[str, object]:
    part = _part(section.pair.name, (*section.more_steps, *section.findings), drawn, missing)
    return part | {
        "pair": section.pair,
        "facts": facts(section.pair),
        "steps": section.steps,
        "controls": section.controls,
    }


def _figures(figures: Sequence["Rendered"]) -> dict[str, list[dict]]:
    from markupsafe import Markup

    sections: dict[str, list[dict]] = {}
    for at, rendered in enumerate(figures):
        drawing = rendered.drawing
        entry = {"name": drawing.name, "title": drawing.title, "caption": drawing.caption, "height": _height(rendered)}
        # the SVG is our own drawing; user's words in it are text that the SVG writer escapes, or escaped by inline()
        entry["svg"] = Markup(rendered.inline(f"f{at}"))  # noqa: S704
        sections.setdefault(drawing.section, []).append(entry)
    return sections


def balanced(figures: Sequence[dict]) -> list[list[dict]]:
    """The figures in two columns as equal in height as can be, the first one on the left; the order is kept in each."""
    if len(figures) < 2:
        return [list(figures)] if figures else []
    total = sum(figure["height"] for figure in figures)
    left = 1  # bits: which figures stand on the left
    heights = {left: figures[0]["height"]}
    for place, figure in enumerate(figures[1 : _SEARCHED + 1], 1):
        heights |= {bits | 1 << place: height + figure["height"] for bits, height in heights.items()}
    everything = (1 << len(figures)) - 1
    left = min((bits for bits in heights if bits != everything), key=lambda bits: abs(2 * heights[bits] - total))
    columns: tuple[list[dict], list[dict]] = ([], [])
    for place, figure in enumerate(figures):
        columns[0 if left >> place & 1 else 1].append(figure)
    return list(columns)


def _height(rendered: "Rendered") -> float:
    """How high a figure stands on the page with its caption, in units of its width."""
    drawing = rendered.drawing
    box = _BOX.search(rendered.svg)
    shape = float(box[2]) / float(box[1]) if box else 1.0
    lines = -(-(len(drawing.title) + len(drawing.caption)) // _LETTERS)
    return shape + _LINE * lines + _GAP


def _missing(missing: Sequence["Drawing"], section: str) -> list[tuple[str, str]]:
    return [(drawing.title, drawing.needs) for drawing in missing if drawing.section == section]


def _details(run: ReportedRun) -> dict[str, object]:
    record = run.record
    gigabytes = None if record.peak_memory_bytes is None else record.peak_memory_bytes / 2**30
    entries = (
        ("State", record.state),
        ("Members", f"{integer(run.members_used)} of {integer(record.members)}" if record.members else ""),
        ("Antithetic", "pairs differ in the sign of the read-out" if record.antithetic else ""),
        ("Samples: train, test, ood", f"{run.n_train}, {run.n_test}, {run.n_ood}"),
        ("Step size", number(record.step_size)),
        ("Stability limit", number(record.stability_limit)),
        ("Weights", "shared with the other ensemble" if record.coupling == "shared" else ""),
        ("Seed", str(record.seed)),
        ("Precision", record.precision),
        ("Commit", record.git_commit or ""),
        ("Host", record.host or ""),
        ("Devices", ", ".join(record.devices)),
        ("Started", record.started or ""),
        ("Seconds", number(record.seconds)),
        ("Peak memory, GiB", number(gigabytes)),
    )
    return {
        "run_id": f"{record.run_id} ({record.model})",
        "facts": [(name, value) for name, value in entries if value not in ("", "-")],
        "architecture": _words(record.architecture),
        "training": _words(record.training),
        "versions": _words(record.versions),
        "path": run.path,
        "fingerprint": run.fingerprint,
        "notes": record.notes,
    }


def _words(entries: dict) -> str:
    return ", ".join(
        f"{key} {value if isinstance(value, str) else json.dumps(value, default=str)}" for key, value in entries.items()
    )


def _css() -> "str":
    from markupsafe import Markup

    light = " ".join(f"{variable}: {colour};" for variable, colour, _ in css_variables().values())
    dark = " ".join(f"{variable}: {colour};" for variable, _, colour in css_variables().values())
    page = (
        "--text: #e6e7e9; --soft: #a4a8ae; --page: #15171a; --card: #1f2226; --line: #34383d; "
        "--good: #4fd3a4; --bad: #ff9a70; --open: #e8c14a; --good-bg: #10261f; --bad-bg: #2e1a12; --open-bg: #2a2411;"
    )
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    screen = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {page} {dark} }} }}"
    return Markup(f"{style}\n:root {{ {light} }}\n{screen}")  # noqa: S704
