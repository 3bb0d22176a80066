"""Worked examples for the eye: trajectories and orbits of some samples, and parity plots of regressions.

The samples are the first ones of their split, never chosen by what they show.
"""

import numpy as np

from eqntk_cli.report.findings import OrbitExample, Parity, Series, Trajectory
from eqntk_cli.report.read.reduce import Reduced
from eqntk_cli.report.read.theory import Theory

_TRAJECTORIES = 6
_ORBITS = {"test": 4, "ood": 2}


def trajectories(augmented: Reduced, gcnn: Reduced, theory: Theory | None) -> tuple[Trajectory, ...]:
    """The first test samples over training, each at the output of its largest target."""
    run = augmented.run
    chosen = augmented.places("test")[:_TRAJECTORIES]
    target = run.target
    outputs = np.argmax(np.nan_to_num(np.abs(target[chosen])), axis=1)
    mu = deviation_a = deviation_b = None
    if theory is not None:
        mean = theory.mean(theory.kernel_for("gcnn_ensemble"), chosen)
        mu = mean.reshape(len(mean), len(chosen), -1)
        variance_a, variance_b = (theory.variance(name, chosen) for name in ("augmented_ensemble", "gcnn_ensemble"))
        deviation_a = None if variance_a is None else np.sqrt(np.maximum(variance_a, 0))
        deviation_b = None if variance_b is None else np.sqrt(np.maximum(variance_b, 0))
    return tuple(
        Trajectory(
            sample=int(place),
            split="test",
            output=run.outputs[output],
            target=float(target[place, output]) if np.isfinite(target[place, output]) else None,
            steps=run.steps,
            mean_a=_series(augmented.mean[:, place, output]),
            spread_a=_series(np.sqrt(augmented.variance[:, place, output])),
            mean_b=_series(gcnn.mean[:, place, output]),
            spread_b=_series(np.sqrt(gcnn.variance[:, place, output])),
            mu=None if mu is None else _series(mu[:, number, output]),
            mu_spread_a=None if deviation_a is None else _series(deviation_a[:, number]),
            mu_spread_b=None if deviation_b is None else _series(deviation_b[:, number]),
        )
        for number, (place, output) in enumerate(zip(chosen, outputs, strict=True))
    )


def orbit_examples(augmented: Reduced, gcnn: Reduced) -> tuple[OrbitExample, ...]:
    """Predictions along the orbits of the first samples after the last step; images where the run kept them."""
    run, label = augmented.run, augmented.run.label
    if len(run.elements) < 2:
        return ()
    places = [(split, place) for split, count in _ORBITS.items() for place in augmented.places(split)[:count]]
    return tuple(
        OrbitExample(
            sample=int(place),
            split=split,
            label=None if label is None or np.any(label[place] < 0) else tuple(int(each) for each in label[place]),
            outputs=run.outputs,
            elements=run.elements,
            augmented=tuple(_series(row) for row in augmented.orbit_mean[-1, :, place]),
            augmented_member=tuple(_series(row) for row in augmented.first_orbit[:, place]),
            gcnn=_series(gcnn.mean[-1, place]),
            image=_image(augmented, int(place)),
        )
        for split, place in places
    )


def parity(reduced: Reduced) -> Parity | None:
    """Predicted against true test values after the last step; None for a classification."""
    places, scale = reduced.places("test"), reduced.run.scale
    target = reduced.run.target[places]
    known = np.isfinite(target)
    if reduced.run.task.classifies or not known.any():
        return None
    return Parity(
        model=reduced.run.record.model,
        split="test",
        quantity=scale.name,
        unit=scale.unit,
        target=_series(scale.physical(target)[known]),
        prediction=_series(scale.physical(reduced.mean[-1, places])[known]),
        spread=_series(np.sqrt(reduced.variance[-1, places])[known] * abs(scale.scale)),
    )


def _image(reduced: Reduced, place: int) -> tuple[tuple[float, ...], ...] | None:
    """Grey values of the input, if the run kept it and it is an image."""
    data = reduced.run.data
    if "input" not in data.data_vars or data["input"].ndim != 4 or place not in data["shown"].values:
        return None
    image = np.asarray(data["input"][int(np.flatnonzero(data["shown"].values == place)[0])].values)
    return tuple(_series(row) for row in image.mean(axis=2))


def _series(values: np.ndarray) -> Series:
    return tuple(float(value) for value in values)
