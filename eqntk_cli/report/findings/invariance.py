"""How invariant an ensemble of plain networks is: its mean along the orbits of the samples.

Relative orbit deviation: sqrt(mean_x Var_g F(g x)) / RMS F with F the mean over members (Gerken and Kessel 2024). A
mean of M members deviates even if the infinite ensemble is invariant; that floor is the deviation of single draws
(members, or pairs of antithetic ones) around the ensemble's, divided by the root of their number. For classifiers also
the share of (x, g) for which the predicted class is the one at g = e, the orbit same prediction.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.findings.base import MODEL, SPLIT, STEPS, Counts, Series, Sheet, column
from eqntk_cli.report.findings.scope import PairCase, PairFinding, Picture
from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.style import look_of
from eqntk_cli.report.paper.table import percent
from eqntk_cli.targets.scale import TargetScale
from eqntk_cli.targets.task import Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SMALLEST = 1e-4  # below it a model is invariant up to rounding and is named in words instead of drawn
_SPLITS = {"test": (0, ()), "ood": (0, (2.5, 1.2)), "train": (0, (1, 1))}


@dataclass(frozen=True)
class OrbitStatistics(PairFinding):
    """How invariant the ensemble mean (and one member) is under the group, for one model and split."""

    KEY = "orbits"
    SHEETS = (
        Sheet(
            "orbits",
            "Invariance on the orbit",
            "Orbit deviation: standard deviation of the ensemble mean over the group elements, in units of its RMS. "
            "Same class: share of moved samples that get the class of the unmoved one.",
        ),
    )
    PICTURE = Picture(
        "invariance",
        "Invariance under the group",
        "Relative orbit deviation of the augmented ensemble: standard deviation over group elements in units of the "
        "RMS prediction. Broad line: what the finite number of members alone would give. Thin: a single member, which "
        "is not invariant. Below (classifiers): share of moved samples that get the class of the unmoved one.",
        "predictions on moved samples",
    )

    model: Annotated[str, MODEL]
    split: Annotated[str, SPLIT]
    elements: tuple[str, ...]
    steps: Annotated[Counts, STEPS]
    deviation: Annotated[Series, column("Orbit deviation", percent)]  # sqrt(mean_x Var_g mean_f(g x)) / RMS of mean_f
    deviation_floor: Annotated[Series, column("expected from noise", percent)]  # what finitely many members would give
    member_deviation: Annotated[Series, column("single member", percent)]  # the same for members (RMS over them)
    # classifiers: share of (x, g) with the class of g = e, of the ensemble mean
    same_prediction: Annotated[Series | None, column("Same class on orbit", percent)]
    same_prediction_error: Annotated[Series | None, column("its error", percent)]  # standard error over samples

    @classmethod
    def measure(cls, case: PairCase) -> Iterator["OrbitStatistics"]:
        """The augmented ensemble on test and ood points."""
        ensemble, run = case.a, case.a.run
        for split in ("test", "ood") if len(run.elements) > 1 else ():
            places = ensemble.places(split)
            if len(places):
                yield orbit_statistics(
                    (run.record.model, split),
                    run.steps,
                    run.elements,
                    ensemble.orbit_mean[:, :, places],
                    (ensemble.orbit_variance[:, places], ensemble.draw_orbit_variance[:, places]),
                    np.square(ensemble.mean[:, places]) + ensemble.variance[:, places],
                    ensemble.draws,
                    run.task,
                    run.scale,
                )

    @classmethod
    def caption(cls, pair: PairAnalysis) -> str:
        """Also says how invariant the group ensemble was found to be."""
        measured = pair.invariance_error
        by_construction = f" The GCNN is invariant by construction; measured: {measured:.1g} of its prediction."
        return super().caption(pair) + ("" if measured is None else by_construction)

    @classmethod
    def draw(cls, pair: PairAnalysis) -> "Figure | None":
        """Orbit deviation over training and, for classifiers, the orbit same prediction; None if nothing was moved."""
        from eqntk_cli.report.paper.canvas import legend_above, log_values, new_figure, steps_axis

        orbits = [orbit for orbit in pair.of(cls) if orbit.split in ("test", "ood")]
        moved = [orbit for orbit in orbits if len(orbit.elements) > 1 and _largest(orbit.deviation) > _SMALLEST]
        if not moved:
            return None
        classes = [orbit for orbit in orbits if orbit.same_prediction is not None]
        figure, axes = new_figure(4.1 if classes else 2.6, 2 if classes else 1, sharex=True)
        for orbit in moved:
            _draw_deviation(axes[0], orbit)
        axes[0].set(yscale="log", ylabel="relative orbit deviation")
        log_values(axes[0].yaxis)
        steps_axis(axes[0], moved[0].steps)
        for orbit in classes:
            _draw_same(axes[1], orbit)
        if classes:
            axes[0].set_xlabel("")
            axes[1].set(ylabel="orbit same prediction", ylim=(None, 1.01))
            steps_axis(axes[1], moved[0].steps)
        legend_above(figure, axes[0])
        return figure


def orbit_statistics(
    labels: tuple[str, str],
    steps: tuple[int, ...],
    elements: tuple[str, ...],
    mean: Float[np.ndarray, "step element sample output"],
    along: tuple[Float[np.ndarray, "step sample output"], Float[np.ndarray, "step sample output"]],
    member_square: Float[np.ndarray, "step sample output"],
    draws: int,
    task: Task,
    scale: TargetScale,
) -> OrbitStatistics:
    """The statistics at every step.

    Args:
        labels: model and split.
        steps: recorded steps.
        elements: names of the group elements.
        mean: mean over members of f(g x).
        along: mean over members of Var_g f(g x), and the same over draws: members, or antithetic pairs.
        member_square: mean over members of f(x)^2.
        draws: how many.
        task: says what the predicted class is.
        scale: of the encoding of the classes.
    """
    deviation = mean.var(axis=1).mean(axis=(1, 2))
    single, of_draw = (variances.mean(axis=(1, 2)) for variances in along)
    size = np.sqrt(np.mean(np.square(mean.mean(axis=1)), axis=(1, 2)))
    member_size = np.sqrt(member_square.mean(axis=(1, 2)))
    floor = np.maximum(of_draw - deviation, 0) / (draws - 1)
    same = error = None
    if task.classifies:
        identity = elements.index("e") if "e" in elements else 0
        classes = [task.classes(step_mean, scale) for step_mean in mean]  # (element, sample, label) each
        # share of the elements, the identity included, that give the class of the identity: (step, sample)
        agree = np.stack([task.same_class(predicted, predicted[identity]).mean(axis=0) for predicted in classes])
        same = tuple(agree.mean(axis=1).tolist())
        error = tuple((agree.std(axis=1) / np.sqrt(agree.shape[1])).tolist())
    model, split = labels
    return OrbitStatistics(
        model=model,
        split=split,
        elements=elements,
        steps=steps,
        deviation=_ratio(np.sqrt(deviation), size),
        deviation_floor=_ratio(np.sqrt(floor), size),
        member_deviation=_ratio(np.sqrt(single), member_size),
        same_prediction=same,
        same_prediction_error=error,
    )


def _ratio(a: Float[np.ndarray, " step"], b: Float[np.ndarray, " step"]) -> tuple[float, ...]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return tuple((a / b).tolist())


def _largest(deviation: Series) -> float:
    """The largest one that exists: centred members start at zero, where a relative deviation means nothing."""
    return max((value for value in deviation if np.isfinite(value)), default=0.0)


def _draw_deviation(axes: "Axes", orbit: OrbitStatistics) -> None:
    from eqntk_cli.report.paper.canvas import line, positive

    look, dashes, split = look_of(orbit.model), _SPLITS[orbit.split], orbit.split
    alone = {"linestyle": dashes, "marker": "", "linewidth": 0.8, "alpha": 0.7}
    line(axes, orbit.steps, positive(orbit.member_deviation), look, **alone, label=f"one member, {split}")
    line(axes, orbit.steps, positive(orbit.deviation), look, linestyle=dashes, label=f"mean of all, {split}")
    floor = positive(orbit.deviation_floor)
    if np.isfinite(floor).any():
        broad = {"linestyle": "-", "marker": "", "linewidth": 3.4, "alpha": 0.22}
        line(axes, orbit.steps, floor, look, **broad, label=f"noise alone, {split}")


def _draw_same(axes: "Axes", orbit: OrbitStatistics) -> None:
    look = look_of(orbit.model)
    same = np.array(orbit.same_prediction, dtype=float)
    error = np.nan_to_num(np.array(orbit.same_prediction_error or np.zeros_like(same), dtype=float))
    bars = look.style() | {"linestyle": _SPLITS[orbit.split], "label": f"{look.label}, {orbit.split}"}
    axes.errorbar(orbit.steps, same, yerr=error, **bars)
    axes.legend(loc="lower right")
