"""How invariant an ensemble of plain networks is: its mean along the orbits of the samples.

Relative orbit deviation: sqrt(mean_x Var_g F(g x)) / RMS F with F the mean over members (Gerken and Kessel 2024). A
mean of M members deviates even if the infinite ensemble is invariant; that floor is the deviation of single members
around the ensemble's, divided by sqrt(M). For classifiers also the share of (x, g) for which the predicted class is
the one at g = e, the orbit same prediction.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from eqntk_cli.report.findings import OrbitStatistics
from eqntk_cli.report.statistics.task import Task


def orbit_statistics(
    labels: tuple[str, str],
    steps: tuple[int, ...],
    elements: tuple[str, ...],
    mean: Float[np.ndarray, "step element sample output"],
    along: Float[np.ndarray, "step sample output"],
    member_square: Float[np.ndarray, "step sample output"],
    members: int,
    task: Task,
) -> OrbitStatistics:
    """The statistics at every step.

    Args:
        labels: model and split.
        steps: recorded steps.
        elements: names of the group elements.
        mean: mean over members of f(g x).
        along: mean over members of Var_g f(g x).
        member_square: mean over members of f(x)^2.
        members: how many.
        task: says what the predicted class is.
    """
    deviation = mean.var(axis=1).mean(axis=(1, 2))
    single = along.mean(axis=(1, 2))
    scale = np.sqrt(np.mean(np.square(mean.mean(axis=1)), axis=(1, 2)))
    member_scale = np.sqrt(member_square.mean(axis=(1, 2)))
    floor = np.maximum(single - deviation, 0) / (members - 1)
    same = error = None
    if task.classifies:
        identity = elements.index("e") if "e" in elements else 0
        agree = np.stack([_agreement(task.classes(step_mean), identity) for step_mean in mean])  # (step, sample)
        same = tuple(agree.mean(axis=1).tolist())
        error = tuple((agree.std(axis=1) / np.sqrt(agree.shape[1])).tolist())
    model, split = labels
    return OrbitStatistics(
        model=model,
        split=split,
        elements=elements,
        steps=steps,
        deviation=_ratio(np.sqrt(deviation), scale),
        deviation_floor=_ratio(np.sqrt(floor), scale),
        member_deviation=_ratio(np.sqrt(single), member_scale),
        same_prediction=same,
        same_prediction_error=error,
    )


def _agreement(classes: Int[np.ndarray, "element sample label"], identity: int) -> Float[np.ndarray, " sample"]:
    """Share of the group elements (and labels) that give the class of the identity, itself included."""
    same: Bool[np.ndarray, "element sample label"] = classes == classes[identity]
    return same.mean(axis=(0, 2))


def _ratio(a: Float[np.ndarray, " step"], b: Float[np.ndarray, " step"]) -> tuple[float, ...]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return tuple((a / b).tolist())
