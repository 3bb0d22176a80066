"""Lower bound of the true RMS distance that holds at all counted steps at once: what shows that means differ.

That the true distance is at most the margin at every step is refuted if |d|^2 is, at some step, larger than

    |d|^2 = (margin + sqrt(v_1) t)^2 + R

reaches by chance; as in `equivalence`, for the least favourable direction (most noise along the difference) and with
the laws of t and R given there. The same units are seen at every step, so the noise of the steps moves together and a
correction for independent steps (Bonferroni) would give members away. The dependence is taken from the units: with
independent w_i ~ N(0, 1), G the Gram matrix of the centred units of a step and u its first eigenvector, w.u stands
for the noise along the difference and w^T G w - v_1 (w.u)^2 for R; draws of t and R are put into the order of these.
The level of a single step is the largest for which all steps together keep the level of the report (single-step
max-T; Hothorn, Bretz and Westfall, Biometrical Journal 50, 2008).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.statistics.distance import Distance
from eqntk_cli.report.statistics.equivalence import Noise, draw_noise, lower_bound


@dataclass(frozen=True)
class LowerBounds:
    """Simultaneous lower confidence bounds of the true RMS distance, and the level that each step has for itself."""

    bounds: tuple[float, ...]
    level: float


def lower_bounds(distances: Sequence[Distance], margins: Sequence[float], level: float, seed: int) -> LowerBounds:
    """Bounds at the counted steps; the true distance lies below one of them with a chance of at most `level`.

    Args:
        distances: at the counted steps, of the same units.
        margins: where the dependence over steps is taken: true distances on the margin at every step.
        level: of all steps together.
        seed: of the draws.
    """
    noises = joint_noise(distances, seed)
    chances = [
        _chances((margin + noise.along) ** 2 + noise.rest) for margin, noise in zip(margins, noises, strict=True)
    ]
    single = float(np.quantile(np.min(chances, axis=0), level, method="lower"))
    bounds = tuple(lower_bound(*pair, single) for pair in zip(distances, noises, strict=True))
    return LowerBounds(bounds, single)


def joint_noise(distances: Sequence[Distance], seed: int) -> list[Noise]:
    """Draws of the noise of every step as in `draw_noise`, in an order that makes the steps move together."""
    generator = np.random.default_rng([seed, 44])
    weights: Float[np.ndarray, "draw unit"] | None = None
    before = None
    ordered = []
    for distance in distances:
        noise = draw_noise(distance, seed)
        if weights is None:
            weights = generator.standard_normal((len(noise.along), len(distance.gram)), dtype=np.float32)
        top = np.linalg.eigh(distance.gram)[1][:, -1]
        if before is not None and top @ before < 0:  # the sign of an eigenvector is free; differences move smoothly
            top = -top
        before = top
        along = weights @ top.astype(np.float32)
        rest = np.einsum("du,du->d", weights @ distance.gram.astype(np.float32), weights) - distance.top * along**2
        ordered.append(Noise(_in_order_of(noise.along, along), _in_order_of(noise.rest, rest)))
    return ordered


def _in_order_of(values: Float[np.ndarray, " draw"], pattern: Float[np.ndarray, " draw"]) -> Float[np.ndarray, " draw"]:
    """The values permuted so that they rank as the pattern does."""
    permuted = np.empty_like(values)
    permuted[np.argsort(pattern)] = np.sort(values)
    return permuted


def _chances(values: Float[np.ndarray, " draw"]) -> Float[np.ndarray, " draw"]:
    """For every draw the share of draws that are at least as large."""
    shares = np.empty(len(values))
    shares[np.argsort(-values)] = np.arange(1, len(values) + 1) / len(values)
    return shares
