"""How invariant an ensemble of plain networks is: its mean along the orbits of the samples.

Relative orbit deviation: sqrt(mean_x Var_g F(g x)) / RMS F with F the mean over members (Gerken and Kessel 2024). A
mean of M members deviates even if the infinite ensemble is invariant; that floor is the deviation of single members
around the ensemble's, divided by sqrt(M). For classifiers also the share of (x, g) for which the predicted class is
the one at g = e, the orbit same prediction.
"""

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.findings import OrbitStatistics
from eqntk_cli.targets.scale import TargetScale
from eqntk_cli.targets.task import Task


def orbit_statistics(
    labels: tuple[str, str],
    steps: tuple[int, ...],
    elements: tuple[str, ...],
    mean: Float[np.ndarray, "step element sample output"],
    along: Float[np.ndarray, "step sample output"],
    member_square: Float[np.ndarray, "step sample output"],
    members: int,
    task: Task,
    scale: TargetScale,
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
        scale: of the encoding of the classes.
    """
    deviation = mean.var(axis=1).mean(axis=(1, 2))
    single = along.mean(axis=(1, 2))
    size = np.sqrt(np.mean(np.square(mean.mean(axis=1)), axis=(1, 2)))
    member_size = np.sqrt(member_square.mean(axis=(1, 2)))
    floor = np.maximum(single - deviation, 0) / (members - 1)
    same = error = None
    if task.classifies:
        identity = elements.index("e") if "e" in elements else 0
        classes = [task.classes(step_mean, scale) for step_mean in mean]  # (element, sample, label) each
        # share of the elements, the identity included, that give the class of the identity: (step, sample)
        agree = np.stack([task.same_class(each, each[identity]).mean(axis=0) for each in classes])
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
