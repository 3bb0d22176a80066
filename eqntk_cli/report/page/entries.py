"""The report as nested dicts and lists that strict JSON can hold: nan and infinity become null."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from math import isfinite
from typing import Any

from eqntk_cli.report.findings.base import Finding, of_kind
from eqntk_cli.report.findings.catalogue import ON_PAIRS, ON_STUDIES
from eqntk_cli.report.findings.runs import run_entry
from eqntk_cli.report.model import Analysis, PairAnalysis


def analysis_entries(analysis: Analysis) -> dict[str, Any]:
    """The whole report; every registered finding stands under its KEY, also where there is none."""
    return _fields(analysis) | {
        "pairs": [pair_entries(pair) for pair in analysis.pairs],
        "runs": [plain(run_entry(run)) for run in analysis.runs],
        **_by_key(ON_STUDIES, analysis.findings),
    }


def pair_entries(pair: PairAnalysis) -> dict[str, Any]:
    """One pair with its findings."""
    return _fields(pair) | _by_key(ON_PAIRS, pair.findings)


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {entry.name: plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return str(value) if isinstance(value, Enum) else value


def _fields(value: Analysis | PairAnalysis) -> dict[str, Any]:
    left = ("findings", "pairs", "runs")
    return {entry.name: plain(getattr(value, entry.name)) for entry in fields(value) if entry.name not in left}


def _by_key(kinds: Sequence[type[Finding]], findings: Sequence[Finding]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for kind in kinds:
        if kind.KEY is not None:
            of_this = [plain(finding) for finding in of_kind(kind, findings)]
            entries[kind.KEY] = next(iter(of_this), None) if kind.SINGLE else of_this
    return entries
