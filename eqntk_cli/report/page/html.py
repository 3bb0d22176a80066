"""The report as one HTML page that needs nothing else: styles and figures are part of it, scripts there are none.

Jinja escapes every word that comes from a run; the page forbids itself scripts and the network besides.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eqntk_cli.report.model import Analysis, PairAnalysis
from eqntk_cli.report.page.summary import conditions, distinguished, facts
from eqntk_cli.report.paper.style import css_variables
from eqntk_cli.report.paper.table import Table, integer, number, setting
from eqntk_cli.report.provenance import RunInfo
from eqntk_cli.report.tables.learning import on_screen
from eqntk_cli.report.tables.runs import ON_SCREEN, run_table, selected, unmatched_table
from eqntk_cli.report.tables.verdicts import verdict_table

if TYPE_CHECKING:
    from eqntk_cli.report.figures.catalogue import Drawing, Rendered

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # no browser may be sent them
TEMPLATES = Path(__file__).parent / "templates"
ACROSS_TABLES = ("widths", "extrapolations", "learning_curves")
PAIR_TABLES = ("variances", "orbits", "metrics", "members")
_VERDICT_COLUMNS = (
    *("title", "members_augmented", "members_gcnn", "verdict", "finite_width_difference", "largest_difference"),
    *("bound", "p_value", "members_to_decide", "controls"),
)
_CONTROL_COLUMNS = ("control", "changed", "verdict", "largest_difference", "p_value", "run_a", "run_b")
_STEP_COLUMNS = (
    *("step", "rms_distance", "noise_floor", "unbiased_squared", "unbiased_squared_low", "unbiased_squared_high"),
    *("upper_bound", "margin", "equivalent", "p_step", "p_corrected", "reference_rms", "members_to_decide"),
)


def html_page(
    analysis: Analysis, tables: dict[str, Table], figures: Sequence["Rendered"], missing: Sequence["Drawing"]
) -> str:
    """The whole page; `missing` figures, which could not be drawn, are named with what they need."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    analysis = distinguished(analysis)
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    drawn = _figures(figures)
    across = {
        "figures": drawn.get("across", []),
        "missing": _missing(missing, "across"),
        "tables": [tables[name] for name in ACROSS_TABLES if name in tables],
    }
    learning = {
        "figures": drawn.get("learning", []),
        "missing": _missing(missing, "learning"),
        "tables": on_screen(tables),
    }
    page = environment.get_template("report.html").render(
        analysis=analysis,
        title=f"{_word(analysis)}: eqntk report",
        tone=_tone(analysis),
        css=_css(),
        margin=setting(analysis.margin),
        level=setting(analysis.level),
        confidence=setting(1 - analysis.level),
        conditions=conditions(analysis),
        verdicts=selected(verdict_table(analysis), _VERDICT_COLUMNS).columns_with_values(),
        sections=[_section(pair, tables, drawn, missing) for pair in analysis.pairs],
        across=across,
        learning=learning,
        runs=selected(run_table(analysis), ON_SCREEN).columns_with_values(),
        unmatched=unmatched_table(analysis),
        commands=commands(analysis),
        details=[_details(run) for run in analysis.runs],
        versions=_words(analysis.provenance.versions),
        seconds=number(analysis.provenance.seconds),
        csv=list(tables),
    )
    return _CONTROL.sub(" ", page)


def commands(analysis: Analysis) -> list[str]:
    """The commands that make the runs and the report again."""
    runs = [run.command or f"# {run.run_id}: no command was recorded" for run in analysis.runs]
    return [*dict.fromkeys(runs), analysis.provenance.command]


def step_table_of(pair: PairAnalysis, steps: Table, kind: str = "pair", **where: str) -> Table:
    """The rows of one comparison of a pair, with the columns that a reader needs."""
    rows = steps.only(pair=pair.name, kind=kind, **where)
    return selected(rows, _STEP_COLUMNS).columns_with_values()


def _word(analysis: Analysis) -> str:
    """What the tab of the browser says."""
    curves = analysis.kernel_curves and not analysis.pairs
    return "Learning curves" if curves else str(analysis.outcome).capitalize()


def _tone(analysis: Analysis) -> str:
    """The class that colours the first line."""
    if not analysis.pairs and analysis.kernel_curves:
        return "curves" if all(each.within for each in analysis.kernel_agreements) else "warned"
    return str(analysis.outcome) if analysis.controls_ok or analysis.outcome != "equivalent" else "warned"


def _section(
    pair: PairAnalysis, tables: dict[str, Table], drawn: dict[str, list[dict]], missing: Sequence["Drawing"]
) -> dict[str, object]:
    steps = tables["steps"]
    folded = []
    if pair.unmoved is not None:
        table = step_table_of(pair, steps, "unmoved inputs", comparison=pair.unmoved.name, split=pair.unmoved.split)
        folded.append(_titled(table, "Step by step, means at the unmoved inputs instead of the orbit means"))
    if pair.ood is not None:
        table = step_table_of(pair, steps, comparison=pair.ood.name, split="ood")
        folded.append(_titled(table, "Step by step, off the distribution (ood)"))
    for theory in pair.theory:
        table = step_table_of(pair, steps, "theory", comparison=theory.name, split=theory.split)
        folded.append(_titled(table, f"{theory.name}, {theory.split} points: against the infinite-width mean mu_t"))
    own = [tables[name].only(pair=pair.name).columns_with_values() for name in PAIR_TABLES if name in tables]
    controls = Table("controls", "Controls", (), ())
    if "controls" in tables:
        controls = selected(tables["controls"].only(pair=pair.name), _CONTROL_COLUMNS)
    return {
        "pair": pair,
        "facts": facts(pair),
        "figures": drawn.get(pair.name, []),
        "missing": _missing(missing, pair.name),
        "steps": step_table_of(pair, steps, comparison=pair.test.name, split=pair.test.split),
        "controls": controls,
        "tables": folded + own,
    }


def _figures(figures: Sequence["Rendered"]) -> dict[str, list[dict]]:
    from markupsafe import Markup

    sections: dict[str, list[dict]] = {}
    for at, rendered in enumerate(figures):
        drawing = rendered.drawing
        entry = {"name": drawing.name, "title": drawing.title, "caption": drawing.caption}
        # the SVG is our own drawing; user's words in it are text that the SVG writer escapes, or escaped by inline()
        entry["svg"] = Markup(rendered.inline(f"f{at}"))  # noqa: S704
        sections.setdefault(drawing.section, []).append(entry)
    return sections


def _missing(missing: Sequence["Drawing"], section: str) -> list[tuple[str, str]]:
    return [(drawing.title, drawing.needs) for drawing in missing if drawing.section == section]


def _details(run: RunInfo) -> dict[str, object]:
    gigabytes = None if run.peak_memory_bytes is None else run.peak_memory_bytes / 2**30
    found = (
        ("State", run.state),
        ("Members", f"{integer(run.members_used)} of {integer(run.members)}" if run.members else ""),
        ("Samples: train, test, ood", f"{run.n_train}, {run.n_test}, {run.n_ood}"),
        ("Step size", number(run.step_size)),
        ("Stability limit", number(run.stability_limit)),
        ("Seed", str(run.seed)),
        ("Precision", run.precision),
        ("Commit", run.git_commit or ""),
        ("Host", run.host or ""),
        ("Devices", ", ".join(run.devices)),
        ("Started", run.started or ""),
        ("Seconds", number(run.seconds)),
        ("Peak memory, GiB", number(gigabytes)),
    )
    return {
        "run_id": f"{run.run_id} ({run.model})",
        "facts": [(name, value) for name, value in found if value not in ("", "-")],
        "architecture": _words(run.architecture),
        "training": _words(run.training),
        "versions": _words(run.versions),
        "path": run.path,
        "fingerprint": run.fingerprint,
        "notes": run.notes,
    }


def _words(entries: dict) -> str:
    return ", ".join(
        f"{key} {value if isinstance(value, str) else json.dumps(value, default=str)}" for key, value in entries.items()
    )


def _titled(table: Table, title: str) -> Table:
    return Table(table.name, title, table.columns, table.rows, "")


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
