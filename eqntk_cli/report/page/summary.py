"""The few lines and numbers that stand at the top of every output: HTML, Markdown, terminal and --json alike."""

from collections import Counter
from dataclasses import replace
from typing import Any

from eqntk_cli.report.findings.kernel_curve import KernelCurve
from eqntk_cli.report.findings.verdicts import controls_in_words, worst_bound
from eqntk_cli.report.model import SCHEMA, Analysis, PairAnalysis
from eqntk_cli.report.page.entries import analysis_entries
from eqntk_cli.report.paper.table import integer, number, p_value, percent, setting


def distinguished(analysis: Analysis) -> Analysis:
    """The analysis with the name of a pair added to its title where several pairs have the same one."""
    often = Counter(pair.title for pair in analysis.pairs)
    pairs = (
        replace(pair, title=f"{pair.title} ({pair.name})") if often[pair.title] > 1 else pair for pair in analysis.pairs
    )
    return replace(analysis, pairs=tuple(pairs))


def controls_line(analysis: Analysis) -> str:
    """The state of the controls in one sentence."""
    controls = [control for pair in analysis.pairs for control in pair.controls]
    if not controls:
        return "Controls: none given."
    failed = [control.control for control in controls if not control.as_expected]
    bare = [pair.name for pair in analysis.pairs if not pair.controls]
    words = f"Controls: {len(controls) - len(failed)} of {len(controls)} came out different, as they must"
    if failed:
        words += f"; not so: {', '.join(sorted(set(failed)))}"
    return words + (f"; none for {', '.join(bare)}." if bare else ".")


def conditions(analysis: Analysis) -> str:
    """What the first line rests on: margin, level and controls; or, without ensembles, what a curve is."""
    if not analysis.pairs and analysis.of(KernelCurve):
        return (
            "Every value is a mean over draws of the data (dataset.split_seed) on the test points at the last recorded "
            "step, with its standard error; exponents are fitted as N^(-beta)."
        )
    return (
        f"Margin {setting(analysis.margin)} of the RMS prediction, level {setting(analysis.level)}; "
        f"{analysis.fixing.words}. {controls_line(analysis)}"
    )


def facts(pair: PairAnalysis) -> list[tuple[str, str]]:
    """The numbers on which the verdict of a pair stands, in words and rounded."""
    test, verdict = pair.test, pair.verdict
    sure = setting(1 - verdict.level)
    members = integer(test.members_a)
    if test.members_b != test.members_a:
        members += f" and {integer(test.members_b)}"
    rows = [
        ("Width", integer(pair.width)),
        ("Members each", members),
        ("Largest difference, noise removed", percent(verdict.size)),
        ("Largest difference, lower bound", percent(verdict.between[0])),
        (f"{sure} bound at the worst step ({integer(verdict.worst_step)})", percent(worst_bound(pair))),
        ("Margin", setting(verdict.margin_fraction)),
        (f"p of equal means ({test.test})", p_value(test.p_value)),
        (f"No test point's means differ by more than ({sure})", percent(verdict.point)),
        ("Chance to see a difference of the size of the noise", percent(test.power_one_floor)),
        ("Controls different", controls_in_words(pair)),
    ]
    if pair.coupled:
        rows.append(("RMS difference per member, last step", number(test.member_rms[-1])))
    if verdict.members_to_decide is not None:
        near, far = verdict.members_to_decide
        rows.append(("Members that would decide, true distance at its lower end", integer(near)))
        rows.append(("the same, at its upper end", integer(far)))
    return rows


def summary(analysis: Analysis, report: str | None) -> dict[str, object]:
    """What `compare-runs --json` prints: the answers, and where the whole report is."""
    entries = analysis_entries(analysis)
    kept = ("first_line", "outcome", "controls_ok", "margin", "level", "fixing", "unmatched")
    pairs = [_pair_summary(pair, entry) for pair, entry in zip(analysis.pairs, entries["pairs"], strict=True)]
    kernels = {
        "kernel_curves": [_without(curve, ("steps", "history")) for curve in entries["kernel_curves"]],
        "kernel_agreements": entries["kernel_agreements"],
        "kernel_gains": entries["kernel_gains"],
    }
    return {"schema": SCHEMA, **{key: entries[key] for key in kept}, "pairs": pairs, **kernels, "report": report}


def _without(entry: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in keys}


def _pair_summary(pair: PairAnalysis, entries: dict[str, Any]) -> dict[str, Any]:
    keys = ("name", "title", "run_a", "run_b", "run_ntk", "width", "coupled", "verdict", "notes")
    controls = [
        {"control": control.control, "outcome": str(control.verdict.outcome), "as_expected": control.as_expected}
        for control in pair.controls
    ]
    test = entries["test"]
    series = ("steps", "rms_distance", "noise_floor", "lower_bound", "upper_bound", "margin", "equivalent", "p_value")
    kept = {key: test[key] for key in (*series, "members_a", "members_b")}
    return {key: entries[key] for key in keys} | {"test": kept, "controls": controls}
