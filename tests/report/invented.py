"""Invented reports: every field filled with plausible numbers, without a run folder or a statistic behind them."""

from math import nan

import numpy as np

from eqntk_cli.report.findings.base import Finding
from eqntk_cli.report.findings.comparison import MeanComparison
from eqntk_cli.report.findings.extrapolation import Extrapolation
from eqntk_cli.report.findings.invariance import OrbitStatistics
from eqntk_cli.report.findings.learning_curve import LearningCurve
from eqntk_cli.report.findings.members import MemberScaling
from eqntk_cli.report.findings.metrics import TaskMetrics
from eqntk_cli.report.findings.orbit_examples import OrbitExample
from eqntk_cli.report.findings.parity import Parity
from eqntk_cli.report.findings.trajectories import Trajectory
from eqntk_cli.report.findings.variance import VarianceComparison
from eqntk_cli.report.findings.width import WidthScaling
from eqntk_cli.report.model import SCHEMA, Analysis, ControlAnalysis, Outcome, PairAnalysis, Verdict
from eqntk_cli.report.plan import Fixing
from eqntk_cli.report.provenance import Provenance, ReportedRun, Unmatched
from eqntk_cli.report.statistics.maximum import PValue
from eqntk_cli.runs.record import Record

STEPS = (0, 1, 3, 10, 30, 100, 300)
ELEMENTS = ("e", "r90", "r180", "r270")
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
        findings=_across(title, regression) if scaling else (),
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
        findings=_findings(title, regression, images, metric, unit),
    )


def _findings(title: str, regression: bool, images: bool, metric: str, unit: str) -> tuple[Finding, ...]:
    models, splits = ("augmented_ensemble", "gcnn_ensemble"), ("test", "ood")
    counts = (2, 6, 12, 24, 48, 96)
    return (
        *(_trajectory(sample, title) for sample in range(4)),
        _variance("augmented_ensemble", "plain", 0.30),
        _variance("gcnn_ensemble", "group", 0.11),
        *(_orbit(model, split, regression) for split in splits for model in models),
        *(_example(sample, images, title) for sample in range(2)),
        MemberScaling(300, counts, tuple(0.5 / np.sqrt(counts)), (0.05,) * 6),
        *(_metric(model, split, metric, unit) for split in splits for model in (*models, "ntk")),
        *(_parity(model) for model in models if regression),
    )


def _across(title: str, regression: bool) -> tuple[Finding, ...]:
    return (*_scalings(title), *_extrapolations(title), *(_learning(title) if regression else ()))


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


def _variance(model: str, kernel: str, level: float) -> VarianceComparison:
    points = np.random.default_rng(3).gamma(4, level / 4, 40)
    predicted = tuple(level * (1 - 0.5 * np.arange(7) / 7))
    return VarianceComparison(
        model=model,
        kernel=kernel,
        split="test",
        steps=STEPS,
        measured=tuple(1.04 * np.array(predicted)),
        measured_error=tuple(0.05 * np.array(predicted)),
        predicted=predicted,
        ratio=(1.04,) * 7,
        ratio_error=(0.05,) * 7,
        scatter_step=300,
        scatter_measured=tuple(points * np.random.default_rng(4).normal(1, 0.12, 40)),
        scatter_error=tuple(0.14 * points),
        scatter_predicted=tuple(points),
    )


def _orbit(model: str, split: str, regression: bool) -> OrbitStatistics:
    own = model == "augmented_ensemble"
    same = None if regression else (0.7, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99)
    return OrbitStatistics(
        model=model,
        split=split,
        elements=ELEMENTS if own else ("e",),
        steps=STEPS,
        deviation=(0.9, 0.5, 0.3, 0.12, 0.09, 0.08, 0.08) if own else (3e-7,) * 7,
        deviation_floor=(0.88, 0.48, 0.29, 0.12, 0.09, 0.07, 0.08) if own else (0.0,) * 7,
        member_deviation=(9.0, 5.0, 2.0, 1.1, 0.9, 0.8, 0.7) if own else (3e-7,) * 7,
        same_prediction=(same if own else (1.0,) * 7) if same else None,
        same_prediction_error=((0.02,) * 7 if own else (0.0,) * 7) if same else None,
    )


def _metric(model: str, split: str, metric: str, unit: str) -> TaskMetrics:
    theory = model == "ntk"
    values = (0.5, 0.55, 0.6, 0.7, 0.75, 0.8, 0.81) if not unit else (900.0, 800.0, 600.0, 300.0, 200.0, 150.0, 140.0)
    spread = (None,) * 4 if theory else (0.01, values[-1] * 0.96, 0.004, 0.03)
    return TaskMetrics(model, split, metric, unit, STEPS, values, *spread)


def _trajectory(sample: int, output: str) -> Trajectory:
    mu = np.sin(sample + 1) * (1 - np.exp(-np.array(STEPS) / 50))
    return Trajectory(
        sample=sample,
        split="test" if sample < 3 else "ood",
        output=output,
        target=1.0 if sample < 3 else None,
        steps=STEPS,
        mean_a=tuple(mu + 0.03),
        spread_a=(0.5,) * 7,
        error_a=(0.05,) * 7,
        mean_b=tuple(mu - 0.02),
        spread_b=(0.3,) * 7,
        error_b=(0.03,) * 7,
        mu=tuple(mu),
        mu_spread_a=(0.48,) * 7,
        mu_spread_b=(0.29,) * 7,
    )


def _example(sample: int, images: bool, output: str) -> OrbitExample:
    image = np.add.outer(np.arange(8.0), np.arange(8.0) ** 2) * (1 + sample)
    return OrbitExample(
        sample=sample,
        split="test" if sample == 0 else "ood",
        label=(1,),
        outputs=("benign", output),
        elements=ELEMENTS,
        augmented=tuple((0.1 + 0.02 * k, 0.9 - 0.02 * k) for k in range(4)),
        augmented_member=tuple((0.6 - 0.3 * k, 0.4 + 0.3 * k) for k in range(4)),
        gcnn=(0.13, 0.87),
        image=tuple(tuple(row) for row in image.tolist()) if images else None,
    )


def _parity(model: str) -> Parity:
    target = np.linspace(-400, 400, 30)
    spread = np.full(30, 40.0)
    return Parity(model, "test", "atomisation energy", "meV", tuple(target), tuple(0.9 * target + 5), tuple(spread))


def _scalings(title: str) -> tuple[WidthScaling, ...]:
    head, errors = (10, (64, 256, 1024)), ((0.003, 0.001, 0.0005), (0.01,) * 3)
    return (
        WidthScaling(title, "difference per member", *head, (0.083, 0.036, 0.016), *errors, -0.594, 0.02, -0.5),
        WidthScaling(title, "distance of the means", *head, (0.03, nan, 0.002), *errors, None, None, -1.0),
    )


def _extrapolations(title: str) -> tuple[Extrapolation, ...]:
    widths = (64, 256, 1024)
    bias = (nan, *(2.5,) * 6)
    return (Extrapolation(title, "augmented - gcnn", STEPS, widths, (0.02,) * 7, (0.021,) * 7, (-4e-5,) * 7, bias),)


def _learning(title: str) -> tuple[LearningCurve, ...]:
    return tuple(
        LearningCurve(title, model, "mae", "meV", (50, 100, 200), (400.0, 300.0, 200.0), (20.0, 12.0, 9.0), (1,) * 3)
        for model in ("augmented_ensemble", "gcnn_ensemble", "ntk")
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
