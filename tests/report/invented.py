"""Invented reports: every field filled with plausible numbers, without a run folder or a statistic behind them."""

from math import nan

import numpy as np
from invented_findings import STEPS, across, findings

from eqntk_cli.report.findings.comparison import MeanComparison
from eqntk_cli.report.model import SCHEMA, Analysis, ControlAnalysis, Outcome, PairAnalysis, Verdict
from eqntk_cli.report.plan import Fixing
from eqntk_cli.report.provenance import Provenance, ReportedRun, Unmatched
from eqntk_cli.report.statistics.maximum import PValue
from eqntk_cli.runs.record import Record

FIRST_LINE = "Equivalent within 10 % at every step; every control came out different."


def analysis(
    *,
    pairs: int = 1,
    regression: bool = False,
    images: bool = True,
    title: str = "breastmnist, c4, width 512",
    outcome: Outcome = Outcome.EQUIVALENT,
    scaling: bool = True,
    controls: bool = True,
) -> Analysis:
    """A complete report; `title` goes wherever a user's own words would appear."""
    made = tuple(_pair(k, title, regression, images, outcome, controls) for k in range(pairs))
    kinds = ("augmented_ensemble", "gcnn_ensemble", "ntk")
    return Analysis(
        schema=SCHEMA,
        first_line=FIRST_LINE if controls else "NO CONTROL: nothing shows that a difference would have been seen.",
        outcome=outcome,
        controls_ok=controls,
        margin=0.1,
        level=0.05,
        fixing=Fixing("margin and steps chosen when the report was made"),
        pairs=made,
        runs=tuple(_run(f"{kind[:4]}-{k}", kind, title) for k in range(pairs) for kind in kinds),
        unmatched=(Unmatched("old-run", f"other test data: {title}"),),
        provenance=Provenance(
            "2026-01-02T03:04:05", "eqntk compare-runs runs/*", "0.1.0", {"jax": "0.10.2"}, "abc1234", "node1", 0, 12.5
        ),
        findings=across(title, regression) if scaling else (),
    )


def comparison(name: str, split: str = "test", scale: float = 1.0, paired: bool = False, members_b: int | None = 96):
    """A comparison whose distance grows with `scale`; at 1 it is lost in the noise."""
    steps = np.array(STEPS)
    reference = 1 - 0.9 * np.exp(-steps / 40)
    floor = 0.02 + 0.03 * reference
    distance = floor * (1 + 0.15 * np.sin(steps)) + (scale - 1) * 0.06 * reference
    squared = distance**2 - floor**2
    upper = np.sqrt(np.maximum(squared, 0) + (0.5 * floor) ** 2)
    return MeanComparison(
        name=name,
        split=split,
        steps=STEPS,
        members_a=96,
        members_b=members_b,
        units=96,
        fewest_units=6,
        paired=paired,
        test="sign flips" if paired else "permutation",
        resamples=2000,
        rms_distance=tuple(distance),
        noise_floor=tuple(floor),
        unbiased_squared=tuple(squared),
        unbiased_squared_low=tuple(squared - 0.6 * floor**2),
        unbiased_squared_high=tuple(squared + 0.6 * floor**2),
        upper_bound=tuple(upper),
        lower_bound=(nan, *np.sqrt(np.maximum(squared - 0.6 * floor**2, 0))[1:]),
        point_bound=tuple(3 * upper),
        reference_rms=tuple(reference),
        margin=tuple(0.1 * reference),
        equivalent=tuple(bool(ok) for ok in upper < 0.1 * reference),
        p_step=(0.41, 0.52, 0.33, 0.61, 0.20, 0.44, 0.38) if scale == 1 else (0.0005,) * 7,
        p_corrected=(0.91, 0.92, 0.83, 0.91, 0.70, 0.84, 0.78) if scale == 1 else (0.0005,) * 7,
        p_value=PValue(0.70 if scale == 1 else 0.0005, 0.0005),
        power_one_floor=0.83,
        step_level=0.02,
        skewness=None,
        members_if_near=(None, 120, 110, 96, 90, 96, 150),
        members_if_far=(None, 820, 710, 696, 690, 696, 750),
        member_rms=tuple(10 * floor),
        member_rms_error=tuple(0.3 * floor),
        effective_points=(nan, 6.1, 6.0, 5.8, 5.5, 5.0, 4.8),
    )


def _verdict(outcome: Outcome, size: float) -> Verdict:
    sentence = f"{str(outcome).capitalize()}: the largest difference is {100 * size:.1f} % of the RMS prediction."
    members = (240, 900) if outcome == Outcome.UNDECIDED else None
    between = (0.5 * size, 1.5 * size)
    return Verdict(outcome, sentence, True, False, size, between, 10, 4 * size, members, 0.05, 0.1)


def _pair(index: int, title: str, regression: bool, images: bool, outcome: Outcome, controls: bool) -> PairAnalysis:
    metric, unit = ("mae", "meV") if regression else ("acc", "")
    return PairAnalysis(
        name=f"pair-{index + 1}",
        title=title,
        run_a=f"augm-{index}",
        run_b=f"gcnn-{index}",
        run_ntk=f"ntk-{index}",
        width=512,
        coupled=False,
        verdict=_verdict(outcome, 0.031),
        test=comparison("augmented - gcnn"),
        ood=comparison("augmented - gcnn", "ood"),
        train=None,
        unmoved=None,
        theory=tuple(
            comparison(f"{who} - theory", split, members_b=None)
            for split in ("test", "ood")
            for who in ("augmented", "gcnn")
        ),
        controls=_controls() if controls else (),
        notes=("96 of 128 members were complete.", title),
        invariance_error=3e-7,
        findings=findings(title, regression, images, metric, unit),
    )


def _controls() -> tuple[ControlAnalysis, ...]:
    changed = {
        "no_augmentation": "augmentation: none instead of orbit",
        "other_group": "group: d1 instead of c4",
        "other_step_size": "step size: 0.5 instead of 1.0",
    }
    verdict = _verdict(Outcome.DIFFERENT, 0.42)
    return tuple(
        ControlAnalysis(
            kind, f"{kind}-run", "gcnn-0", words, comparison("augmented - gcnn", scale=4 + k), verdict, True
        )
        for k, (kind, words) in enumerate(changed.items())
    )


def _run(run_id: str, model: str, label: str) -> ReportedRun:
    ensemble = model != "ntk"
    record = Record(
        run_id=run_id,
        state="done",
        role="subject",
        control=None,
        coupling="independent",
        model=model,
        augmentation="orbit" if model == "augmented_ensemble" else None,
        group="c4",
        dataset="breastmnist",
        architecture={"name": "mlp", "hidden_layers": 2, "activation": "relu", "W_std": 1.41, "b_std": 0.1},
        training={"optimizer": "gd", "loss": "mse", "steps": 300},
        seed=0,
        precision="float32",
        started="2026-01-01T00:00:00",
        task="binary-class",
        label=label,
        width=512 if ensemble else None,
        members=96 if ensemble else None,
        members_done=96 if ensemble else 0,
        step_size=1.25,
        stability_limit=2.5,
        invariance_error=3e-7 if model == "gcnn_ensemble" else None,
        fingerprint={"all": "0123456789abcdef" * 4},
        git_commit="abc1234",
        versions={"jax": "0.10.2", "numpy": "2.4"},
        host="node1",
        devices=["cpu:0"],
        command=f"eqntk train model={model} width=512",
        stopped="2026-01-01T00:10:00",
        seconds=600.0,
        member_steps_per_second=48.0,
        peak_memory_bytes=10**9,
    )
    return ReportedRun(f"/data/runs/{run_id}", record, n_train=64, n_test=100, n_ood=32)
