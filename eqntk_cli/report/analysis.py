"""From paths of runs to the whole report: read, match, measure, judge."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import eqntk_cli
from eqntk_cli.errors import DataError
from eqntk_cli.report.curves_line import curves_line, disagreement
from eqntk_cli.report.findings.base import Finding, of_kind
from eqntk_cli.report.findings.catalogue import findings_on_study
from eqntk_cli.report.findings.comparison import Settings
from eqntk_cli.report.findings.kernel_curve import KernelCurve
from eqntk_cli.report.findings.scope import PairResult, Study
from eqntk_cli.report.model import SCHEMA, Analysis, Outcome, PairAnalysis
from eqntk_cli.report.pair import Ensembles, analyse_pair
from eqntk_cli.report.plan import settings_of
from eqntk_cli.report.provenance import Provenance, ReportedRun
from eqntk_cli.report.read.match import Pair, match
from eqntk_cli.report.read.runs import Run, open_runs
from eqntk_cli.report.read.selection import select
from eqntk_cli.report.verdict import controls_hold, first_line, overall
from eqntk_cli.runs import provenance


def analyse(
    paths: Sequence[str],
    *,
    margin: float | None = None,
    level: float = 0.05,
    resamples: int = 999,
    seed: int = 0,
    partial: bool = False,
    scratch: Path | None = None,
) -> Analysis:
    """The analysis of all runs under the given paths.

    Args:
        paths: run folders, folders of them, globs, or Weights & Biases paths.
        margin: largest difference that counts as none, as a share of the RMS of mu_t (or of the ensembles' mean);
            None: that of the plan of the runs, or 10 %.
        level: chance of a wrong "different", and of a wrong "equivalent", without a plan.
        resamples: shuffles or sign flips of every test.
        seed: of the resampling.
        partial: take runs that are being written with what they have, and list runs that fit nowhere.
        scratch: folder for temporary files (a fraction of the runs' size); the system's by default.

    Raises:
        StorageError, DataError, ConfigError, NumericalError: runs that cannot be read or compared; says why.
    """
    begun = time.monotonic()
    runs = open_runs([str(path) for path in paths], partial=partial)
    if not runs:
        raise DataError("none of the runs has two complete members yet; wait until the first blocks are written.")
    of_curves, of_pairs = select(runs)
    pairs, unmatched = match(of_pairs, partial=partial, needed=not of_curves)
    settings, fixing = settings_of(runs, margin, level, resamples, seed)
    results = _analyse_pairs(pairs, settings, scratch)
    analyses = tuple(result.analysis for result in results)
    findings = findings_on_study(Study(results, of_curves, settings.margin))
    outcome = overall(analyses)
    return Analysis(
        schema=SCHEMA,
        first_line=_first_line(analyses, outcome, findings, settings),
        outcome=outcome,
        controls_ok=bool(analyses) and controls_hold(analyses),
        margin=settings.margin,
        level=settings.level,
        fixing=fixing,
        pairs=analyses,
        runs=tuple(_reported(run) for run in runs),
        unmatched=tuple(unmatched),
        provenance=Provenance(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            command=provenance.command(),
            version=eqntk_cli.__version__,
            versions=provenance.versions(),
            git_commit=provenance.git_commit(),
            host=provenance.host(),
            seed=seed,
            seconds=time.monotonic() - begun,
        ),
        findings=findings,
    )


def _first_line(
    pairs: Sequence[PairAnalysis], outcome: Outcome, findings: Sequence[Finding], settings: Settings
) -> str:
    """What the ensembles show; beside them of kernels only what must not be overlooked."""
    if not pairs and of_kind(KernelCurve, findings):
        return curves_line(findings)
    warning = disagreement(findings)
    line = first_line(pairs, outcome, settings)
    return f"WARNING: {warning}. {line}" if warning else line


def _analyse_pairs(pairs: Sequence[Pair], settings: Settings, scratch: Path | None) -> list[PairResult]:
    """One pair after another; what was read for one is dropped before the next."""
    results = []
    for name, pair in zip(_names(pairs), pairs, strict=True):
        folder = Path(tempfile.mkdtemp(prefix="eqntk-report-", dir=scratch))
        try:
            results.append(analyse_pair(pair, name, Ensembles(folder), settings))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return results


def _names(pairs: Sequence[Pair]) -> list[str]:
    """Short names, numbered where several pairs would share one."""
    plain = [_plain_name(pair) for pair in pairs]
    total, seen, names = Counter(plain), Counter[str](), []
    for name in plain:
        seen[name] += 1
        names.append(name if total[name] == 1 else f"{name}-{seen[name]}")
    return names


def _plain_name(pair: Pair) -> str:
    record, samples = pair.gcnn.record, pair.augmented.record.haar_samples
    return f"{record.dataset}-{record.group}-n{record.width}" + (f"-haar{samples}" if samples else "")


def _reported(run: Run) -> ReportedRun:
    return ReportedRun(
        path=str(run.folder),
        record=run.record,
        n_train=len(run.samples_of("train")),
        n_test=len(run.samples_of("test")),
        n_ood=len(run.samples_of("ood")),
    )
